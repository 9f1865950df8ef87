"""Figures in space, seen from anywhere: standing on a grid, with their shadows.

World frame: x right, y away from the camera that filmed, z up, floor at z = 0; metres.
Axis legend: ``j`` joints.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..skeleton import H36M, Skeleton
from . import ellipse as halo
from .figure import (
    MIDLINE,
    SUBPIXEL,
    Colour,
    alpha_blend,
    capsule,
    colours,
    crop_around,
    fixed,
    mix,
    radii,
)

SKY: Colour = (246.0, 246.0, 244.0)
_FLOOR: Colour = (224.0, 225.0, 227.0)
_GRID: Colour = (186.0, 189.0, 196.0)
_SHADOW: Colour = (150.0, 153.0, 160.0)
_GHOST: Colour = (186.0, 189.0, 194.0)
_WHITE: Colour = (255.0, 255.0, 255.0)
_BLACK: Colour = (0.0, 0.0, 0.0)

_FIELD_OF_VIEW = np.radians(28)  # a long lens: little distortion, yet near looks nearer
_FINER = 2  # bodies are drawn so many times larger, then averaged down: clean edges
_COARSER = 4  # and the floor's fade so many times smaller: it has none
_CELL = 0.5  # metres
_PIECE = 0.25  # metres; grid lines fade in steps of this many
_SHADES = 32  # of a grid line
_NEAR = 0.05  # metres in front of the eye; nothing nearer is drawn
_LIGHT = np.array([-0.12, 0.18])  # metres that a shadow moves per metre of height
_SKULL = np.array([[0.05], [0.40]])  # the head's ball, along the bone from skull base to crown
_SKULL_RADIUS = np.array([0.082, 0.092])


@dataclass(frozen=True)
class View:
    """Where the eye is: it looks at ``target`` and sees a ball of ``radius`` around it whole.

    Attributes:
        target: What it looks at, in the world.
        radius: How much around it fits in, metres.
        azimuth: Degrees the eye has gone around the target, starting from where the camera that
            filmed stands, towards that camera's right.
        elevation: Degrees above the horizon.
    """

    target: tuple[float, float, float]
    radius: float = 1.05
    azimuth: float = 35.0
    elevation: float = 13.0

    @property
    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """World to eye: x right, y down, z forward."""
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        right = np.array([np.cos(a), np.sin(a), 0.0])
        forward = np.array([-np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), -np.sin(e)])
        return np.stack([right, np.cross(forward, right), forward])

    @property
    def distance(self) -> float:
        """From the eye to the target, metres."""
        return float(self.radius / np.sin(_FIELD_OF_VIEW / 2))

    def project(
        self, xyz: Float[np.ndarray, "*batch 3"], size: tuple[int, int]
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch"]]:
        """World to pixels of a picture of this size, and how many pixels a metre is there.

        Behind the eye a metre is 0 pixels, and the position means nothing.
        """
        eye = (xyz - np.array(self.target)) @ self.rotation.T + np.array([0, 0, self.distance])
        depth = eye[..., 2]
        focal = 0.5 * min(size) / np.tan(_FIELD_OF_VIEW / 2)
        scale = np.where(depth > _NEAR, focal / np.maximum(depth, _NEAR), 0.0)
        return 0.5 * np.array(size) + eye[..., :2] * scale[..., None], scale


@dataclass(frozen=True)
class Figure:
    """A person at one moment.

    Attributes:
        xyz: Joints in the world, metres.
        skeleton: Their order.
        ghost: Drawn grey: nobody saw it, it was bridged.
        colour: Of the trunk and the head, where there are several people.
        covariance: Of each joint, in the world; drawn as a halo of one sigma. None draws none.
    """

    xyz: Float[np.ndarray, "j 3"]
    skeleton: Skeleton = H36M
    ghost: bool = False
    colour: Colour = MIDLINE
    covariance: Float[np.ndarray, "j 3 3"] | None = None


def draw_3d(
    xyz: Float[np.ndarray, "j 3"],
    view: View,
    size: tuple[int, int],
    skeleton: Skeleton = H36M,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw one figure on its floor, seen from anywhere. Size is (width, height); RGB."""
    return draw_scene([Figure(xyz, skeleton)], view, size)


def draw_scene(
    figures: Sequence[Figure], view: View, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw several figures in one world. Size is (width, height); RGB."""
    image = _floor(view, size)
    _shadows(image, figures, view, size)
    for figure in figures:
        _halo(image, figure, view, size)
    _bodies(image, [bone for figure in figures for bone in _bones(figure, view, size)])
    return image


@dataclass(frozen=True)
class _Bone:
    """One stroke: ends and radii in pixels; ``scale`` is pixels a metre, so it tells nearness."""

    scale: float
    ends: np.ndarray
    radius: np.ndarray
    colour: Colour

    @property
    def outline(self) -> np.ndarray:
        """Radii of the rim that sets it off from others."""
        return self.radius + 0.012 * self.scale

    def finer(self, corner: np.ndarray) -> "_Bone":
        """In pixels of the part of a picture that begins at a corner, drawn larger."""
        ends, radius = _FINER * (self.ends - corner), _FINER * self.radius
        return _Bone(_FINER * self.scale, ends, radius, self.colour)

    def draw(self, image: np.ndarray) -> None:
        capsule(image, self.ends, self.outline, SKY)
        # Three layers, each smaller and nearer to the light at the upper left: a round limb.
        light = -0.3 * np.array([0.7, 1.0]) * self.radius.mean()
        for share, tint, much in ((1.0, _BLACK, 0.22), (0.8, _BLACK, 0.0), (0.42, _WHITE, 0.22)):
            ends = self.ends + (1 - share) * light
            capsule(image, ends, self.radius * share, mix(self.colour, tint, much))


def _bones(figure: Figure, view: View, size: tuple[int, int]) -> list[_Bone]:
    skeleton = figure.skeleton
    pixels, scale = view.project(figure.xyz, size)
    middle = view.project(np.array(view.target), size)[1]
    paint, thick = colours(skeleton, figure.colour), radii(skeleton)
    result = []
    for parent, child in skeleton.bones:
        ends, near = pixels[[parent, child]], scale[[parent, child]]
        if near.min() <= 0:
            continue
        radius = thick[[parent, child]]
        if (skeleton.joints[parent], skeleton.joints[child]) == ("Neck", "Head"):
            ends, radius = ends[0] + _SKULL * (ends[1] - ends[0]), _SKULL_RADIUS
        haze = float(np.clip(2.5 * (1 - near.mean() / middle), 0, 0.5))
        colour = mix(_GHOST if figure.ghost else paint[child], SKY, haze)
        result.append(_Bone(float(near.mean()), ends, radius * near, colour))
    return result


def _bodies(image: np.ndarray, bones: Sequence[_Bone]) -> None:
    """Draw bones into the image itself, the nearest last."""
    if not bones:
        return
    where, corner = crop_around(
        image,
        np.concatenate([bone.ends for bone in bones]),
        np.concatenate([bone.outline for bone in bones]),
    )
    if not where.size:
        return
    large = cv2.resize(where, None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_NEAREST)
    for bone in sorted(bones, key=lambda bone: bone.scale):
        bone.finer(corner).draw(large)
    where[:] = cv2.resize(large, where.shape[1::-1], interpolation=cv2.INTER_AREA)


def _halo(image: np.ndarray, figure: Figure, view: View, size: tuple[int, int]) -> None:
    """How sure the joints are, behind the body."""
    if figure.covariance is None:
        return
    pixels, scale = view.project(figure.xyz, size)
    axes, angle = halo.half_axes(figure.covariance, view.rotation)
    paint = colours(figure.skeleton, figure.colour)
    if figure.ghost:
        paint = [_SHADOW] * len(paint)
    halo.draw(image, pixels, axes * scale[:, None], angle, paint)


def _floor(view: View, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """A disc of floor that fades into the sky, with a grid fixed to the world."""
    reach = 3.2 * view.radius
    middle = np.array([view.target[0], view.target[1], 0.0])
    angle = np.linspace(0, 2 * np.pi, 73)[:-1]
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    coarse = (size[0] // _COARSER + 1, size[1] // _COARSER + 1)
    fade = np.full((coarse[1], coarse[0], 3), SKY, np.uint8)
    shares = np.linspace(1, 0.05, 24)
    rings, nearness = view.project(middle + shares[:, None, None] * reach * ring, coarse)
    for share, pixels, scale in zip(shares.tolist(), rings, nearness, strict=True):
        if scale.min() > 0:
            colour = mix(_FLOOR, SKY, share**2)
            cv2.fillPoly(fade, [fixed(pixels)], colour, cv2.LINE_AA, SUBPIXEL)
    image = cv2.resize(fade, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    pieces = _grid(middle, reach, _CELL * max(1, round(view.radius / 2)))
    pixels, scale = view.project(pieces, size)
    far = np.linalg.norm(pieces.mean(axis=1) - middle, axis=-1) / reach
    shade = np.where(scale.min(axis=1) > 0, np.floor(far * _SHADES), -1)
    for step in range(_SHADES):
        share = (step + 0.5) / _SHADES
        colour = mix(_GRID, mix(_FLOOR, SKY, share**2), share)
        lines = list(fixed(pixels[shade == step]))
        cv2.polylines(image, lines, False, colour, 1, cv2.LINE_AA, SUBPIXEL)
    return image


def _grid(middle: np.ndarray, reach: float, cell: float) -> Float[np.ndarray, "n 2 3"]:
    """Short pieces of the lines of a square grid, within reach of the middle."""
    result = []
    for along, across in ((0, 1), (1, 0)):
        lines = cell * _whole(middle[across], reach, cell)
        starts = _PIECE * _whole(middle[along], reach, _PIECE)
        pieces = np.zeros((len(lines), len(starts), 2, 3))
        pieces[..., across] = lines[:, None, None]
        pieces[..., along] = starts[:, None] + np.array([0, _PIECE])
        result.append(pieces.reshape(-1, 2, 3))
    pieces = np.concatenate(result)
    return pieces[np.linalg.norm(pieces.mean(axis=1) - middle, axis=-1) < reach]


def _whole(middle: float, reach: float, step: float) -> np.ndarray:
    """The whole numbers of steps within reach of the middle."""
    return np.arange(np.ceil((middle - reach) / step), np.floor((middle + reach) / step) + 1)


def _shadows(
    image: np.ndarray, figures: Sequence[Figure], view: View, size: tuple[int, int]
) -> None:
    """Darken the floor under each figure, softly; the higher a limb, the less."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for figure in figures:
        _shadow(mask, figure, view, size)
    soft = max(3, round(0.012 * min(size))) | 1
    alpha_blend(image, _SHADOW, mask, soft=(soft, soft // 2 | 1))


def _shadow(mask: np.ndarray, figure: Figure, view: View, size: tuple[int, int]) -> None:
    height = np.maximum(figure.xyz[:, 2:], 0)
    flat = np.hstack([figure.xyz[:, :2] + _LIGHT * height, 0 * height])
    pixels, scale = view.project(flat, size)
    thick = 0.9 * radii(figure.skeleton) * scale
    # The darkest last, so that nothing brightens a foot on the floor.
    for parent, child in sorted(figure.skeleton.bones, key=lambda bone: -height[list(bone)].sum()):
        ends = [parent, child]
        if scale[ends].min() > 0:
            dark = int(255 * np.exp(-0.9 * height[ends].mean()))
            capsule(mask, pixels[ends], thick[ends], dark)
