"""Network input from pixels, and predictions of the frames that a protocol scores."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from ..lifting.normalize import to_screen
from ..lifting.run_network import run_network
from ..lifting.windows import centered_window_indices, split
from ..models import Network, lifts_center_only

WINDOWS_AT_ONCE = 256
"""Overlapping windows take several times the memory of their frames."""

Video = Float[np.ndarray, "total j 3"]


def screen_input(
    xy: Float[np.ndarray, "t j 2"], confidence: Float[np.ndarray, "t j"], size: tuple[int, int]
) -> Float[np.ndarray, "t j 3"]:
    """Return the input of a network with normalization "screen", from pixels."""
    screen = to_screen(xy, size)
    return np.concatenate([screen, confidence[..., None]], axis=-1).astype(np.float32)


def predict_clips(
    model: Network, xyc: Video, clips: Int[np.ndarray, "n t"], mirror: Sequence[int], *, flip: bool
) -> Float[np.ndarray, "n t j 3"]:
    """Predict the frames of clips of one video.

    Args:
        model: A network that lifts whole clips gets the clips; one that lifts the center frame
            alone gets, for every frame in them, the window around it, edges repeated.
        xyc: The video as network input.
        clips: Frame numbers.
        mirror: For each joint, the index of its left-right twin.
        flip: Average with the prediction of the mirror image.
    """
    if not lifts_center_only(model):
        return run_network(model, xyc[clips], mirror, flip=flip)
    frames, where = np.unique(clips, return_inverse=True)
    return predict_centers(model, xyc, frames, mirror, flip=flip)[where.reshape(clips.shape)]


def predict_centers(
    model: Network,
    xyc: Video,
    frames: Int[np.ndarray, " n"],
    mirror: Sequence[int],
    *,
    flip: bool,
    progress: Callable[[int], None] = lambda done: None,
) -> Float[np.ndarray, "n j 3"]:
    """Predict frames of one video, each as the center of its window; arguments as `predict_clips`.

    ``progress`` is called with the number of frames done.
    """
    windows = centered_window_indices(len(xyc), model.config.frames)[frames]
    poses = []
    for first in range(0, len(windows), WINDOWS_AT_ONCE):
        part = split(xyc, windows[first : first + WINDOWS_AT_ONCE])
        answer = run_network(model, part, mirror, flip=flip)
        poses.append(answer[:, answer.shape[1] // 2])
        progress(first + len(part))
    return np.concatenate(poses)
