"""The views of an open benchmark as the lifter gets them, and their truth."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tcpformer.motion import Motion2D
from tcpformer.skeleton import BODY, body_skeleton


@dataclass(frozen=True)
class View:
    """2D joints with their true focal length, and the truth in metres and camera axes.

    Attributes:
        seen: The 2D joints.
        relative: Joints relative to the pelvis.
        root: Position of the pelvis.
        up: Direction against gravity.
    """

    seen: Motion2D
    relative: np.ndarray
    root: np.ndarray
    up: np.ndarray


def parser(description: str | None, every: int) -> argparse.ArgumentParser:
    """Return a parser of the file, the step between views, and the weights."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("data", type=Path)
    result.add_argument(
        "--every", "--view-step", type=int, default=every, help="take every n-th view"
    )
    result.add_argument("--weights", default="default")
    return result


def views(
    data: Path, every: int, *, seconds: float = np.inf, clean: bool = False
) -> Iterator[View]:
    """Yield every n-th view, truncated to some seconds, with noisy or exact 2D."""
    with np.load(data) as file:
        content = dict(file)
    fps = float(content["fps"])
    for view in range(0, len(content["offsets"]) - 1, every):
        start, stop = content["offsets"][view : view + 2]
        part = slice(start, int(min(stop, start + np.round(seconds * fps))))
        xy = content["xy" if clean else "noisy_xy"][part] / 10.0
        sure = content["confidence"][part] / 255.0
        if clean:  # feet, hands and face that the capture lacks have confidence 0
            sure[:, BODY], sure[:, BODY.stop :] = 1.0, sure[:, BODY.stop :] > 0
        width, height = content["size"][view]
        size, focal = (int(width), int(height)), float(content["focal"][view])
        yield View(
            Motion2D(xy, sure, size, fps, body_skeleton(xy.shape[1]), focal=focal),
            content["relative"][part] * 1e-4,
            content["root"][part] * 1e-4,
            content["rotation"][view][:, 2],
        )
