"""Ids that change within one path: joined where that is clear, and kept apart elsewhere."""

from collections.abc import Sequence

import numpy as np
import pytest
from scenes import Walker, circle, detect, line

from tcpformer.tracking.join import join_tracks
from tcpformer.tracking.tracker import Detection, Track

LEFT, RIGHT = (-3.0, 6.0), (3.0, 6.0)
WALKERS = {
    "walks across": Walker(line(LEFT, RIGHT, 4)),
    "runs across": Walker(line(LEFT, RIGHT, 2)),
    "comes nearer": Walker(line((-2.0, 9.0), (0.5, 4.0), 4)),
    "walks in a circle": Walker(circle(1.5, 6.0, 5.0)),
    "stands": Walker(lambda _: (0.0, 6.0)),
}
GAPS = (0, 1, 4, 8)


def seen(walker: Walker, frames: Sequence[int], seed: int = 0) -> Track:
    """Return the detections of a walker in some frames, 30 a second."""
    rng = np.random.default_rng(seed)
    found = [detect(walker, frame, rng) for frame in frames]
    return Track(tuple(d for d in found if d is not None))


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("name", WALKERS)
def test_join_tracks_joins_a_path_cut_in_two(name: str, gap: int) -> None:
    for cut in (15, 22, 30):
        parts = range(cut), range(cut + gap, 45)
        assert join_tracks([seen(WALKERS[name], part) for part in parts]) == [[0, 1]]


def test_join_tracks_does_not_depend_on_the_order_of_tracks() -> None:
    two = Walker(line((-3.0, 8.0), (3.0, 8.0), 4))
    parts = [seen(two, range(60)), seen(WALKERS["stands"], range(33, 60))]
    tracks = [*parts, seen(WALKERS["stands"], range(30))]
    assert join_tracks(tracks) == [[0], [1, 2]]
    assert join_tracks(tracks[::-1]) == [[0, 1], [2]]


def test_join_tracks_joins_many_ids_of_one_path() -> None:
    walker = WALKERS["walks across"]
    tracks = [seen(walker, range(start, start + 7)) for start in range(10, 80, 8)]
    assert join_tracks(tracks) == [list(range(9))]


def test_join_tracks_joins_an_id_that_comes_back() -> None:
    walker = WALKERS["walks in a circle"]
    first = seen(walker, [*range(30), *range(36, 90)])
    assert join_tracks([first, seen(walker, range(30, 36))]) == [[0, 1]]


def test_join_tracks_keeps_people_who_cross_apart() -> None:
    right = Walker(line(LEFT, RIGHT, 4))
    left = Walker(line((3.0, 6.3), (-3.0, 6.3), 4))
    for lost, gap in [(54, 0), (54, 6), (58, 4), (60, 0), (56, 10)]:
        parts = range(lost), range(lost + gap, 120)
        tracks = [seen(w, part, seed) for part in parts for seed, w in enumerate((right, left))]
        groups = join_tracks(tracks)
        assert all(len({i % 2 for i in group}) == 1 for group in groups)


def test_join_tracks_keeps_whole_tracks_that_cross() -> None:
    tracks = [
        seen(Walker(line(LEFT, RIGHT, 4)), range(120)),
        seen(Walker(line((3.0, 6.1), (-3.0, 6.1), 4)), range(120)),
    ]
    assert join_tracks(tracks) == [[0], [1]]


@pytest.mark.parametrize(
    ("start", "stop", "after", "height"),
    [
        ((-2.0, 6.0), (2.0, 6.0), 1, 1.75),  # enters on the other side
        ((1.2, 6.0), (1.2, 5.0), 1, 1.75),  # stands a metre and a half beside
        ((2.9, 6.0), (0.5, 6.0), 9, 1.75),  # enters where the other one left
        ((2.7, 12.0), (6.0, 12.0), 1, 1.75),  # is behind, in the same place of the picture
        ((2.7, 6.0), (4.0, 6.0), 1, 1.0),  # is a child
        ((2.9, 6.0), (4.0, 6.0), 30, 1.75),  # comes a second later
    ],
)
def test_join_tracks_keeps_another_person_apart(
    start: tuple[float, float], stop: tuple[float, float], after: int, height: float
) -> None:
    first = seen(Walker(line((-1.5, 6.0), (2.7, 6.0), 3)), range(90))
    entry = first.detections[-1].frame + after
    path = line(start, stop, 2)
    other = Walker(lambda t: path(t - entry / 30), height)
    assert join_tracks([first, seen(other, range(entry, entry + 40), 1)]) == [[0], [1]]


def test_join_tracks_keeps_other_clothes_apart() -> None:
    path = line(LEFT, RIGHT, 4)
    tracks = [
        seen(Walker(path, clothes=c), part) for c, part in ((0.2, range(30)), (0.8, range(31, 60)))
    ]
    assert join_tracks(tracks) == [[0], [1]]


def test_join_tracks_keeps_ids_apart_that_two_people_exchange() -> None:
    near, far = WALKERS["stands"], Walker(lambda _: (2.0, 6.0))
    a, b = (
        Track((*seen(one, range(20)).detections, *seen(two, range(20, 40)).detections))
        for one, two in ((near, far), (far, near))
    )
    assert join_tracks([a, b]) == [[0], [1]]


def test_join_tracks_needs_no_rival_as_near() -> None:
    walker = WALKERS["walks across"]
    beside = Walker(line((-2.8, 6.0), (3.2, 6.0), 4))
    tracks = [seen(walker, range(30)), seen(walker, range(32, 60)), seen(beside, range(32, 60), 1)]
    assert join_tracks(tracks) == [[0], [1], [2]]


def test_join_tracks_of_detections_without_joints_goes_by_the_circle() -> None:
    def circle_at(frame: int) -> Detection:
        return Detection(frame, frame / 30, (300.0 + frame, 300.0), (300.0 + frame, 200.0), 1.0)

    tracks = [Track(tuple(map(circle_at, part))) for part in (range(20), range(22, 40))]
    assert join_tracks(tracks) == [[0, 1]]
    assert join_tracks([]) == []
