"""The first pass over a video: everybody, in a few frames a second."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..io.video import Frame, Video
from ..tracking.appearance import clothing_histogram
from ..tracking.tracker import SAME, Detection, Track, distance, keypoint_similarity, link, match
from .blazepose import LandmarkNetwork, PersonDetector
from .movenet import MoveNet
from .prefetch import prefetch
from .regions import Tile, around, tiles, whole

RATE = 4.0  # frames looked at each second
MANY = 12  # squares a frame, from which on fewer frames are looked at
SHARES = (1.0, 0.6, 0.36)  # sides of squares over the shorter side of the picture
CERTAIN = 0.75  # the detector's score of people who fill a third of a square is rarely lower
SURE = 0.75  # likewise that of the landmark network
OFTEN = 3  # people are seen so many times, if anybody is; fewer is a mistake or somebody in a hurry
TWIN = 0.5  # postures that agree more, where they are, are one person's seen in two regions
CARRIED = 0.9  # trust in someone who is not found anew but still stands where they were

Seen = list[list[Detection]]


def find_people(video: Video, progress: Callable[[int], None] | None = None) -> list[Track]:
    """Everybody in a video; if nobody is certain, in smaller and smaller squares of it.

    Args:
        video: The video.
        progress: Called with the number of frames passed at first sight.
    """
    doubtful: list[Track] = []
    for share in SHARES:
        squares = tiles(video.size, share)
        if share == SHARES[1]:
            squares += whole(video.size)  # someone may fill more than the shorter side
        tracks = link(scan(video, squares, progress))
        certain = [t for t in tracks if max(s.score for s in t.sightings) >= CERTAIN]
        lasting = [t for t in certain if len(t.sightings) >= OFTEN]
        if certain:
            return lasting or certain
        doubtful, progress = doubtful or tracks, None
    return doubtful


def scan(
    video: Video, squares: Sequence[Tile], progress: Callable[[int], None] | None = None
) -> Seen:
    """Find the people in a few frames a second.

    Args:
        video: The video.
        squares: Where to look in each frame.
        progress: Called with the number of frames passed.

    Returns:
        For each frame looked at, everybody in it.
    """
    seek, crowd, look = PersonDetector(), MoveNet(), LandmarkNetwork("full")
    seen: Seen = []
    before: list[Detection] = []

    def find(frame: Frame) -> list[Detection]:
        people = [person.sighting(frame.index, frame.time) for person in crowd(frame.image)]
        return [person for person in people if person is not None] + [
            Detection(frame.index, frame.time, c.centre, c.tip, c.score)
            for c in seek(frame.image, squares)
        ]

    for frame, found in prefetch(video.frames(every=interval(video, len(squares))), find):
        before = _verify(frame, found, before, look)
        seen.append(before)
        if progress is not None:
            progress(frame.index + 1)
    return seen


def interval(video: Video, squares: int) -> int:
    """Frames from one look to the next; short videos are looked at ten times at least."""
    often = max(1, min(round(video.fps / RATE), video.length // 10))
    return often * -(-squares // MANY)


def _verify(
    frame: Frame, found: Sequence[Detection], before: Sequence[Detection], look: LandmarkNetwork
) -> list[Detection]:
    """Those of the places where someone's joints can be read; the first found come first.

    Whoever was there before and is not found anew is looked for where they were: they may have
    stood still. Were those who are found looked for there too, their shadows would follow them.
    """
    anew = _read(frame, found, [], look)
    moved = {track for track, _ in match([Track((person,)) for person in before], anew)}
    still = [
        replace(person, score=person.score * CARRIED)
        for i, person in enumerate(before)
        if i not in moved
    ]
    return anew + _read(frame, still, anew, look)


def _read(
    frame: Frame, starts: Sequence[Detection], known: Sequence[Detection], look: LandmarkNetwork
) -> list[Detection]:
    """People at some places, other than those who are known.

    The landmark network alone would also see people in huge regions that lie mostly outside the
    picture; so the hips must be inside, and a person counts for no more than the detector says.
    """
    height, width = frame.image.shape[:2]
    new: list[Detection] = []
    for start in starts:
        if _known(start, [*known, *new]):
            continue
        pose = look(frame.image, around(start))
        person = pose.sighting(frame.index, frame.time, start.score)
        inside = 0 <= person.centre[0] < width and 0 <= person.centre[1] < height
        if pose.score >= SURE and inside and not _known(person, [*known, *new]):
            new.append(replace(person, look=clothing_histogram(frame.image, pose.xy)))
    return new


def _known(sighting: Detection, people: Sequence[Detection]) -> bool:
    return any(
        distance(sighting, other) < SAME or (keypoint_similarity(sighting, other) or 0.0) > TWIN
        for other in people
    )
