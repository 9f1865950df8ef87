"""Lift 2D keypoints from any detector: here a made-up figure that raises its right arm.

usage: python examples/lift_keypoints.py raised_arm.npz
"""

import sys
from pathlib import Path

import numpy as np

from tcpformer import COCO, Lifter, Motion2D, save

STANDING = {
    "Nose": (640, 150),
    "Eye": (15, 140),
    "Ear": (30, 145),
    "Shoulder": (75, 215),
    "Elbow": (95, 320),
    "Wrist": (100, 410),
    "Hip": (45, 420),
    "Knee": (50, 560),
    "Ankle": (50, 700),
}
"""Pixels in a picture 1280 wide; for a twin, the distance from the middle. The person faces us, so
their left is on the picture's right."""


def standing() -> np.ndarray:
    side = {"L": 1, "R": -1}
    points = []
    for joint in COCO.joints:
        x, y = STANDING[joint if joint in STANDING else joint[1:]]
        points.append((x, y) if joint in STANDING else (640 + side[joint[0]] * x, y))
    return np.array(points, dtype=float)


def main(path: Path) -> None:
    frames = 90
    xy = np.repeat(standing()[None], frames, axis=0)
    angle = np.linspace(0, np.pi, frames)
    shoulder = xy[:, COCO.index["RShoulder"]]
    for joint, length in (("RElbow", 105), ("RWrist", 195)):
        xy[:, COCO.index[joint]] = shoulder + length * np.stack([-np.sin(angle), np.cos(angle)], 1)
    person = Motion2D(xy, np.ones((frames, 17)), size=(1280, 720), fps=30.0, skeleton=COCO)
    save(Lifter("default")(person, height=1.80), path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: python {sys.argv[0]} RAISED_ARM.npz")
    main(Path(sys.argv[1]))
