"""From `Detections` to one `Motion2D` a person."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import numpy as np
from jaxtyping import Float

from ..detections import Detections, drop_origin
from ..motion import Motion2D
from .join import join_tracks
from .tracker import (
    Detection,
    Track,
    detection_from_keypoints,
    keypoint_similarity,
    link,
    number_people,
    select_people,
)

log = logging.getLogger(__name__)

MIN_SECONDS = 0.5
"""Seconds that a person must be seen to be lifted, unless seen in half of the frames."""
DOUBLE_SIMILARITY = 0.85
"""Keypoint similarity above which two detections of a frame are one person, detected twice."""
_SHOWN_IDS = 8
"""Ids of one person that a note shows."""
MAX_PERSON_FRAMES = 5_000_000
"""People times frames of the video, at most: ten hours of four people; each takes 0.4 kB."""


def assemble_people(
    detections: Detections,
    person: str | int = "all",
    min_seconds: float = MIN_SECONDS,
    *,
    trust_ids: bool = False,
) -> list[Motion2D]:
    """Return one motion a person over the whole video.

    Detections of one id are one person; the others are tracked, without those that show a person of
    their frame a second time. Where an id ends and another one clearly continues its path, both are
    one person (`join_tracks`). People are numbered by how much of the video shows them, unless the
    detections are `tracked` and have numbers already. A detection whose trunk is not seen is left
    out, unless they are `tracked`.

    Args:
        detections: 2D keypoints of all people in every frame.
        person: Which people to return, as in `select_people`.
        min_seconds: Seconds that a person must be seen; others are left out, and logged, unless
            they are seen in half of the frames, or no one is seen for longer.
        trust_ids: Whether different ids are different people, however well their paths continue.

    Raises:
        ValueError: If no trunk is seen in any frame, there is no such person, or there are more
            than `MAX_PERSON_FRAMES`.
    """
    detections = drop_origin(detections)
    if detections.tracked:
        return _assemble_tracked(detections, person, min_seconds)
    detections = remove_doubles(detections)
    if not trust_ids:
        detections = _drop_numbers_of_detections(detections)
    tracks = _named_tracks(detections) | dict(enumerate(_link_unnamed(detections)))
    if detections.ids is not None and not trust_ids:
        tracks = _join(tracks)
    if not tracks:
        raise ValueError("no one's hips and shoulders are seen in any frame.")
    numbered = number_people(tracks.values())
    seen = {number: len(track.detections) for number, track in numbered.items()}
    lasting = _lasting(seen, detections, person, min_seconds)
    people = {number: track for number, track in numbered.items() if number in lasting}
    motions, chosen = [], select_people(people, person)
    _check_amount(len(chosen), detections)
    for number, track in chosen.items():
        joints = np.zeros((len(detections.times), len(detections.skeleton.joints), 3))
        for detection in track.detections:
            joints[detection.frame] = detection.joints
        confidence = np.clip(joints[..., 2], 0.0, 1.0)
        motions.append(_motion(detections, number, joints[..., :2], confidence))
    return motions


def remove_doubles(detections: Detections) -> Detections:
    """Remove detections that show a person of the same frame again.

    Of two whose keypoints are more alike than `DOUBLE_SIMILARITY`, that with the rarer id goes,
    else the one of lower score.
    """
    ids = detections.ids or (None,) * len(detections)
    counts: Counter[str | None] = Counter(name for name in ids if name is not None)
    keep = np.ones(len(detections), dtype=bool)
    for part in detections.by_frame():
        if part.stop - part.start < 2:
            continue
        found = {row: _detection(detections, row) for row in range(part.start, part.stop)}
        known = [(row, d) for row, d in found.items() if d is not None]
        known.sort(key=lambda pair: (-counts[ids[pair[0]]], -pair[1].score))
        kept: list[Detection] = []
        for row, detection in known:
            keep[row] = not _is_double(detection, kept)
            if keep[row]:
                kept.append(detection)
    if keep.all():
        return detections
    log.info("%d of %d detections show a person twice and are left out", (~keep).sum(), len(keep))
    return replace(
        detections,
        xy=detections.xy[keep],
        confidence=detections.confidence[keep],
        frame=detections.frame[keep],
        ids=None if detections.ids is None else tuple(np.array(ids, dtype=object)[keep].tolist()),
    )


def _is_double(detection: Detection, others: Iterable[Detection]) -> bool:
    near = (o for o in others if np.hypot(*np.subtract(detection.center, o.center)) < o.radius)
    return any((keypoint_similarity(detection, o) or 0.0) > DOUBLE_SIMILARITY for o in near)


def _lasting(
    seen: dict[int, int], detections: Detections, person: str | int, min_seconds: float
) -> set[int]:
    """Return the people, by number, who are seen for long enough, from their numbers of frames."""
    numbered = person not in ("all", "main", "largest", "longest")
    least = min(min_seconds * detections.fps, len(detections.times) / 2)
    lasting = {number for number, frames in seen.items() if frames >= least}
    if numbered or not lasting:
        return set(seen)
    for number in sorted(set(seen) - lasting):
        seconds = seen[number] / detections.fps
        log.info(
            "person %d is left out: seen for %.2g s, less than %g s (--min-seconds)",
            *(number, seconds, min_seconds),
        )
    return lasting


def _assemble_tracked(
    detections: Detections, person: str | int, min_seconds: float
) -> list[Motion2D]:
    if not len(detections):
        raise ValueError("expected at least one detection, got none.")
    numbers = np.array(detections.ids or (), dtype=np.int64)
    seen = {number: int((numbers == number).sum()) for number in np.unique(numbers).tolist()}
    lasting = _lasting(seen, detections, person, min_seconds)
    chosen = sorted(lasting)
    if person != "all":
        named = {int(name): track for name, track in _named_tracks(detections).items()}
        people = {number: track for number, track in named.items() if number in lasting}
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


def _named_tracks(detections: Detections) -> dict[str | int, Track]:
    """Return a track for each id."""
    named: dict[str, list[Detection]] = {}
    for row, name in enumerate(detections.ids or ()):
        if name is not None and (detection := _detection(detections, row)) is not None:
            named.setdefault(name, []).append(detection)
    return {name: Track(tuple(track)) for name, track in named.items()}


def _drop_numbers_of_detections(detections: Detections) -> Detections:
    """Remove ids if most of them occur once: they count detections, and tell nothing of people."""
    counts = Counter(name for name in detections.ids or () if name is not None)
    once = sum(count == 1 for count in counts.values())
    if 2 * once <= counts.total():
        return detections
    log.info("most ids occur in one frame and are left out; people are tracked (--trust-ids)")
    return replace(detections, ids=None)


def _join(tracks: dict[str | int, Track]) -> dict[str | int, Track]:
    """Join the tracks of one person under several ids; those without id have numbers as names."""
    names, joined = list(tracks), {}
    for group in join_tracks(list(tracks.values())):
        parts = [tracks[names[i]] for i in group]
        path = sorted(chain.from_iterable(part.detections for part in parts), key=_frame)
        joined[names[group[0]]] = Track(tuple(path)) if len(group) > 1 else parts[0]
        ids = [name for i in group if isinstance(name := names[i], str)]
        if len(ids) > 1:
            shown = ", ".join(ids[:_SHOWN_IDS]) + (", ..." if len(ids) > _SHOWN_IDS else "")
            log.info("ids %s are one path and one person (--trust-ids keeps them apart)", shown)
    return joined


def _frame(detection: Detection) -> int:
    return detection.frame


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
