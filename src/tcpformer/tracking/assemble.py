"""From `Detections` to one `Motion2D` a person."""

import numpy as np
from jaxtyping import Float

from ..detections import Detections
from ..motion import Motion2D
from .tracker import Detection, Track, detection_from_keypoints, link, number_people, select_people

MAX_PERSON_FRAMES = 5_000_000
"""People times frames of the video, at most: ten hours of four people; each takes 0.4 kB."""


def assemble_people(detections: Detections, person: str | int = "all") -> list[Motion2D]:
    """Return one motion a person over the whole video.

    Detections with ids keep them; the others are tracked. People are numbered by how much of the
    video shows them, unless the detections are `tracked` and have numbers already. A detection
    whose trunk is not seen is left out, unless they are `tracked`.

    Args:
        detections: 2D keypoints of all people in every frame.
        person: Which people to return, as in `select_people`.

    Raises:
        ValueError: If no trunk is seen in any frame, there is no such person, or there are more
            than `MAX_PERSON_FRAMES`.
    """
    if detections.tracked:
        return _assemble_tracked(detections, person)
    tracks = [*_named_tracks(detections).values(), *_link_unnamed(detections)]
    if not tracks:
        raise ValueError("no one's hips and shoulders are seen in any frame.")
    motions, chosen = [], select_people(number_people(tracks), person)
    _check_amount(len(chosen), detections)
    for number, track in chosen.items():
        joints = np.zeros((len(detections.times), len(detections.skeleton.joints), 3))
        for detection in track.detections:
            joints[detection.frame] = detection.joints
        confidence = np.clip(joints[..., 2], 0.0, 1.0)
        motions.append(_motion(detections, number, joints[..., :2], confidence))
    return motions


def _assemble_tracked(detections: Detections, person: str | int) -> list[Motion2D]:
    if not len(detections):
        raise ValueError("expected at least one detection, got none.")
    numbers = np.array(detections.ids or (), dtype=np.int64)
    chosen: list[int] = np.unique(numbers).tolist()
    if person != "all":
        people = {int(name): track for name, track in _named_tracks(detections).items()}
        chosen = list(select_people(people, person))
    _check_amount(len(chosen), detections)
    motions = []
    for number in chosen:
        rows, count = np.flatnonzero(numbers == number), len(detections.times)
        xy, confidence = detections.xy, detections.confidence
        if not len(rows) == len(xy) == count:  # an hour of one person is not copied
            frame = detections.frame[rows]
            xy, confidence = (np.zeros((count, *a.shape[1:])) for a in (xy, confidence))
            xy[frame], confidence[frame] = detections.xy[rows], detections.confidence[rows]
        motions.append(_motion(detections, number, xy, confidence))
    return motions


def _check_amount(people: int, detections: Detections) -> None:
    frames = len(detections.times)
    if people * frames > MAX_PERSON_FRAMES:
        raise ValueError(
            f"{people} people in {frames} frames are {people * frames} person-frames; at most "
            f"{MAX_PERSON_FRAMES} fit into memory: choose people with `person` (--person), or "
            "split the video."
        )


def _detection(detections: Detections, row: int) -> Detection | None:
    joints = np.column_stack([detections.xy[row], detections.confidence[row]])
    frame = int(detections.frame[row])
    time = float(detections.times[frame])
    return detection_from_keypoints(joints, detections.skeleton, frame, time)


def _named_tracks(detections: Detections) -> dict[str, Track]:
    """Return a track for each id."""
    named: dict[str, list[Detection]] = {}
    for row, name in enumerate(detections.ids or ()):
        if name is not None and (detection := _detection(detections, row)) is not None:
            named.setdefault(name, []).append(detection)
    return {name: Track(tuple(track)) for name, track in named.items()}


def _link_unnamed(detections: Detections) -> list[Track]:
    """Return the tracks of the detections without id."""
    ids = detections.ids or [None] * len(detections)
    frames = [
        [_detection(detections, row) for row in range(part.start, part.stop) if ids[row] is None]
        for part in detections.by_frame()
    ]
    return link([[d for d in frame if d is not None] for frame in frames])


def _motion(
    detections: Detections,
    number: int,
    xy: Float[np.ndarray, "t k 2"],
    confidence: Float[np.ndarray, "t k"],
) -> Motion2D:
    fields = ("size", "fps", "skeleton", "times", "focal", "focal_source")
    shared = {name: getattr(detections, name) for name in fields}
    return Motion2D(xy, confidence, person=number, **shared)
