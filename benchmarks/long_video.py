"""A long video of walking people and all stages of lifting it, for `pipeline.py`."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tcpformer import Lifter, open_video, save
from tcpformer.detect.blazepose import LandmarkNetwork, Pose
from tcpformer.detect.one_pass import follow_people
from tcpformer.detect.regions import Region
from tcpformer.io.planes import Planes
from tcpformer.io.video import Frame, write_video
from tcpformer.skeleton import BLAZEPOSE
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import Detection, link, number_people
from tcpformer.viz.overlay import write_overlay

SIZE, FPS, EVERY = (128, 72), 30.0, 7
HEIGHT = 44.0  # pixels of a person
COLOURS = 128  # bins of a histogram
BITS, BLOCK = 18, 6  # of the number of a frame: bits, and pixels of each

# Joints of an upright person: across and down from the hips, in heights of the person.
BODY = np.zeros((len(BLAZEPOSE.joints), 2))
for _name, (_x, _y) in {
    "Nose": (0, -0.42),
    "Shoulder": (0.11, -0.29),
    "Elbow": (0.14, -0.13),
    "Wrist": (0.15, 0.02),
    "Hip": (0.06, 0.0),
    "Knee": (0.06, 0.24),
    "Ankle": (0.06, 0.46),
}.items():
    for _side, _sign in {"": 0, "L": 1, "R": -1}.items():
        if _side + _name in BLAZEPOSE.index:
            BODY[BLAZEPOSE.index[_side + _name]] = (_sign * _x, _y)
for _i, _joint in enumerate(BLAZEPOSE.joints):
    if not BODY[_i].any() and "Nose" not in _joint:
        _far = next((f for f in ("Wrist", "Ankle") if _i > 14 and (_i < 23) == (f == "Wrist")), "")
        BODY[_i] = BODY[BLAZEPOSE.index[_joint[0] + _far]] if _far else BODY[0]


def pose(person: int, frame: int) -> tuple[np.ndarray, tuple[float, float], tuple[float, float]]:
    """Return joints, middle of the hips and scale point, in pixels; each person has one lane."""
    t = frame / FPS
    x = 32.0 + 64.0 * person + 10.0 * np.sin(0.8 * t + person)
    swing = np.sin(5.0 * t + person) * np.array([0.1, 0.0]) * (BODY[:, :1] > 0)
    swing = swing - np.sin(5.0 * t + person) * np.array([0.1, 0.0]) * (BODY[:, :1] < 0)
    xy = np.array([x, 38.0]) + HEIGHT * (BODY + swing * BODY[:, 1:])
    return xy, (float(x), 38.0), (float(x), 38.0 - 0.55 * HEIGHT)


class StandIn(LandmarkNetwork):
    """Returns the joints of the person nearest to a region, from the number of the frame."""

    def __init__(self, people: int) -> None:
        self.people = people

    def __call__(self, image: np.ndarray | Planes, region: Region) -> Pose:
        frame = read_number(image)
        person = min(range(self.people), key=lambda i: abs(pose(i, frame)[1][0] - region.x))
        xy, center, scale_point = pose(person, frame)
        return Pose(xy, np.full(len(xy), 0.9), 0.99, center, scale_point)


def read_number(image: np.ndarray | Planes) -> int:
    """Return the number that `frames` drew into the first rows of an image."""
    gray = image.y if isinstance(image, Planes) else image[..., 0]
    bits = gray[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK] > 128
    return int(bits @ (1 << np.arange(BITS)))


def frames(count: int) -> Iterator[Frame]:
    """Yield images that drift, with their number in blocks of black and white."""
    rng = np.random.default_rng(0)
    still = rng.integers(60, 90, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for i in range(count):
        image = np.roll(still, i // 8, axis=1)
        bits = (i >> np.arange(BITS)) & 1
        image[:BLOCK, : BITS * BLOCK] = np.repeat(255 * bits, BLOCK)[None, :, None]
        yield Frame(i, i / FPS, image)


def detections(people: int, count: int) -> Iterator[list[Detection]]:
    """Yield what the first pass would detect, with joints and colours."""
    rng = np.random.default_rng(1)
    clothes = rng.dirichlet(np.ones(COLOURS), people)
    for i in range(0, count, EVERY):
        found = []
        for person in range(people):
            xy, center, scale_point = pose(person, i)
            joints = np.column_stack([xy, np.full(len(xy), 0.9)])
            found.append(
                Detection(i, i / FPS, center, scale_point, 0.99, joints, clothes[person].copy())
            )
        yield found


def run_stages(
    minutes: float,
    people: int,
    stage: Callable[[str, Callable[[], Any]], Any],
    *,
    overlay: bool,
    weights: str,
) -> int:
    """Run every stage for a video of some minutes; return the number of its frames."""
    count = round(minutes * 60 * FPS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        stage("make the video", lambda: write_video(path, frames(count), FPS))
        video = open_video(path)
        tracks = stage("track", lambda: number_people(link(detections(people, count))))
        network = StandIn(people)
        people_2d = stage(
            "follow",
            lambda: assemble_people(follow_people(video, tracks, [], network)),
        )
        motions = stage("lift, post-process", lambda: Lifter(weights).lift_many(people_2d))
        stage(
            "write",
            lambda: [save(m, Path(folder) / f"a.{s}") for m in motions for s in ("npz", "bvh")],
        )
        if overlay:
            stage("overlay", lambda: write_overlay(video, motions, Path(folder) / "overlay.mp4"))
    return count
