"""Error of the vertical that is found, and of its sigma, on synthetic scenes.

usage: python benchmarks/vertical.py MOCAP.npz [MOCAP.npz ...] [--count 40] [--true] [--weights W]

People of motion capture (split "val" where a file has one), upright in at least half of the frames,
2 to 20 s long, before cameras tilted by -10 to 40 and rolled by -30 to 30 degrees; half of them do
not tell their focal length. 2D joints have the errors of the open benchmark and are lifted; with
--true the joints are the true ones. The second row adds edges of a room, drawn and read again.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scene_pictures import Picture

from tcpformer import Lifter
from tcpformer.datasets.synthetic.benchmark_detector import add_benchmark_noise
from tcpformer.datasets.synthetic.cameras import camera_rotations
from tcpformer.detect.scene import find_edges
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.postprocess.stages import PostprocessConfig, clean_keypoints
from tcpformer.skeleton import FEET, H36M
from tcpformer.world.lines import SceneLines
from tcpformer.world.posture import Posture, angles_of
from tcpformer.world.vertical import Hints, estimate_vertical


@dataclass(frozen=True)
class Scene:
    """A person before a camera: the detected joints, the true ones (camera axes, metres), and up.

    ``rotation`` turns the world (z up) into the axes of the camera, ``focal`` is its true focal
    length in pixels, ``floor`` the height of the floor below the camera.
    """

    seen: Motion2D
    xyz: np.ndarray
    rotation: np.ndarray
    focal: float
    floor: float

    @property
    def up(self) -> np.ndarray:
        """Direction against gravity."""
        return self.rotation[:, 2]


def upright_share(world: np.ndarray) -> float:
    """Return the share of frames in which the neck is within 25 degrees above the ankles."""
    body = world[:, H36M.index["Neck"]] - world[:, FEET].mean(axis=1)
    return float((body[:, 2] > np.cos(np.radians(25)) * np.linalg.norm(body, axis=1)).mean())


def clips(paths: list[Path]) -> list[tuple[np.ndarray, float]]:
    """Return the sequences that may be cut into scenes, world metres, and their frame rate."""
    result = []
    for path in paths:
        with np.load(path) as file:
            data = {key: file[key] for key in ("relative", "root", "offsets", "split", "fps")}
        split = data["split"]
        chosen = np.flatnonzero(split == "val") if (split == "val").any() else range(len(split))
        for s in chosen:
            part = slice(*data["offsets"][s : s + 2])
            world = (data["relative"][part].astype(float) + data["root"][part, None]) * 1e-4
            if len(world) >= 2 * data["fps"]:
                result.append((world, float(data["fps"])))
    return result


def scenes(paths: list[Path], count: int, seed: int = 22) -> Iterator[Scene]:
    """Yield random scenes; each depends on the seed and its number alone."""
    source = clips(paths)
    number = 0
    for i in range(100 * count):
        rng = np.random.default_rng([seed, i])
        world, fps = source[rng.integers(len(source))]
        frames = min(round(fps * np.exp(rng.uniform(np.log(2), np.log(20)))), len(world))
        first = rng.integers(len(world) - frames + 1)
        world = world[first : first + frames]
        if upright_share(world) < 0.5:
            continue
        yield film(world, fps, rng)
        number += 1
        if number == count:
            return


def film(world: np.ndarray, fps: float, rng: np.random.Generator) -> Scene:
    """Put a camera before a motion, tilted and rolled, that sees all of it."""
    size = (1920, 1080) if rng.random() < 0.7 else (1080, 1920)
    focal = max(size) / (2 * np.tan(np.radians(rng.uniform(45, 75)) / 2))
    tilt, roll = np.radians(rng.uniform(-10, 40, 1)), np.radians(rng.uniform(-30, 30, 1))
    rotation = camera_rotations(rng.uniform(0, 2 * np.pi, 1), tilt, roll)[0]
    local = (world - world.reshape(-1, 3).mean(axis=0)) @ rotation.T
    fill = rng.uniform(0.6, 0.95) / 2
    reach = np.maximum(*(np.abs(local[..., i]) / (fill * size[i]) for i in range(2))) * focal
    near = local[..., 2]
    distance = max(2.5, float((reach - near).max()), float(1.2 - near.min()))
    xyz = local + np.array([0, 0, distance])
    xy = xyz[..., :2] / xyz[..., 2:] * focal + np.array(size) / 2
    noisy, confidence = (x[0] for x in add_benchmark_noise(xy[None], np.array([1 / fps]), rng))
    known = focal if rng.random() < 0.5 else None
    seen = Motion2D(noisy, confidence, size, fps, H36M, focal=known)
    floor = float(np.quantile(-(xyz[:, FEET] @ rotation[:, 2]), 0.97))
    return Scene(seen, xyz, rotation, focal, floor)


def edges_of(scene: Scene, rng: np.random.Generator) -> SceneLines:
    """Draw a room around a scene and read its edges, the person masked."""
    size = scene.seen.size
    picture = Picture(scene.rotation, scene.focal, size, max(scene.floor, 0.5), rng)
    picture.draw_room()
    seen = scene.seen.xy[0]
    box = np.array([[*seen.min(axis=0), *seen.max(axis=0)]])
    segments = find_edges(cv2.cvtColor(picture.finish(), cv2.COLOR_RGB2GRAY), box)
    return SceneLines(segments, np.ones(len(segments)), size)


def person_of(scene: Scene, lifter: Lifter | None) -> Motion3D:
    """Return the person as lifted, or, without a lifter, as true."""
    if lifter is not None:
        return lifter(clean_keypoints(scene.seen, PostprocessConfig()), postprocess=None)
    seen = scene.seen
    return Motion3D(
        xyz=scene.xyz,
        camera_xyz=scene.xyz,
        xy=seen.xy,
        confidence=seen.confidence,
        valid=seen.valid,
        times=seen.times,
        fps=seen.fps,
        skeleton=H36M,
        size=seen.size,
        focal=scene.focal,
    )


def errors(found: Posture, scene: Scene) -> list[float]:
    """Return the error of up, those of tilt and roll over their sigma, and sigma; degrees."""
    tilt, roll = angles_of(scene.up)
    off = np.degrees(np.arccos(np.clip(found.up @ scene.up, -1, 1)))
    ratios = (found.tilt - tilt) / found.tilt_sigma, (found.roll - roll) / found.roll_sigma
    return [float(off), *ratios, found.sigma]


def report(name: str, rows: list[list[float]]) -> None:
    """Print a row of the table."""
    off, tilt, roll, sigma = np.array(rows).T
    within = [100 * np.mean(np.abs(x) < 2) for x in (tilt, roll)]
    print(
        f"| {name} | {np.median(off):.1f} | {np.quantile(off, 0.95):.1f} | {within[0]:.0f} | "
        f"{within[1]:.0f} | {np.median(sigma):.1f} | {100 * np.mean(sigma > 6):.0f} |"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("data", type=Path, nargs="+")
    arguments.add_argument("--count", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=22)
    arguments.add_argument("--true", action="store_true")
    arguments.add_argument("--weights", default="default")
    args = arguments.parse_args()
    lifter = None if args.true else Lifter(args.weights, "cpu", flip=False)
    bodies, edges = [], []
    for i, scene in enumerate(scenes(args.data, args.count, args.seed)):
        person = person_of(scene, lifter)
        known = args.true or scene.seen.focal is not None
        lines = edges_of(scene, np.random.default_rng([args.seed, i]))
        bodies.append(errors(estimate_vertical([person]), scene))
        hints = Hints(scene=lines, focal_known=known)
        edges.append(errors(estimate_vertical([person], hints), scene))
    print(f"{len(bodies)} scenes; degrees; within two sigma, %; clips warned of, %")
    print("| evidence | median | 95 % within | tilt | roll | median sigma | warned |")
    print("|---|---|---|---|---|---|---|")
    report("bodies and feet", bodies)
    report("and edges of a room", edges)


if __name__ == "__main__":
    main()
