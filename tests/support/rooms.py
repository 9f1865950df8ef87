"""Edges of a room, as a camera of known posture sees them."""

import numpy as np
from numpy.random import Generator

from tcpformer.datasets.synthetic.cameras import camera_rotations

SIZE, FOCAL = (1280, 720), 1000.0


def room_edges(tilt: float, roll: float, rng: Generator, count: int = 40) -> np.ndarray:
    """Return pixels x, y, x, y of edges: vertical ones, horizontal ones, and a fifth of any."""
    turn = camera_rotations(np.array([0.4]), *(np.radians([x]) for x in (tilt, roll)))[0]
    edges = []
    while len(edges) < count:
        middle = rng.uniform([2, -4, -2], [9, 4, 2])
        along = rng.normal(size=3) if rng.random() < 0.2 else np.eye(3)[rng.integers(3)]
        half = rng.uniform(0.3, 1.0) * along / np.linalg.norm(along)
        ends = np.array([middle - half, middle + half]) @ turn.T
        if ends[:, 2].min() < 0.5:
            continue
        xy = FOCAL * ends[:, :2] / ends[:, 2:] + np.array(SIZE) / 2
        if (xy > 0).all() and (xy < SIZE).all():
            edges.append((xy + rng.normal(0, 0.3, xy.shape)).ravel())
    return np.array(edges)
