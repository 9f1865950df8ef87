"""Error of the vertical that is found, and of its sigma, on synthetic scenes.

usage: python benchmarks/vertical.py MOCAP.npz [MOCAP.npz ...] [--count 400] [--lift] [--lines]

People of motion capture (split "val" where a file has one), upright in at least half of the frames,
2 to 20 s long, seen by cameras tilted by -10 to 40 and rolled by -30 to 30 degrees.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tcpformer.datasets.synthetic.cameras import camera_rotations
from tcpformer.datasets.open_benchmark import _add_noise
from tcpformer.motion import Motion2D, assumed_focal
from tcpformer.skeleton import FEET, H36M


@dataclass(frozen=True)
class Scene:
    """A person before a camera: the detected joints, the true ones (camera axes, metres), and up.

    ``rotation`` turns the world (z up) into the axes of the camera.
    """

    seen: Motion2D
    xyz: np.ndarray
    rotation: np.ndarray

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
    noisy, confidence = _add_noise(xy, rng)
    known = focal if rng.random() < 0.5 else None
    return Scene(Motion2D(noisy, confidence, size, fps, H36M, focal=known), xyz, rotation)
