"""Everybody's joints in frame after frame, in any order -> one motion a person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..motion import Motion2D
from ..skeleton import BODY25, COCO, HALPE26, Skeleton, identify
from .tracker import Detection, Track, detection_from_keypoints, link, select_people

BY_COUNT: dict[int, tuple[str, ...]] = {
    17: COCO.joints,
    18: (*(j for j in BODY25.joints[:15] if j != "Hip"), "REye", "LEye", "REar", "LEar"),
    25: BODY25.joints,
    26: HALPE26.joints,
    133: COCO.joints,  # the body of COCO-WholeBody comes first; feet, face and hands follow
}
"""The joints of those who give no names: COCO, OpenPose's COCO, BODY_25, Halpe-26, WholeBody."""


@dataclass(frozen=True)
class VideoInfo:
    """What the people were seen in.

    Attributes:
        size: Width and height in pixels.
        fps: Frames per second.
        times: Of each frame, seconds since the first.
        focal: In pixels, where it is known.
        focal_source: Where that comes from, in words.
    """

    size: tuple[int, int]
    fps: float
    times: Sequence[float]
    focal: float | None = None
    focal_source: str = "metadata of the video"


@dataclass(frozen=True)
class PersonKeypoints:
    """Somebody in a frame.

    Attributes:
        joints: x, y in pixels, confidence 0 to 1; 0 where a joint is not seen.
        name: The same in every frame for one person; None where that is not known.
    """

    joints: Float[np.ndarray, "k 3"]
    name: str | None = None


def match_skeleton(names: Sequence[str] | None, count: int) -> tuple[Skeleton, tuple[int, ...]]:
    """The skeleton that some joints make up, and where each of its joints is among them.

    Args:
        names: Of the joints; None where nobody tells them.
        count: How many there are.

    Raises:
        ValueError: If that is no skeleton that we know.
    """
    if names is None:
        if count not in BY_COUNT:
            raise ValueError(
                f"{count} joints without names are nothing that we know; expected "
                f"{', '.join(map(str, BY_COUNT))}."
            )
        names = BY_COUNT[count]
    return identify(names)


def assemble_people(
    frames: Sequence[Sequence[PersonKeypoints]],
    skeleton: Skeleton,
    film: VideoInfo,
    person: str | int = "all",
) -> list[Motion2D]:
    """One motion a person over the whole film.

    People with names keep them apart; the others are told apart by where they go.

    Args:
        frames: For each frame, the people in it.
        skeleton: Of their joints.
        film: What they were seen in; as many times as frames.
        person: Whom: as in `choose`.

    Raises:
        ValueError: If nobody's trunk is ever seen, or there is no such person.
    """
    named: dict[str, list[Detection]] = {}
    looks: list[list[Detection]] = []
    for frame, (people, time) in enumerate(zip(frames, film.times, strict=True)):
        looks.append([])
        for seen in people:
            place = detection_from_keypoints(seen.joints, skeleton, frame, time)
            if place is not None and seen.name is None:
                looks[-1].append(place)
            elif place is not None and seen.name is not None:
                named.setdefault(seen.name, []).append(place)
    tracks = [Track(tuple(sightings)) for sightings in named.values()] + link(looks)
    if not tracks:
        raise ValueError("nobody's hips and shoulders are seen in any frame.")
    chosen = select_people(tracks, person)
    return [_motion(track, skeleton, film, number) for number, track in chosen.items()]


def _motion(track: Track, skeleton: Skeleton, film: VideoInfo, person: int) -> Motion2D:
    joints = np.zeros((len(film.times), len(skeleton.joints), 3))
    valid = np.zeros(len(joints), dtype=bool)
    for sighting in track.sightings:
        assert sighting.joints is not None
        joints[sighting.frame], valid[sighting.frame] = sighting.joints, True
    return Motion2D(
        xy=joints[..., :2],
        confidence=np.clip(joints[..., 2], 0.0, 1.0),
        size=film.size,
        fps=film.fps,
        skeleton=skeleton,
        valid=valid,
        times=np.asarray(film.times, dtype=np.float64),
        focal=film.focal,
        focal_source=film.focal_source,
        person=person,
    )
