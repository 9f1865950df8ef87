"""Filmed data sets: subjects, clips, normalization."""

from dataclasses import replace

import numpy as np
import pytest
from motions import FOCAL, SIZE, walk

from tcpformer.datasets.video_dataset import VideoDataset
from tcpformer.skeleton import H36M, STANDARD_HEIGHT, stature

LENGTHS = (20, 6, 14)


@pytest.fixture
def dataset() -> VideoDataset:
    walks = [walk(n) for n in LENGTHS]
    return VideoDataset(
        xy=np.concatenate([w.xy for w in walks]),
        confidence=np.ones((sum(LENGTHS), 17)),
        xyz=np.concatenate([w.camera_xyz for w in walks]),
        lengths=np.array(LENGTHS),
        sizes=np.array([SIZE] * 3),
        units=np.array([1.0, 2.0, 1.0]),
        subjects=("A", "B", "A"),
        fps=30.0,
        skeleton=H36M,
        focals=np.array([FOCAL] * 3),
    )


def test_starts_follow_from_lengths(dataset: VideoDataset) -> None:
    assert dataset.starts.tolist() == [0, 20, 26]
    assert dataset.frames_of(1) == slice(20, 26)
    assert dataset.size_of(2) == SIZE


def test_select_subjects_keeps_their_sequences(dataset: VideoDataset) -> None:
    some = dataset.select_subjects(["A"])
    assert some.subjects == ("A", "A")
    assert some.starts.tolist() == [0, 26]
    assert some.xy is dataset.xy
    with pytest.raises(ValueError, match=r"expected subjects among \['A', 'B'\], got \['C'\]"):
        dataset.select_subjects(["C"])


def test_clip_starts_leave_out_the_remainder(dataset: VideoDataset) -> None:
    found = dataset.clip_starts(8, 5)
    assert found.tolist() == [[0, 0], [0, 5], [0, 10], [1, 0], [2, 0], [2, 5]]


def test_cut_clips_repeats_the_last_frame_of_a_short_sequence(dataset: VideoDataset) -> None:
    clips = dataset.cut_clips(np.array([[1, 0]]), 8, "screen")
    np.testing.assert_array_equal(clips.xyc[0, 5:], clips.xyc[0, [5, 5, 5]])
    relative = dataset.xyz[20:26] - dataset.xyz[20:26, :1]
    np.testing.assert_allclose(clips.xyz[0, :6], 2 * relative, atol=1e-5)
    assert not clips.flat.any()


def test_cut_clips_takes_every_nth_frame(dataset: VideoDataset) -> None:
    whole = dataset.cut_clips(np.array([[0, 2]]), 13, "screen")
    some = dataset.cut_clips(np.array([[0, 2]]), 5, "screen", 3)
    np.testing.assert_array_equal(some.xyc, whole.xyc[:, ::3])


def test_cut_clips_scales_to_standard_height(dataset: VideoDataset) -> None:
    clips = dataset.cut_clips(dataset.clip_starts(6, 6), 6, "centered-camera")
    np.testing.assert_allclose(stature(clips.xyz).mean(axis=1), STANDARD_HEIGHT, rtol=1e-5)


def test_cut_clips_needs_focal_lengths_for_a_centered_camera(dataset: VideoDataset) -> None:
    with pytest.raises(ValueError, match="needs the focal length"):
        replace(dataset, focals=None).cut_clips(np.array([[0, 0]]), 6, "centered-camera")
