"""Pictures of rooms with vertical and horizontal edges, drawn in perspective."""

import cv2
import numpy as np
from numpy.random import Generator

NEAREST = 0.05
"""Metres from the camera from which on surfaces are drawn."""


class Picture:
    """A picture of surfaces in the world (metres, z up), seen by a camera at a height.

    Args:
        rotation: From world to camera axes.
        focal: Focal length in pixels.
        size: Width and height in pixels.
        height: Metres of the camera above the floor.
        rng: Chooses colors and contents.
    """

    def __init__(
        self,
        rotation: np.ndarray,
        focal: float,
        size: tuple[int, int],
        height: float,
        rng: Generator,
    ) -> None:
        self.rotation, self.focal, self.size, self.height, self.rng = (
            rotation,
            focal,
            np.array(size),
            height,
            rng,
        )
        self.image = np.full((size[1], size[0], 3), rng.integers(90, 200, 3), np.uint8)
        angle = rng.uniform(0, np.pi / 2)
        self.turn = np.array(
            [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        )

    def color(self) -> np.ndarray:
        """Return a random color."""
        return self.rng.integers(20, 235, 3).astype(float)

    def draw(self, corners: list, color: np.ndarray) -> None:
        """Draw a flat surface, cut off where it leaves the picture."""
        points = (np.array(corners, float) @ self.turn.T - [0, 0, self.height]) @ self.rotation.T
        side = 0.6 * self.size / self.focal
        for normal, least in (
            ((0, 0, 1), NEAREST),
            ((1, 0, side[0]), 0),
            ((-1, 0, side[0]), 0),
            ((0, 1, side[1]), 0),
            ((0, -1, side[1]), 0),
        ):
            points = cut(points, points @ np.array(normal) - least)
            if len(points) < 3:
                return
        xy = points[:, :2] / points[:, 2:] * self.focal + self.size / 2
        at = np.round(xy * 8).astype(np.int32)
        cv2.fillPoly(self.image, [at], color.tolist(), cv2.LINE_AA, 3)

    def draw_room(self) -> None:
        """Draw floor, walls with doors and windows, boxes, and lines of any direction."""
        rng = self.rng
        x, y, top = rng.uniform(4, 11), rng.uniform(5, 14), rng.uniform(2.4, 6)
        self.draw([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], self.color())
        if rng.random() < 0.5:
            width, color = rng.uniform(0.4, 1.2), self.color()
            for at in np.arange(-x, x, 2 * width):
                right = at + width
                self.draw([(at, -y, 0), (right, -y, 0), (right, y, 0), (at, y, 0)], color)
        corners = [(-x, y), (x, y), (x, -y), (-x, -y)]
        for start, stop in zip(corners, corners[1:] + corners[:1], strict=True):
            self.draw_wall(np.array(start), np.array(stop), top)
        for _ in range(rng.poisson(6)):
            self.draw_box(rng.uniform((-x, -y), (x, y)))
        for _ in range(rng.poisson(4)):
            start = rng.uniform(0, 1, 2) * self.size
            stop = start + rng.normal(0, 0.12, 2) * self.size[0]
            ends = tuple(map(int, start)), tuple(map(int, stop))
            cv2.line(self.image, *ends, self.color().tolist(), int(rng.integers(1, 5)), cv2.LINE_AA)

    def draw_wall(self, start: np.ndarray, stop: np.ndarray, top: float) -> None:
        """Draw a wall with doors and windows."""
        rng = self.rng

        def rectangle(a: float, b: float, low: float, high: float) -> list:
            ends = [start + share * (stop - start) for share in (a, b)]
            return [(*ends[0], low), (*ends[1], low), (*ends[1], high), (*ends[0], high)]

        self.draw(rectangle(0, 1, 0, top), self.color())
        for _ in range(rng.poisson(7)):
            a = rng.uniform(0, 0.95)
            low, high = (0, 2.05) if rng.random() < 0.4 else (rng.uniform(0.5, 1.4), 2.0)
            self.draw(rectangle(a, a + rng.uniform(0.03, 0.12), low, high), self.color())

    def draw_box(self, middle: np.ndarray) -> None:
        """Draw a box, at times turned, unless the camera stands in it."""
        rng = self.rng
        if np.linalg.norm(middle) < 1.5:
            return
        angle = rng.uniform(0, np.pi / 2) if rng.random() < 0.3 else 0.0
        across = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        sides = rng.uniform(0.2, 0.6, 2)
        top, color = rng.uniform(0.4, 1.6), self.color()
        corners = [middle + across @ (sides * s) for s in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
        for a, b in sorted(edges, key=lambda edge: -float(np.linalg.norm(edge[0] + edge[1]))):
            face = [(*a, 0), (*b, 0), (*b, top), (*a, top)]
            self.draw(face, color * rng.uniform(0.6, 1))
        if self.height > top:
            self.draw([(*corner, top) for corner in corners], color)

    def finish(self) -> np.ndarray:
        """Return the picture, blurred and with noise."""
        rng = self.rng
        soft = cv2.GaussianBlur(self.image, (0, 0), rng.uniform(0.6, 1.6)).astype(float)
        noisy = soft + rng.normal(0, rng.uniform(1, 6), soft.shape)
        return np.clip(noisy, 0, 255).astype(np.uint8)


def cut(points: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Cut a polygon where ``inside`` is negative (Sutherland and Hodgman, 1974)."""
    kept = []
    for a, b, at_a, at_b in zip(
        points, np.roll(points, -1, 0), inside, np.roll(inside, -1), strict=True
    ):
        if at_a > 0:
            kept.append(a)
        if (at_a > 0) != (at_b > 0):
            kept.append(a + at_a / (at_a - at_b) * (b - a))
    return np.array(kept).reshape(-1, 3)
