"""Our motion beside BlazePose's own 3D ("world landmarks") of the same people in the same frames.

usage: python tools/compare_with_blazepose.py [VIDEO] [PICTURE.png]

A maintainer's tool, set up as `convert_blazepose.py` says, with this package installed beside. The
package leaves the world landmarks out of its files, so they are converted anew. Both are seen from
the camera's right, where depth shows; the table says what can be measured without the truth.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from convert_blazepose import CREDIT, RECIPES, fetch
from tflite_to_onnx import convert

from tcpformer import Lifter, open_video
from tcpformer.analysis.metrics import bone_deviation, jitter
from tcpformer.detect.blazepose import LANDMARK_SIDE, LandmarkNetwork, Pose
from tcpformer.detect.one_pass import follow_people
from tcpformer.detect.regions import Region, crop
from tcpformer.detect.search import find_people
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.skeleton import BLAZEPOSE, H36M, STANDARD_HEIGHT, conversion, stature
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import number_people
from tcpformer.viz.overlay import draw_2d
from tcpformer.viz.scene import Figure, View, draw_scene

FRAMES, SIDE = (40, 110, 150, 205), 240
TO_WORLD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Camera axes (x right, y down, z forward) to the picture's world: x right, y away, z up."""
WORLD = ("Identity_4", "world", (39, 3))
_J = H36M.index


class WithWorld(LandmarkNetwork):
    """Reads joints as usual, and keeps the world landmarks of every answer."""

    def __init__(self, path: Path) -> None:
        super().__init__("heavy")
        import onnxruntime

        self.other = onnxruntime.InferenceSession(path)
        self.kept: dict[bytes, np.ndarray] = {}

    def __call__(self, image: Any, region: Region) -> Pose:
        pose = super().__call__(image, region)
        cut = crop(image, region, LANDMARK_SIDE)
        world = np.asarray(self.other.run(["world"], {"image": cut[None]})[0])[0]
        cos, sin = np.cos(region.angle), np.sin(region.angle)
        turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        self.kept[pose.xy.tobytes()] = world[: len(BLAZEPOSE.joints)] @ turn.T
        return pose

    def motion(self, person: Motion2D) -> np.ndarray:
        """The world landmarks of a person as Human3.6M joints, at standard height; NaN unseen."""
        nothing = np.full((len(BLAZEPOSE.joints), 3), np.nan)
        found = np.stack([self.kept.get(xy.tobytes(), nothing) for xy in person.xy])
        pose = conversion(BLAZEPOSE, H36M) @ found
        pose -= pose[:, :1]
        return pose * STANDARD_HEIGHT / np.nanmedian(stature(pose))


def converted(folder: Path) -> Path:
    recipe = RECIPES["blazepose_heavy"]
    model = convert(fetch(folder) / recipe.source, recipe.low, (WORLD,), CREDIT)
    path = folder / "world.onnx"
    onnx.save(model, path)
    return path


def from_the_side(pose: np.ndarray) -> np.ndarray:
    xyz = pose @ TO_WORLD.T
    xyz[:, 2] -= xyz[:, 2].min()
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    middle = tuple(((low + high) / 2).tolist())
    return draw_scene([Figure(xyz)], View(middle, 1.1, 90.0, 5.0), (SIDE, SIDE))


def row(image: np.ndarray, person: Motion3D, index: int, poses: list[np.ndarray]) -> np.ndarray:
    x, y = person.xy[index].mean(axis=0)
    half = 0.62 * np.ptp(person.xy[index], axis=0).max()
    seen = draw_2d(image, person, index)
    left, top = round(x - half), round(y - half)
    side = round(2 * half)
    padded = cv2.copyMakeBorder(seen, side, side, side, side, cv2.BORDER_REPLICATE)
    part = padded[top + side : top + 2 * side, left + side : left + 2 * side]
    small = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.hstack([small, *(from_the_side(pose[index]) for pose in poses)])


def heading() -> np.ndarray:
    image = np.full((28, 3 * SIDE, 3), 255, np.uint8)
    for i, text in enumerate(("video", "BlazePose, from the side", "TCPFormer, from the side")):
        where, grey = (i * SIDE + 8, 20), (60, 60, 60)
        cv2.putText(image, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.5, grey, 1, cv2.LINE_AA)
    return image


def measures(pose: np.ndarray, seen: np.ndarray, fps: float) -> str:
    both = seen & np.isfinite(pose).all(axis=(1, 2))
    bones = 1000 * bone_deviation(pose[both], H36M.bones).mean()
    sides = [
        np.linalg.norm(pose[both][:, _J[s + a]] - pose[both][:, _J[s + b]], axis=-1).mean()
        for s in "LR"
        for a, b in (("Hip", "Knee"), ("Knee", "Ankle"), ("Shoulder", "Elbow"), ("Elbow", "Wrist"))
    ]
    uneven = 1000 * np.abs(np.subtract(sides[:4], sides[4:])).mean()
    runs = np.flatnonzero(both[3:] & both[2:-1] & both[1:-2] & both[:-3])
    shake = np.mean([jitter(pose[i : i + 4], fps).mean() for i in runs])
    return f"{bones:.0f} | {uneven:.0f} | {shake:.0f} |"


def main() -> None:
    clip = Path(sys.argv[1] if len(sys.argv) > 1 else "assets/sample.mp4")
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/figures/against_blazepose.png")
    with tempfile.TemporaryDirectory() as folder:
        network = WithWorld(converted(Path(folder)))
    video = open_video(clip)
    tracks = find_people(video)
    chosen = number_people(tracks)
    others = [track for track in tracks if track not in chosen.values()]
    persons = assemble_people(follow_people(video, chosen, others, network))
    lifter, rows = Lifter("default", joints=17), []  # as many as both have
    print("| | bones' change of length, mm | left against right, mm | jitter, m/s³ |")
    print("|---|---|---|---|")
    images = {frame.index: frame.image for frame in video.frames() if frame.index in FRAMES}
    for number, person in enumerate(persons):
        theirs = network.motion(person)
        ours = [lifter(person, postprocess=None), lifter(person)]
        poses = [theirs, *(x.camera_xyz - x.camera_xyz[:, :1] for x in ours)]
        for name, pose in zip(("BlazePose", "TCPFormer", "and finished"), poses, strict=True):
            print(f"| person {number}, {name} | {measures(pose, person.valid, person.fps)}")
        seen = [i for i in FRAMES if person.valid[i] and np.isfinite(theirs[i]).all()]
        rows += [row(images[i], ours[1], i, [poses[0], poses[2]]) for i in seen]
    half = (len(rows) + 1) // 2
    rows += [np.full_like(rows[0], 255)] * (2 * half - len(rows))
    columns = [[heading(), *some] for some in (rows[:half], rows[half:])]
    picture = np.hstack([np.vstack(some) for some in columns])
    cv2.imwrite(str(target), picture[..., ::-1])


if __name__ == "__main__":
    main()
