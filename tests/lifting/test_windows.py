"""Windows: stitch undoes split for many lengths and steps; centered windows."""

import numpy as np
import pytest

from tcpformer.lifting.windows import (
    centered_window_indices,
    cut_spans,
    split,
    stitch,
    window_indices,
)

LENGTHS = [1, 2, 5, 26, 27, 28, 53, 54, 55, 81, 100, 201]


@pytest.mark.parametrize("overlap", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("spacing", [1, 2, 5])
@pytest.mark.parametrize("total", LENGTHS)
def test_stitch_undoes_split(
    total: int, spacing: int, overlap: float, rng: np.random.Generator
) -> None:
    x = rng.normal(size=(total, 3, 2))
    clips = window_indices(total, 27, frame_step=spacing, overlap=overlap)
    parts = split(x, clips)
    assert parts.shape == (len(clips), 27, 3, 2)
    np.testing.assert_allclose(stitch([parts], clips, total), x, rtol=0, atol=1e-13)
    some = (parts[i : i + 2] for i in range(0, len(parts), 2))
    np.testing.assert_allclose(stitch(some, clips, total), x, rtol=0, atol=1e-13)


@pytest.mark.parametrize("frames", [1, 3, 9])
@pytest.mark.parametrize("spacing", [1, 2, 4])
@pytest.mark.parametrize("total", [1, 3, 8, 9, 10, 40])
def test_window_indices_cover_every_frame(total: int, spacing: int, frames: int) -> None:
    clips = window_indices(total, frames, frame_step=spacing)
    assert set(range(total)) <= set(clips.ravel().tolist())
    assert (np.diff(clips, axis=1) == spacing).all()
    outside = (clips < 0) | (clips >= total)
    assert outside.any() == (total < frames * spacing)
    pad = np.abs(np.array([-clips.min(), clips.max() + 1 - total]))
    assert not outside.any() or abs(pad[0] - pad[1]) <= 1  # as much before as after


def test_window_indices_without_overlap_use_every_frame_once() -> None:
    clips = window_indices(54 * 2, 27, frame_step=2, overlap=0.0)
    np.testing.assert_array_equal(np.sort(clips.ravel()), np.arange(108))


def test_window_indices_of_a_window_interleave() -> None:
    np.testing.assert_array_equal(window_indices(6, 3, frame_step=2), [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(
        window_indices(7, 4, overlap=0.5), [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]]
    )


def test_stitch_ignores_padding() -> None:
    x = np.array([[1.0], [2.0]])
    clips = window_indices(2, 6)
    np.testing.assert_array_equal(split(x, clips)[0, :, 0], [1, 1, 1, 2, 2, 2])
    answers = np.array([[[90.0], [91], [1], [2], [92], [93]]])
    np.testing.assert_array_equal(stitch([answers], clips, 2), x)


def test_stitch_weights_clips_less_toward_their_ends() -> None:
    clips = window_indices(12, 8, overlap=0.5)
    np.testing.assert_array_equal(clips[:, 0], [0, 4])
    parts = np.stack([np.zeros((8, 1)), np.ones((8, 1))])
    blend = stitch([parts], clips, 12)[:, 0]
    np.testing.assert_array_equal(blend[:4], 0)
    np.testing.assert_allclose(blend[8:], 1, rtol=0, atol=1e-15)
    assert (np.diff(blend[3:9]) > 0).all()
    np.testing.assert_allclose(blend[4:8] + blend[7:3:-1], 1, rtol=0, atol=1e-12)  # even-handed


def test_stitch_is_linear(rng: np.random.Generator) -> None:
    clips = window_indices(40, 9, frame_step=2)
    a, b = rng.normal(size=(2, *clips.shape, 4))
    whole = stitch([a + 2 * b], clips, 40)
    np.testing.assert_allclose(
        whole, stitch([a], clips, 40) + 2 * stitch([b], clips, 40), atol=1e-12
    )


@pytest.mark.parametrize(
    ("total", "frames", "spacing", "overlap"),
    [
        (0, 3, 1, 0.5),
        (3, 0, 1, 0.5),
        (3, 3, 0, 0.5),
        (3, 3, 1, 1.0),
        (3, 3, 1, -0.1),
        (3, 3, 1, np.nan),
    ],
)
def test_window_indices_refuse_numbers_out_of_range(
    total: int, frames: int, spacing: int, overlap: float
) -> None:
    with pytest.raises(ValueError, match="at least 1 and overlap in"):
        window_indices(total, frames, frame_step=spacing, overlap=overlap)


@pytest.mark.parametrize("frames", [1, 3, 8, 27])
@pytest.mark.parametrize("spacing", [1, 4])
@pytest.mark.parametrize("total", [1, 2, 30])
def test_centered_window_indices_center_every_frame(total: int, spacing: int, frames: int) -> None:
    clips = centered_window_indices(total, frames, frame_step=spacing)
    assert clips.shape == (total, frames)
    np.testing.assert_array_equal(clips[:, frames // 2], np.arange(total))
    assert (np.diff(clips, axis=1) == spacing).all()


def test_split_repeats_first_and_last_frame() -> None:
    x = np.array([10, 20, 30])
    wanted = [[10, 10, 10, 20, 30], [10, 10, 20, 30, 30], [10, 20, 30, 30, 30]]
    np.testing.assert_array_equal(split(x, centered_window_indices(3, 5)), wanted)


@pytest.mark.parametrize(("total", "frames", "spacing"), [(0, 3, 1), (3, 0, 1), (3, 3, 0)])
def test_centered_window_indices_refuse_numbers_out_of_range(
    total: int, frames: int, spacing: int
) -> None:
    with pytest.raises(ValueError, match=f"at least 1, got {total}, {frames}, {spacing}"):
        centered_window_indices(total, frames, frame_step=spacing)


@pytest.mark.parametrize("margin", [0, 7, 300])
@pytest.mark.parametrize("total", LENGTHS)
def test_cut_spans_cover_every_frame_once_and_what_is_beside_them(total: int, margin: int) -> None:
    frames, spans = np.arange(total), cut_spans(total, 27, margin)
    np.testing.assert_array_equal(np.concatenate([frames[span] for span, _ in spans]), frames)
    for span, near in spans:
        beside = (frames >= span.start - margin) & (frames < span.stop + margin)
        np.testing.assert_array_equal(frames[near], frames[beside])
