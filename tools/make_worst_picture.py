"""Draw the worst clips of the open benchmark, and say what they have in common.

usage: python tools/make_worst_picture.py open_benchmark.npz [docs/worst.png] [--noisy] [--quick]

A clip is two seconds of a view, lifted by the packaged weights as `tcpformer evaluate open` does;
the ten of highest N-MPJPE, one of each sequence (with --quick of every fourth view), each at its
worst frame: the truth in grey, the network's answer in colour, from where the camera stands and
from its right. Beside the ten, what all clips are like.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tcpformer import Lifter
from tcpformer.analysis.metrics import n_mpjpe, p_mpjpe
from tcpformer.files import read_npz
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M, STANDARD_HEIGHT
from tcpformer.viz.scene import Figure, View, draw_scene

SECONDS, HOW_MANY, SIDE = 2.0, 10, 250
_KEYS = ("xy", "noisy_xy", "confidence", "relative", "offsets", "size", "focal", "rotation", "fps")
_J = H36M.index


class Clip(NamedTuple):
    """Two seconds of a view."""

    view: int
    name: str
    activity: str
    error: float
    turned: float
    about: tuple[float, ...]
    true: np.ndarray
    pred: np.ndarray
    rotation: np.ndarray


ABOUT = (
    "trunk from upright, degrees",
    "bones along the line of sight, %",
    "camera looks down, degrees",
    "fastest joint, m/s",
)


def clips_of(content: dict[str, np.ndarray], view: int, lifter: Lifter, noisy: bool) -> list[Clip]:
    part = slice(*content["offsets"][view : view + 2])
    xy = content["noisy_xy" if noisy else "xy"][part] / 10.0
    sure = content["confidence"][part] / 255.0 if noisy else np.ones(xy.shape[:2])
    fps, size = float(content["fps"]), tuple(map(int, content["size"][view]))
    motion = Motion2D(xy, sure, (size[0], size[1]), fps, H36M)
    focal = float(content["focal"][view])
    true = content["relative"][part] * 1e-4
    pred = lifter.predict_rigid(motion, height=STANDARD_HEIGHT, focal=focal)
    pred = pred * (pred * true).sum() / (pred * pred).sum()
    errors, rotation = 1000 * n_mpjpe(pred, true), content["rotation"][view]
    length = min(round(SECONDS * fps), len(true))
    found = []
    for start in range(0, len(true) - length + 1, length):
        stretch = slice(start, start + length)
        worst = start + int(errors[stretch].argmax())
        name, activity = str(content["name"][view]), str(content["activity"][view])
        turned = 1000 * float(p_mpjpe(pred[stretch], true[stretch]).mean())
        about = measures(true[stretch], rotation, fps)
        poses = (true[worst], pred[worst], rotation)
        found.append(Clip(view, name, activity, errors[stretch].mean(), turned, about, *poses))
    return found


def measures(true: np.ndarray, rotation: np.ndarray, fps: float) -> tuple[float, ...]:
    """What `ABOUT` names, means over the clip."""
    world = true @ rotation
    trunk = world[:, _J["Thorax"]] - world[:, _J["Hip"]]
    upright = np.degrees(np.arccos(trunk[:, 2] / np.linalg.norm(trunk, axis=-1))).mean()
    bones = np.stack([true[:, c] - true[:, p] for p, c in H36M.bones])
    along = 100 * np.abs(bones[..., 2]).sum() / np.linalg.norm(bones, axis=-1).sum()
    down = np.degrees(np.arcsin(-rotation[2, 2]))
    speed = np.linalg.norm(np.diff(world, axis=0), axis=-1).max() * fps
    return float(upright), float(along), float(down), float(speed)


def picture(clip: Clip) -> np.ndarray:
    true, pred = clip.true @ clip.rotation, clip.pred @ clip.rotation
    lift = np.array([0, 0, -true[:, 2].min()])
    forward = clip.rotation[2]
    camera = np.degrees(np.arctan2(-forward[0], forward[1]))
    middle = tuple((true + lift).mean(axis=0).tolist())
    figures = [Figure(true + lift, ghost=True), Figure(pred + lift)]
    views = [
        draw_scene(figures, View(middle, 1.2, camera + turn, 8.0), (SIDE, SIDE)) for turn in (0, 90)
    ]
    image = np.hstack(views)
    cv2.rectangle(image, (0, 0), (2 * SIDE - 1, SIDE - 1), (255, 255, 255), 3)
    text = f"{clip.name}  {clip.activity}  {clip.error:.0f} mm, turned {clip.turned:.0f}"
    cv2.putText(image, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (60, 60, 60), 1, cv2.LINE_AA)
    return image


def main() -> None:
    paths = [a for a in sys.argv[1:] if not a.startswith("--")]
    noisy = "--noisy" in sys.argv
    content = read_npz(paths[0], _KEYS, ("name", "activity"))
    lifter = Lifter("default")
    views = range(0, len(content["offsets"]) - 1, 4 if "--quick" in sys.argv else 1)
    every = [clip for view in views for clip in clips_of(content, view, lifter, noisy)]
    worst: dict[str, Clip] = {}
    for clip in sorted(every, key=lambda clip: -clip.error):
        worst.setdefault(clip.name.split("/")[0], clip)
    ten = list(worst.values())[:HOW_MANY]
    rows = [np.hstack([picture(c) for c in ten[i : i + 2]]) for i in range(0, HOW_MANY, 2)]
    target = Path(paths[1] if len(paths) > 1 else "docs/worst.png")
    cv2.imwrite(str(target), np.vstack(rows)[..., ::-1])
    print("| | worst ten | all clips |\n|---|---|---|")
    columns = [[np.median([f(clip) for clip in some]) for some in (ten, every)] for f in _figures()]
    for name, (few, usual) in zip(("N-MPJPE, mm", "P-MPJPE, mm", *ABOUT), columns, strict=True):
        print(f"| {name} | {few:.0f} | {usual:.0f} |")
    print(f"\n{len(every)} clips; activities of the ten: {', '.join(c.activity for c in ten)}")


def _figures() -> list:  # type: ignore[type-arg]
    plain = [lambda clip: clip.error, lambda clip: clip.turned]
    return plain + [lambda clip, i=i: clip.about[i] for i in range(len(ABOUT))]


if __name__ == "__main__":
    main()
