"""The tracker on circles: invariances, crossings, gaps, and the numbers of people."""

from dataclasses import replace
from time import process_time

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tcpformer.tracking.tracker import (
    DEFAULT_TRACKER,
    ActiveTrack,
    Detection,
    Track,
    distance,
    hellinger,
    keypoint_similarity,
    link,
    match,
    number_people,
    overlap,
    reidentify,
    select_people,
)

STEP = 1 / 3  # seconds between the frames looked at


def person(i: int, x: float, y: float = 300.0, radius: float = 100.0) -> Detection:
    x, y = float(x), float(y)
    return Detection(10 * i, i * STEP, (x, y), (x, y - radius), 1.0)


def walk(start: float, speed: float, times: range, **place: float) -> list[Detection]:
    """Return the detections of a person at x = start + speed * i, for some i."""
    return [person(i, start + speed * i, **place) for i in times]


def frames_of(*walks: list[Detection], seed: int = 0) -> list[list[Detection]]:
    """Return the detections of each frame, in random order."""
    rng = np.random.default_rng(seed)
    frames = sorted({s.frame for w in walks for s in w})
    seen = [[s for w in walks for s in w if s.frame == frame] for frame in frames]
    return [[people[i] for i in rng.permutation(len(people))] for people in seen]


def as_sets(tracks: list[Track]) -> set[frozenset[Detection]]:
    return {frozenset(track.detections) for track in tracks}


# invariances


def test_link_puts_every_detection_into_one_track() -> None:
    rng = np.random.default_rng(1)
    frames = []
    for i in range(30):
        numbers = rng.uniform((0, 0, 40), (900, 900, 200), (rng.integers(0, 6), 3)).tolist()
        frames.append([person(i, x, y, radius) for x, y, radius in numbers])
    tracks = link(frames)
    seen = [s for people in frames for s in people]
    assert sorted(map(id, seen)) == sorted(id(s) for track in tracks for s in track.detections)
    for track in tracks:
        times = [s.time for s in track.detections]
        assert (np.diff(times) > 0).all()
        assert (np.diff(times) <= DEFAULT_TRACKER.max_gap_s).all()


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_link_is_invariant_to_image_scale(factor: float) -> None:
    walks = (walk(0, 40, range(12)), walk(500, -40, range(12), y=330.0))
    large = [
        [
            replace(
                s,
                center=(s.center[0] * factor, s.center[1] * factor),
                scale_point=(s.scale_point[0] * factor, s.scale_point[1] * factor),
            )
            for s in people
        ]
        for people in frames_of(*walks)
    ]
    sizes = [[s.frame for s in track.detections] for track in link(frames_of(*walks))]
    assert [[s.frame for s in track.detections] for track in link(large)] == sizes


def test_link_is_invariant_to_order_within_a_frame() -> None:
    walks = (walk(0, 40, range(12)), walk(450, -40, range(12)), walk(200, 5, range(12), y=700.0))
    assert as_sets(link(frames_of(*walks, seed=1))) == as_sets(link(frames_of(*walks, seed=2)))


def test_distance_is_symmetric_in_radii() -> None:
    a, b = person(0, 0.0), person(0, 150.0, radius=50.0)
    assert distance(a, b) == distance(b, a) == pytest.approx(1.5)
    assert distance(a, a) == 0


def test_match_is_one_to_one() -> None:
    people = [person(1, x) for x in (0.0, 60.0, 120.0)]
    pairs = match([Track((person(0, x),)) for x in (10.0, 70.0)], people)
    assert sorted(pairs) == [(0, 0), (1, 1)]
    assert match([], people) == []
    assert match([Track((person(0, 0.0),))], []) == []


# crossings and gaps


def test_link_separates_people_who_cross() -> None:
    right, left = walk(0, 40, range(16)), walk(580, -40, range(16))
    assert as_sets(link(frames_of(right, left))) == {frozenset(right), frozenset(left)}


def test_link_bridges_a_gap_but_not_a_long_absence() -> None:
    moments = range(4), range(4 + 4, 12)  # unseen for five steps, 1.7 s
    seen = [s for part in moments for s in walk(0, 30, part)]
    assert as_sets(link(frames_of(seen))) == {frozenset(seen)}
    away = walk(0, 0, range(4)) + walk(0, 0, range(4 + 8, 16))
    assert len(link(frames_of(away))) == 2


def test_link_separates_distant_and_differently_sized_people() -> None:
    near, far = person(0, 0.0), person(1, 900.0)
    assert len(link([[near], [far]])) == 2
    child = person(1, 0.0, radius=45.0)
    assert len(link([[near], [child]])) == 2


def test_link_does_not_fill_a_gap_with_a_passer_by() -> None:
    still = walk(300, 0, range(5)) + walk(300, 0, range(8, 14))
    passing = walk(-400, 90, range(14), y=420.0)
    assert frozenset(still) in as_sets(link(frames_of(still, passing)))


# interpolation


def test_track_at_passes_through_detections_and_straight_between() -> None:
    track = Track(tuple(walk(100, 30, range(4))))
    for detection in track.detections:
        place = track.at(detection.time)
        assert place is not None
        assert place.center == pytest.approx(detection.center)
        assert place.radius == pytest.approx(detection.radius)
    middle = track.at(1.5 * STEP)
    assert middle is not None
    assert middle.center == pytest.approx((145.0, 300.0))
    assert middle.scale_point == pytest.approx((145.0, 200.0))


def test_track_at_extends_beyond_its_ends_on_request() -> None:
    track = Track(tuple(walk(100, 30, range(2, 4))))
    start, end = track.detections[0], track.detections[-1]
    assert track.at(start.time - 0.1) is None
    assert track.at(end.time + 0.1) is None
    before, after = track.at(start.time - 0.1, 0.2), track.at(end.time + 0.1, 0.2)
    assert before is not None
    assert after is not None
    assert (before.center, after.center) == (start.center, end.center)
    assert before.score < start.score


# similarities


def test_overlap_falls_from_1_with_distance() -> None:
    places = [person(0, x) for x in (0.0, 50.0, 100.0, 200.0)]
    shares = [overlap(places[0], other) for other in places]
    np.testing.assert_allclose(shares, [1, 1.5 / 2.5, 1 / 3, 0], atol=1e-9)


def test_keypoint_similarity_counts_joints_seen_in_both() -> None:
    joints = np.column_stack([np.arange(12.0).reshape(6, 2) * 10, np.ones(6)])
    here = replace(person(0, 0.0), joints=joints)
    assert keypoint_similarity(here, here) == pytest.approx(1)
    assert keypoint_similarity(here, person(0, 0.0)) is None
    moved = joints + np.array([1000, 0, 0])
    assert keypoint_similarity(here, replace(here, joints=moved)) == pytest.approx(0, abs=1e-9)
    moved[:3] = joints[:3]
    moved[3:, 2] = 0
    assert keypoint_similarity(here, replace(here, joints=moved)) == pytest.approx(1)


def test_hellinger_lies_between_0_and_1() -> None:
    red, blue = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    assert hellinger(red, red) == 0
    assert hellinger(red, blue) == 1
    assert 0 < hellinger(red, (red + blue) / 2) < 1


# numbers and selection


def test_number_people_ranks_by_size_duration_and_score() -> None:
    def track(count: int, radius: float, score: float = 1.0) -> Track:
        detections = walk(0, 10, range(count), radius=radius)
        return Track(tuple(replace(s, score=score) for s in detections))

    usual = track(10, 100.0)
    for lesser in (track(10, 60.0), track(6, 100.0), track(10, 100.0, 0.5)):
        for order in ([usual, lesser], [lesser, usual]):
            assert number_people(order) == {0: usual, 1: lesser}
            assert (
                select_people(number_people(order), 0)
                == select_people(number_people(order), "0")
                == {0: usual}
            )


def test_select_people_keeps_numbers_of_largest_and_longest() -> None:
    large = Track(tuple(walk(0, 10, range(4), radius=150.0)))
    long = Track(tuple(walk(0, 10, range(10), radius=100.0)))
    people = number_people([large, long])
    assert people == select_people(people) == {0: long, 1: large}
    assert select_people(people, "largest") == {1: large}
    assert select_people(people, "longest") == {0: long}


@pytest.mark.parametrize("wrong", ["2", 2, -1, "tallest"])
def test_select_people_refuses_an_unknown_person(wrong: str | int) -> None:
    tracks = [Track(tuple(walk(0, 10, range(n)))) for n in (4, 5)]
    with pytest.raises(ValueError, match=r"'longest' or a number from 0 to 1, got"):
        select_people(number_people(tracks), wrong)


def test_presence_includes_gaps() -> None:
    gappy = Track((*walk(0, 5, range(3)), *walk(0, 5, range(6, 12))))
    assert gappy.presence() == pytest.approx(Track(tuple(walk(0, 5, range(12)))).presence())
    assert Track((person(0, 0.0),)).presence() > 0


def test_select_people_refuses_no_tracks() -> None:
    with pytest.raises(ValueError, match="at least one track"):
        select_people({})


# long videos


def test_track_at_equals_linear_interpolation() -> None:
    rng = np.random.default_rng(3)
    track = Track(tuple(person(i, x) for i, x in enumerate(rng.uniform(0, 900, 40))))
    times = np.array([s.time for s in track.detections])
    for time in [*rng.uniform(0, times[-1], 200), *times, *(times[:-1] + STEP / 2)]:
        place = track.at(time)
        assert place is not None
        assert place.center[0] == np.interp(time, times, [s.center[0] for s in track.detections])
        assert place.frame == min(track.detections, key=lambda s: abs(s.time - time)).frame


def test_active_track_averages_appearance() -> None:
    rng = np.random.default_rng(4)
    histograms = [None if i % 3 == 0 else rng.dirichlet(np.ones(8)) for i in range(50)]
    people = [
        replace(person(i, 0.0), appearance=histogram) for i, histogram in enumerate(histograms)
    ]
    active = ActiveTrack(people[0])
    assert active.appearance is None
    for i, detection in enumerate(people[1:], start=2):
        active.add(detection)
        np.testing.assert_array_equal(active.appearance, Track(tuple(people[:i])).appearance)


def test_link_costs_the_same_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over a whole track is computed once, when it has ended."""
    histogram = np.full(4, 0.25)
    frames = [
        [replace(person(i, 300.0 * k), appearance=histogram) for k in range(2)] for i in range(600)
    ]
    seen: list[int] = []
    mean = np.mean
    monkeypatch.setattr(np, "mean", lambda x, *a, **k: (seen.append(len(x)), mean(x, *a, **k))[1])
    assert [len(track.detections) for track in link(frames)] == [600, 600]
    assert sum(seen) <= 2 * 600  # each track once


# many people


def crowd(count: int, frames: int) -> list[list[Detection]]:
    """Return people who walk straight on, with joints; some have no joints, some no clothes."""
    rng = np.random.default_rng(5)
    start, velocity = rng.uniform(0, 3000, (count, 2)), rng.normal(0, 60, (count, 2))
    clothes, body = rng.dirichlet(np.ones(8), count), rng.normal(0, 30, (9, 2))

    def seen(i: int, k: int) -> Detection:
        x, y = (start[k] + velocity[k] * i * STEP + rng.normal(0, 2, 2)).tolist()
        joints = np.column_stack([body + np.array([x, y]), rng.uniform(0, 1, 9)]) if k % 5 else None
        appearance = clothes[k] if k % 7 else None
        return replace(person(i, x, y, 80.0 + k % 9), joints=joints, appearance=appearance)

    return [[seen(i, k) for k in rng.permutation(count)] for i in range(frames)]


def test_match_takes_the_cheapest_pairs_of_a_crowd() -> None:
    config, (first, second) = DEFAULT_TRACKER, crowd(40, 2)
    tracks = [Track((detection,)) for detection in first]

    def cost(before: Detection, after: Detection) -> float:
        growth = abs(np.log(after.radius / before.radius))
        offset = distance(before, after)
        if growth > config.max_growth or offset > config.gate + config.max_speed * STEP:
            return 1e6
        posture = keypoint_similarity(before, after)
        total = offset + growth + config.overlap_cost * (1 - overlap(before, after))
        total += 0.0 if posture is None else config.posture_cost * (1 - posture)
        if before.appearance is None or after.appearance is None:
            return total
        return total + config.appearance_cost * hellinger(before.appearance, after.appearance)

    costs = np.array([[cost(a, b) for b in second] for a in first])
    rows, columns = linear_sum_assignment(costs)
    wanted = [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True)]
    assert match(tracks, second) == [(r, c) for r, c in wanted if costs[r, c] < 1e6]


def test_link_takes_seconds_for_a_crowd() -> None:
    """Costs of pairs are computed at once: 200 people took 2.5 s a frame one by one."""
    start = process_time()
    tracks = link(crowd(200, 10))
    assert process_time() - start < 10
    assert len([track for track in tracks if len(track.detections) == 10]) > 150


def test_reidentify_takes_seconds_for_many_tracks() -> None:
    rng = np.random.default_rng(6)
    clothes = np.repeat(rng.dirichlet(np.full(32, 0.2), 150), 2, axis=0)
    tracks = [
        Track((replace(person(30 * i, 0.0), appearance=each),)) for i, each in enumerate(clothes)
    ]
    start = process_time()
    joined = reidentify(tracks)
    assert process_time() - start < 5
    assert len(joined) == 150
    assert all(len({id(d.appearance) for d in track.detections}) == 2 for track in joined)
