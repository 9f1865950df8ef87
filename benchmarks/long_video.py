"""A long video of people who walk, and its road to motions: for `pipeline.py`."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tcpformer import Lifter, open_video, save
from tcpformer.detect.blazepose import LandmarkNetwork, Pose
from tcpformer.detect.regions import Region
from tcpformer.detect.two_pass import follow_people
from tcpformer.io.video import Frame, write_video
from tcpformer.skeleton import BLAZEPOSE
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import Detection, link, number_people
from tcpformer.viz.overlay import write_overlay

SIZE, FPS, EVERY = (128, 72), 30.0, 7
TALL = 44.0  # pixels of a person
COLOURS = 128

# Where the joints of somebody upright are: across, down from the hips, in heights.
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
    """Joints, middle of the hips, and tip, in pixels: each walks in a lane of their own."""
    t = frame / FPS
    x = 32.0 + 64.0 * person + 10.0 * np.sin(0.8 * t + person)
    swing = np.sin(5.0 * t + person) * np.array([0.1, 0.0]) * (BODY[:, :1] > 0)
    swing = swing - np.sin(5.0 * t + person) * np.array([0.1, 0.0]) * (BODY[:, :1] < 0)
    xy = np.array([x, 38.0]) + TALL * (BODY + swing * BODY[:, 1:])
    return xy, (float(x), 38.0), (float(x), 38.0 - 0.55 * TALL)


class StandIn(LandmarkNetwork):
    """Knows where everybody is, from the number of the frame in its first pixels."""

    def __init__(self, people: int) -> None:
        self.people, self.frame = people, 0

    def __call__(self, image: np.ndarray, region: Region) -> Pose:
        person = min(range(self.people), key=lambda i: abs(pose(i, self.frame)[1][0] - region.x))
        xy, centre, tip = pose(person, self.frame)
        return Pose(xy, np.full(len(xy), 0.9), 0.99, centre, tip)


def frames(count: int) -> Iterator[Frame]:
    rng = np.random.default_rng(0)
    still = rng.integers(60, 90, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for i in range(count):
        yield Frame(i, i / FPS, np.roll(still, i // 8, axis=1))


def looks(people: int, count: int) -> Iterator[list[Detection]]:
    """What the scan would see, with joints and colours."""
    rng = np.random.default_rng(1)
    wear = rng.dirichlet(np.ones(COLOURS), people)
    for i in range(0, count, EVERY):
        seen = []
        for person in range(people):
            xy, centre, tip = pose(person, i)
            joints = np.column_stack([xy, np.full(len(xy), 0.9)])
            seen.append(Detection(i, i / FPS, centre, tip, 0.99, joints, wear[person].copy()))
        yield seen


def road(
    minutes: float,
    people: int,
    stage: Callable[[str, Callable[[], Any]], Any],
    *,
    overlay: bool,
    weights: str,
) -> int:
    """Every stage for a video of some minutes; the number of its frames."""
    count = round(minutes * 60 * FPS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        stage("make the video", lambda: write_video(path, frames(count), FPS))
        video = open_video(path)
        tracks = stage("tell apart", lambda: number_people(link(looks(people, count))))
        network = StandIn(people)

        def onward(done: int) -> None:
            network.frame = done

        follow_all = lambda: assemble_people(follow_people(video, tracks, [], network, onward))  # noqa: E731
        seen = stage("follow", follow_all)
        motions = stage("lift, finish", lambda: Lifter(weights).lift_many(seen))
        stage(
            "write",
            lambda: [save(m, Path(folder) / f"a.{s}") for m in motions for s in ("npz", "bvh")],
        )
        if overlay:
            stage("overlay", lambda: write_overlay(video, motions, Path(folder) / "overlay.mp4"))
    return count
