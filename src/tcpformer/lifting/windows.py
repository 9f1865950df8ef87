"""Split a motion of any length into clips of the length a network takes, and stitch them together.

`window_indices` gives the clips for networks that answer for every frame of a clip,
`centered_window_indices` those for networks that answer for the center frame.

A window is ``frames * frame_step`` frames of the motion. It holds ``frame_step`` interleaved clips:
the first has its frames 0, s, 2s, ..., the next 1, s + 1, ..., so every frame is in one of them.
Windows overlap, and `stitch` blends them there, each weighted less toward its ends.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int, Shaped


def window_indices(
    total: int, frames: int, *, frame_step: int = 1, overlap: float = 0.5
) -> Int[np.ndarray, "n t"]:
    """Return the frame numbers of every clip of a motion of ``total`` frames.

    Numbers below 0 or from ``total`` on stand for the first or last frame; they occur only where
    the motion is shorter than one window.

    Args:
        total: Frames of the motion, at least 1.
        frames: Frames of a clip.
        frame_step: Frames of the motion from one frame of a clip to the next.
        overlap: Share of a window that the next one covers again, in [0, 1).

    Raises:
        ValueError: If a number is out of its range.
    """
    if min(total, frames, frame_step) < 1 or not 0 <= overlap < 1:
        raise ValueError(
            "expected total, frames, frame_step of at least 1 and overlap in [0, 1), got "
            f"{total}, {frames}, {frame_step}, {overlap}."
        )
    span = frames * frame_step
    if total <= span:
        starts = np.array([(total - span) // 2])
    else:
        hop = max(round(span * (1 - overlap)), 1)
        starts = np.append(np.arange(0, total - span, hop), total - span)
    phases = np.arange(frame_step)[:, None] + frame_step * np.arange(frames)
    return (starts[:, None, None] + phases).reshape(-1, frames)


def centered_window_indices(
    total: int, frames: int, *, frame_step: int = 1
) -> Int[np.ndarray, "total frames"]:
    """Return the frame numbers of a clip around each frame, which is its number ``frames // 2``.

    Arguments, numbers out of the motion and errors are those of `window_indices`.
    """
    if min(total, frames, frame_step) < 1:
        raise ValueError(
            "expected total, frames and frame_step of at least 1, got "
            f"{total}, {frames}, {frame_step}."
        )
    return np.arange(total)[:, None] + frame_step * (np.arange(frames) - frames // 2)


def cut_spans(total: int, length: int, margin: int) -> list[tuple[slice, slice]]:
    """Cut a motion of ``total`` frames into spans of ``length``, the last one shorter.

    Returns the frames of each span, and the same with ``margin`` frames more on either side, as far
    as the motion goes.
    """
    spans = [slice(i, min(i + length, total)) for i in range(0, total, length)]
    return [(s, slice(max(s.start - margin, 0), min(s.stop + margin, total))) for s in spans]


def split(
    x: Shaped[np.ndarray, "total ..."], clips: Int[np.ndarray, "n t"]
) -> Shaped[np.ndarray, "n t ..."]:
    """Cut a motion into clips of these frame numbers."""
    return x[np.clip(clips, 0, len(x) - 1)]


def stitch(
    parts: Iterable[Float[np.ndarray, "n t ..."]], clips: Int[np.ndarray, "m t"], total: int
) -> Float[np.ndarray, "total ..."]:
    """Blend clips into a motion of ``total`` frames: the inverse of `split`.

    They come in batches: those of a long motion are never in memory all at once. ``clips`` are the
    frame numbers of all.
    """
    t = clips.shape[1]
    taper = np.sin(np.pi * (np.arange(t) + 0.5) / t) ** 2
    weight = np.where((clips >= 0) & (clips < total), taper, 0.0)
    at = np.clip(clips, 0, total - 1)
    whole = np.bincount(at.ravel(), weight.ravel(), minlength=total)
    out, done = whole, 0
    for part in parts:
        rows, axes = slice(done, done + len(part)), (..., *(part.ndim - 2) * (None,))
        out = out if done else np.zeros((total, *part.shape[2:]), dtype=part.dtype)
        np.add.at(out, at[rows], weight[rows][axes] * part)
        done = rows.stop
    out /= whole.reshape(total, *(out.ndim - 1) * (1,))
    return out
