"""Tracking: laws on made-up circles, then the crossings and gaps that occur in videos."""

from dataclasses import replace

import numpy as np
import pytest

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
    select_people,
)

STEP = 1 / 3  # seconds between the frames looked at


def person(i: int, x: float, y: float = 300.0, radius: float = 100.0) -> Detection:
    x, y = float(x), float(y)
    return Detection(10 * i, i * STEP, (x, y), (x, y - radius), 1.0)


def walk(start: float, speed: float, times: range, **place: float) -> list[Detection]:
    """Somebody at x = start + speed * i, at the moments i given."""
    return [person(i, start + speed * i, **place) for i in times]


def film(*walks: list[Detection], seed: int = 0) -> list[list[Detection]]:
    """What is seen at each moment, in random order."""
    rng = np.random.default_rng(seed)
    frames = sorted({s.frame for w in walks for s in w})
    seen = [[s for w in walks for s in w if s.frame == frame] for frame in frames]
    return [[people[i] for i in rng.permutation(len(people))] for people in seen]


def as_sets(tracks: list[Track]) -> set[frozenset[Detection]]:
    return {frozenset(track.detections) for track in tracks}


# laws


def test_every_sighting_is_in_exactly_one_track() -> None:
    rng = np.random.default_rng(1)
    scans = []
    for i in range(30):
        numbers = rng.uniform((0, 0, 40), (900, 900, 200), (rng.integers(0, 6), 3)).tolist()
        scans.append([person(i, x, y, radius) for x, y, radius in numbers])
    tracks = link(scans)
    seen = [s for people in scans for s in people]
    assert sorted(map(id, seen)) == sorted(id(s) for track in tracks for s in track.detections)
    for track in tracks:
        times = [s.time for s in track.detections]
        assert (np.diff(times) > 0).all()
        assert (np.diff(times) <= DEFAULT_TRACKER.max_gap_s).all()


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_scale_of_the_picture_does_not_matter(factor: float) -> None:
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
        for people in film(*walks)
    ]
    sizes = [[s.frame for s in track.detections] for track in link(film(*walks))]
    assert [[s.frame for s in track.detections] for track in link(large)] == sizes


def test_order_within_a_frame_does_not_matter() -> None:
    walks = (walk(0, 40, range(12)), walk(450, -40, range(12)), walk(200, 5, range(12), y=700.0))
    assert as_sets(link(film(*walks, seed=1))) == as_sets(link(film(*walks, seed=2)))


def test_distance_is_symmetric_and_counts_in_radii() -> None:
    a, b = person(0, 0.0), person(0, 150.0, radius=50.0)
    assert distance(a, b) == distance(b, a) == pytest.approx(1.5)
    assert distance(a, a) == 0


def test_match_is_one_to_one() -> None:
    people = [person(1, x) for x in (0.0, 60.0, 120.0)]
    pairs = match([Track((person(0, x),)) for x in (10.0, 70.0)], people)
    assert sorted(pairs) == [(0, 0), (1, 1)]
    assert match([], people) == []
    assert match([Track((person(0, 0.0),))], []) == []


# what happens in videos


def test_people_who_cross_keep_their_tracks() -> None:
    right, left = walk(0, 40, range(16)), walk(580, -40, range(16))
    assert as_sets(link(film(right, left))) == {frozenset(right), frozenset(left)}


def test_a_gap_is_bridged_and_a_long_absence_is_not() -> None:
    moments = range(4), range(4 + 4, 12)  # unseen for five steps, 1.7 s
    seen = [s for part in moments for s in walk(0, 30, part)]
    assert as_sets(link(film(seen))) == {frozenset(seen)}
    away = walk(0, 0, range(4)) + walk(0, 0, range(4 + 8, 16))
    assert len(link(film(away))) == 2


def test_far_away_and_other_sizes_are_other_people() -> None:
    near, far = person(0, 0.0), person(1, 900.0)
    assert len(link([[near], [far]])) == 2
    child = person(1, 0.0, radius=45.0)
    assert len(link([[near], [child]])) == 2


def test_a_passer_by_does_not_take_over_a_gap() -> None:
    still = walk(300, 0, range(5)) + walk(300, 0, range(8, 14))
    passing = walk(-400, 90, range(14), y=420.0)
    assert frozenset(still) in as_sets(link(film(still, passing)))


# the place between sightings


def test_track_passes_through_its_sightings_and_straight_between() -> None:
    track = Track(tuple(walk(100, 30, range(4))))
    for sighting in track.detections:
        place = track.at(sighting.time)
        assert place is not None
        assert place.center == pytest.approx(sighting.center)
        assert place.radius == pytest.approx(sighting.radius)
    middle = track.at(1.5 * STEP)
    assert middle is not None
    assert middle.center == pytest.approx((145.0, 300.0))
    assert middle.scale_point == pytest.approx((145.0, 200.0))


def test_track_ends_but_may_be_asked_a_little_beyond() -> None:
    track = Track(tuple(walk(100, 30, range(2, 4))))
    start, end = track.detections[0], track.detections[-1]
    assert track.at(start.time - 0.1) is None
    assert track.at(end.time + 0.1) is None
    before, after = track.at(start.time - 0.1, 0.2), track.at(end.time + 0.1, 0.2)
    assert before is not None
    assert after is not None
    assert (before.center, after.center) == (start.center, end.center)
    assert before.score < start.score


# how alike two sightings are


def test_overlap_is_1_with_oneself_and_falls_with_distance() -> None:
    places = [person(0, x) for x in (0.0, 50.0, 100.0, 200.0)]
    shares = [overlap(places[0], other) for other in places]
    np.testing.assert_allclose(shares, [1, 1.5 / 2.5, 1 / 3, 0], atol=1e-9)


def test_postures_agree_by_the_joints_that_are_seen() -> None:
    joints = np.column_stack([np.arange(12.0).reshape(6, 2) * 10, np.ones(6)])
    here = replace(person(0, 0.0), joints=joints)
    assert keypoint_similarity(here, here) == pytest.approx(1)
    assert keypoint_similarity(here, person(0, 0.0)) is None
    moved = joints + np.array([1000, 0, 0])
    assert keypoint_similarity(here, replace(here, joints=moved)) == pytest.approx(0, abs=1e-9)
    moved[:3] = joints[:3]
    moved[3:, 2] = 0
    assert keypoint_similarity(here, replace(here, joints=moved)) == pytest.approx(1)


def test_clothes_differ_from_not_at_all_to_wholly() -> None:
    red, blue = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    assert hellinger(red, red) == 0
    assert hellinger(red, blue) == 1
    assert 0 < hellinger(red, (red + blue) / 2) < 1


# the choice


def test_the_larger_the_longer_and_the_surer_is_number_0() -> None:
    def track(count: int, radius: float, score: float = 1.0) -> Track:
        sightings = walk(0, 10, range(count), radius=radius)
        return Track(tuple(replace(s, score=score) for s in sightings))

    usual = track(10, 100.0)
    for lesser in (track(10, 60.0), track(6, 100.0), track(10, 100.0, 0.5)):
        for order in ([usual, lesser], [lesser, usual]):
            assert number_people(order) == {0: usual, 1: lesser}
            assert (
                select_people(number_people(order), 0)
                == select_people(number_people(order), "0")
                == {0: usual}
            )


def test_the_largest_and_the_longest_keep_their_numbers() -> None:
    large = Track(tuple(walk(0, 10, range(4), radius=150.0)))
    long = Track(tuple(walk(0, 10, range(10), radius=100.0)))
    people = number_people([large, long])
    assert people == select_people(people) == {0: long, 1: large}
    assert select_people(people, "largest") == {1: large}
    assert select_people(people, "longest") == {0: long}


@pytest.mark.parametrize("wrong", ["2", 2, -1, "tallest"])
def test_a_person_that_is_not_there_is_refused(wrong: str | int) -> None:
    tracks = [Track(tuple(walk(0, 10, range(n)))) for n in (4, 5)]
    with pytest.raises(ValueError, match=r"'longest' or a number from 0 to 1, got"):
        select_people(number_people(tracks), wrong)


def test_gaps_do_not_count_against_a_person() -> None:
    gappy = Track((*walk(0, 5, range(3)), *walk(0, 5, range(6, 12))))
    assert gappy.presence() == pytest.approx(Track(tuple(walk(0, 5, range(12)))).presence())
    assert Track((person(0, 0.0),)).presence() > 0


def test_choosing_among_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one track"):
        select_people({})


# as long as the video


def test_a_track_says_where_somebody_is_as_straight_lines_do() -> None:
    rng = np.random.default_rng(3)
    track = Track(tuple(person(i, x) for i, x in enumerate(rng.uniform(0, 900, 40))))
    times = np.array([s.time for s in track.detections])
    for time in [*rng.uniform(0, times[-1], 200), *times, *(times[:-1] + STEP / 2)]:
        place = track.at(time)
        assert place is not None
        assert place.center[0] == np.interp(time, times, [s.center[0] for s in track.detections])
        assert place.frame == min(track.detections, key=lambda s: abs(s.time - time)).frame


def test_a_growing_track_knows_the_mean_of_its_colours() -> None:
    rng = np.random.default_rng(4)
    looks = [None if i % 3 == 0 else rng.dirichlet(np.ones(8)) for i in range(50)]
    people = [replace(person(i, 0.0), appearance=look) for i, look in enumerate(looks)]
    growing = ActiveTrack(people[0])
    assert growing.appearance is None
    for i, somebody in enumerate(people[1:], start=2):
        growing.add(somebody)
        np.testing.assert_array_equal(growing.appearance, Track(tuple(people[:i])).appearance)


def test_linking_costs_as_much_an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sightings looked at for one more are a few, however long the tracks are."""
    look = np.full(4, 0.25)
    scans = [[replace(person(i, 300.0 * k), appearance=look) for k in range(2)] for i in range(600)]
    seen: list[int] = []
    mean = np.mean
    monkeypatch.setattr(np, "mean", lambda x, *a, **k: (seen.append(len(x)), mean(x, *a, **k))[1])
    assert [len(track.detections) for track in link(scans)] == [600, 600]
    assert sum(seen) <= 2 * 600  # of each track once, when it has ended
