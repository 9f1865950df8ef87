"""Lift 2D keypoints of any detector: here a drawn figure that raises its right arm.

usage: python examples/lift_keypoints.py raised_arm.npz
"""

import sys

import numpy as np

from tcpformer import COCO, Lifter, Motion2D, save

# Pixels in an image 1280 wide. The person faces the camera: their left is at larger x.
NOSE = (640, 150)
LEFT = {"Eye": (655, 140), "Ear": (670, 145), "Shoulder": (715, 215), "Elbow": (735, 320)} | {
    "Wrist": (740, 410), "Hip": (685, 420), "Knee": (690, 560), "Ankle": (690, 700)
}  # fmt: skip


def locate(joint: str) -> tuple[float, float]:
    """Return where a joint of the standing figure is."""
    x, y = NOSE if joint == "Nose" else LEFT[joint[1:]]
    return (2 * NOSE[0] - x if joint.startswith("R") else x), y


def raise_arm(frames: int) -> np.ndarray:
    xy = np.repeat(np.array([[locate(joint) for joint in COCO.joints]], float), frames, axis=0)
    angle = np.linspace(0, np.pi, frames)
    shoulder = xy[:, COCO.index["RShoulder"]]
    for joint, length in (("RElbow", 105), ("RWrist", 195)):
        xy[:, COCO.index[joint]] = shoulder + length * np.stack([-np.sin(angle), np.cos(angle)], 1)
    return xy


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: python {sys.argv[0]} RAISED_ARM.npz")
    person = Motion2D(raise_arm(90), np.ones((90, 17)), size=(1280, 720), fps=30.0, skeleton=COCO)
    save(Lifter("default")(person, height=1.80), sys.argv[1])
