"""Videos in memory, people on rails, and a network that sees them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from paths import SAMPLE

from tcpformer.detect.blazepose import LandmarkNetwork, Pose
from tcpformer.detect.regions import Region
from tcpformer.io.video import Frame, Video, open_video
from tcpformer.tracking.tracker import Detection, Track


@dataclass(frozen=True)
class Clip(Video):
    """A video of images in memory."""

    images: tuple[np.ndarray, ...] = ()

    def frames(self, every: int = 1, *, stored: bool = False) -> Iterator[Frame]:
        for i in range(0, len(self.images), every):
            yield Frame(i, i / self.fps, self.images[i])


def clip(images: Sequence[np.ndarray], fps: float = 30.0) -> Clip:
    """Make a video of images of one size."""
    height, width = images[0].shape[:2]
    return Clip(Path("clip.mp4"), fps, (width, height), len(images), images=tuple(images))


@cache
def sample(start: int, stop: int) -> Clip:
    """Return some frames of the sample clip, at half its size."""
    frames = islice(open_video(SAMPLE).frames(), start, stop)
    return clip([cv2.resize(f.image, None, fx=0.5, fy=0.5) for f in frames])


def numbered(count: int) -> Clip:
    """Return a clip of images that hold the number of their frame."""
    return clip([np.full((200, 600, 3), i, np.uint8) for i in range(count)])


class Actor(LandmarkNetwork):
    """Sees people on rails, each at x = start + speed * frame; the one nearest to the region."""

    def __init__(self, *rails: tuple[float, float], blind: range = range(0)) -> None:
        self.rails, self.blind, self.frame = rails, blind, 0

    def __call__(self, image: Any, region: Region) -> Pose:
        frame = int(image[0, 0, 0])
        places = [start + speed * frame for start, speed in self.rails]
        x = float(min(places, key=lambda place: abs(place - region.x)))
        there = abs(x - region.x) < 120 and frame not in self.blind
        xy = np.full((33, 2), (x, 100.0))
        return Pose(xy, np.ones(33), 0.9 if there else 0.1, (x, 100.0), (x, 0.0))


def rail(start: float, speed: float, frames: range, fps: float = 30.0) -> Track:
    """Return the track of a person on a rail."""
    places = [(f, float(start + speed * f)) for f in frames]
    return Track(tuple(Detection(f, f / fps, (x, 100.0), (x, 0.0), 1.0) for f, x in places))
