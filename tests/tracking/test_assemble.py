"""From detections to people: ids, numbers, and detections without a trunk."""

from dataclasses import replace

import numpy as np
import pytest
from networks import STANDING

from tcpformer.detections import Detections
from tcpformer.skeleton import COCO
from tcpformer.tracking import assemble, assemble_people

FRAMES = 5


def walkers(*scales: float) -> Detections:
    """Return people of some sizes side by side, who walk to the right; one row each a frame."""
    people = [
        [
            np.column_stack(
                [
                    scale * (STANDING + np.array([2 * frame, 0])) + np.array([300 * i, 0]),
                    np.full(17, 0.9),
                ]
            )
            for i, scale in enumerate(scales)
        ]
        for frame in range(FRAMES)
    ]
    times = [frame / 10 for frame in range(FRAMES)]
    return Detections.from_frames(people, COCO, times=times, size=(640, 480), fps=10.0)


def test_assemble_people_tracks_detections_without_ids() -> None:
    found = assemble_people(walkers(2.0, 4.0))
    assert [motion.person for motion in found] == [0, 1]  # the larger one is number 0
    for motion, column in zip(found, (1, 0), strict=True):
        np.testing.assert_array_equal(motion.xy, walkers(2.0, 4.0).xy[column::2])
        assert motion.valid.all()


def test_assemble_people_keeps_ids() -> None:
    two = walkers(2.0, 2.0)
    swapped = ("b", "a", "a", "b") + ("b", "a") * 3
    first, second = assemble_people(replace(two, ids=swapped))
    np.testing.assert_array_equal(first.xy[[0, 1]], two.xy[[0, 3]])
    np.testing.assert_array_equal(second.xy[[0, 1]], two.xy[[1, 2]])


def test_assemble_people_tracks_the_rows_without_id() -> None:
    ids = ("b", None) * FRAMES
    first, second = assemble_people(replace(walkers(2.0, 4.0), ids=ids))
    assert first.valid.all()
    assert second.valid.all()


def test_assemble_people_leaves_out_rows_without_trunk() -> None:
    one = walkers(2.0)
    low = np.full_like(one.confidence, 0.1)
    third = np.arange(len(low))[:, None] == 2
    (motion,) = assemble_people(replace(one, confidence=np.where(third, low, one.confidence)))
    assert motion.valid.tolist() == [True, True, False, True, True]
    assert (motion.xy[2] == 0).all()
    with pytest.raises(ValueError, match="no one's hips and shoulders"):
        assemble_people(replace(one, confidence=low))


def test_assemble_people_of_tracked_detections_keeps_numbers_and_all_rows() -> None:
    two = replace(walkers(2.0, 4.0), ids=("3", "1") * FRAMES, tracked=True)
    two = replace(two, confidence=np.full_like(two.confidence, 0.01))
    large, small = assemble_people(two)
    assert (large.person, small.person) == (1, 3)
    np.testing.assert_array_equal(small.xy, two.xy[::2])
    assert small.valid.all()


def test_assemble_people_fills_unseen_frames_of_tracked_detections_with_0() -> None:
    one = walkers(2.0)
    rows = [0, 1, 4]
    gappy = replace(
        one,
        xy=one.xy[rows],
        confidence=one.confidence[rows],
        frame=one.frame[rows],
        ids=("0",) * 3,
        tracked=True,
    )
    (motion,) = assemble_people(gappy)
    assert motion.valid.tolist() == [True, True, False, False, True]
    np.testing.assert_array_equal(motion.xy[rows], one.xy[rows])
    assert not motion.confidence[2:4].any()


@pytest.mark.parametrize(("person", "number"), [("largest", 1), (3, 3), ("3", 3)])
def test_assemble_people_selects_a_tracked_person(person: str | int, number: int) -> None:
    two = replace(walkers(2.0, 4.0), ids=("3", "1") * FRAMES, tracked=True)
    (motion,) = assemble_people(two, person)
    assert motion.person == number


def test_assemble_people_refuses_a_number_that_no_one_has() -> None:
    two = replace(walkers(2.0, 4.0), ids=("3", "1") * FRAMES, tracked=True)
    with pytest.raises(ValueError, match=r"a number in \[1, 3\], got 2"):
        assemble_people(two, 2)


def test_assemble_people_passes_on_the_camera() -> None:
    one = replace(walkers(2.0), focal=800.0, focal_source="a calibration")
    (motion,) = assemble_people(one)
    assert (motion.focal, motion.focal_source) == (800.0, "a calibration")
    assert (motion.size, motion.fps) == ((640, 480), 10.0)
    np.testing.assert_array_equal(motion.times, one.times)


def test_assemble_people_of_tracked_detections_without_confidence_is_not_valid() -> None:
    one = replace(walkers(2.0), ids=("0",) * FRAMES, tracked=True)
    seen = np.arange(len(one))[:, None] != 2
    (motion,) = assemble_people(replace(one, confidence=seen * one.confidence))
    assert np.flatnonzero(~motion.valid).tolist() == [2]


@pytest.mark.parametrize("tracked", [True, False])
def test_assemble_people_refuses_more_people_than_fit(
    tracked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = replace(walkers(2.0, 4.0), ids=("0", "1") * FRAMES, tracked=tracked)
    monkeypatch.setattr(assemble, "MAX_PERSON_FRAMES", FRAMES)
    with pytest.raises(ValueError, match=r"2 people in 5 frames are 10 person-frames; at most 5"):
        assemble_people(two)
    assert len(assemble_people(two, 0)) == 1


def with_double(base: Detections, frames: list[int], ids: bool = False) -> Detections:
    """Return the detections, the first person of some frames detected twice, 2 px apart."""
    rows = [int(np.flatnonzero(base.frame == frame)[0]) for frame in frames]
    order = np.sort(np.concatenate([np.arange(len(base)), rows]))
    again = np.r_[False, np.diff(order) == 0]
    xy = base.xy[order] + 2.0 * again[:, None, None]
    confidence = base.confidence[order] * np.where(again, 0.8, 1.0)[:, None]
    names = tuple("ghost" if double else "a" for double in again) if ids else None
    return replace(base, xy=xy, confidence=confidence, frame=base.frame[order], ids=names)


@pytest.mark.parametrize("frames", [[2], [0, 3], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("ids", [False, True])
def test_assemble_people_removes_doubles(frames: list[int], ids: bool) -> None:
    one = walkers(2.0)
    if ids and len(frames) == FRAMES:
        frames = frames[:-1]  # else both ids are equally frequent
    (motion,) = assemble_people(with_double(one, frames, ids))
    np.testing.assert_array_equal(motion.xy, one.xy)


def test_remove_doubles_keeps_people_side_by_side() -> None:
    two = walkers(2.0, 2.0)
    assert assemble.remove_doubles(two) is two


def test_assemble_people_leaves_out_a_person_seen_for_a_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    two = walkers(2.0, 4.0)
    keep = np.ones(len(two), dtype=bool)
    keep[[2, 4, 6, 8]] = False  # of the smaller one, only the first frame stays
    brief = replace(two, xy=two.xy[keep], confidence=two.confidence[keep], frame=two.frame[keep])
    with caplog.at_level("INFO"):
        (motion,) = assemble_people(brief)
    np.testing.assert_array_equal(motion.xy, two.xy[1::2])
    assert "person 1 is left out: seen for 0.1 s" in caplog.text
    assert len(assemble_people(brief, min_seconds=0.0)) == 2
    assert assemble_people(brief, person=1)[0].person == 1


def test_assemble_people_keeps_all_where_no_one_is_seen_for_long() -> None:
    one = walkers(2.0)
    brief = replace(one, xy=one.xy[:1], confidence=one.confidence[:1], frame=one.frame[:1])
    (motion,) = assemble_people(brief)
    assert motion.valid.sum() == 1


def renamed(base: Detections, *ids: str | None) -> Detections:
    """Return the detections of one person with an id for each frame."""
    return replace(base, ids=ids)


def walk_for(frames: int) -> Detections:
    """Return one person who walks to the right, ten frames a second."""
    people = [
        [np.column_stack([2 * (STANDING + np.array([frame, 0])), np.full(17, 0.9)])]
        for frame in range(frames)
    ]
    times = [frame / 10 for frame in range(frames)]
    return Detections.from_frames(people, COCO, times=times, size=(640, 480), fps=10.0)


def test_assemble_people_joins_ids_of_one_path(caplog: pytest.LogCaptureFixture) -> None:
    one = renamed(walk_for(12), *"aaa", None, *"bbbcccc", None)
    with caplog.at_level("INFO"):
        (motion,) = assemble_people(one)
    np.testing.assert_array_equal(motion.xy, one.xy)
    assert "ids a, b, c are one path and one person (--trust-ids" in caplog.text


def test_assemble_people_trusts_ids() -> None:
    one = renamed(walk_for(12), *"aaaaaabbbbbb")
    apart = assemble_people(one, min_seconds=0.0, trust_ids=True)
    assert [int(motion.valid.sum()) for motion in apart] == [6, 6]
    assert len(assemble_people(one, min_seconds=0.0)) == 1


def test_assemble_people_tracks_detections_with_an_id_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    two = walkers(2.0, 4.0)
    counted = replace(two, ids=tuple(map(str, range(len(two)))))
    with caplog.at_level("INFO"):
        found = assemble_people(counted)
    assert [motion.valid.all() for motion in found] == [True, True]
    assert "most ids occur in one frame" in caplog.text
    assert len(assemble_people(counted, min_seconds=0.0, trust_ids=True)) == len(two)
