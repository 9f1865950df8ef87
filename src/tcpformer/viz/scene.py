"""Figures in space from any side: on a floor with a grid, with their shadows.

World frame: x right, y away from the recording camera, z up, floor at z = 0; metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..skeleton import H36M, Skeleton
from . import figure
from .ellipse import draw_ellipses, project_half_axes

Image = UInt8[np.ndarray, "h w 3"]
Size = tuple[int, int]

SKY = (246.0, 246.0, 244.0)
_FLOOR = (224.0, 225.0, 227.0)
_GRID = (186.0, 189.0, 196.0)
_SHADOW = (150.0, 153.0, 160.0)
_GHOST = (186.0, 189.0, 194.0)
_WHITE = (255.0, 255.0, 255.0)
_BLACK = (0.0, 0.0, 0.0)
_NEAR = 0.05  # metres in front of the eye; nothing nearer is drawn


@dataclass(frozen=True)
class SceneStyle:
    """How floor, bodies and shadows are drawn. All values were chosen by eye."""

    floor_downsampling: int = 4
    """The floor's fade is drawn smaller by this factor: it has no edges."""
    floor_radius: float = 3.2
    """Radius of the floor, in radii of the view."""
    grid_cell: float = 0.5
    """Side of a cell of the grid in metres; wide views take a multiple."""
    grid_piece: float = 0.25
    """Metres of a grid line of one shade; lines fade from piece to piece."""
    grid_shades: int = 32
    """Shades from the middle of the grid to its edge."""
    shadow_shift: tuple[float, float] = (-0.12, 0.18)
    """Metres along x and y that a shadow moves per metre of height."""
    shadow_scale: float = 0.9
    """Radius of a shadow, in radii of the limb."""
    shadow_decay: float = 0.9
    """Opacity of a shadow is exp(-shadow_decay * height in metres)."""
    pale: float = 0.6
    """Share of the sky's colour in limbs that were not detected."""
    thin: float = 0.5
    """Thickness of these limbs, in that of others."""
    outline: float = 0.012
    """Metres of bright rim around each limb."""
    skull: tuple[float, float] = (0.05, 0.40)
    """The head's two discs, as shares of the way from the neck to the crown."""
    skull_radius: tuple[float, float] = (0.082, 0.092)
    """Radii of these discs, in metres."""


@dataclass(frozen=True)
class View:
    """Eye that looks at ``target`` and has a ball of ``radius`` around it in view: metres, degrees.

    The azimuth is that from the position of the recording camera towards that camera's right, the
    elevation that above the horizon.
    """

    target: tuple[float, float, float]
    radius: float = 1.05
    azimuth: float = 35.0
    elevation: float = 13.0
    field_of_view: float = 28.0
    """A long lens distorts little, yet nearer limbs look larger."""

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
        return float(self.radius / np.sin(np.radians(self.field_of_view) / 2))

    def project(
        self, xyz: Float[np.ndarray, "*batch 3"], size: Size
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch"]]:
        """Project world points to pixels of an image of ``size``; also return pixels per metre.

        Behind the eye a metre is 0 pixels, and the position is meaningless.
        """
        eye = (xyz - np.array(self.target)) @ self.rotation.T + np.array([0, 0, self.distance])
        depth = eye[..., 2]
        focal = 0.5 * min(size) / np.tan(np.radians(self.field_of_view) / 2)
        scale = np.where(depth > _NEAR, focal / np.maximum(depth, _NEAR), 0.0)
        return 0.5 * np.array(size) + eye[..., :2] * scale[..., None], scale


@dataclass(frozen=True)
class Figure:
    """A person in one frame: joints in the world, metres."""

    xyz: Float[np.ndarray, "j 3"]
    skeleton: Skeleton = H36M
    ghost: bool = False
    """Draw it grey: the frame was bridged, not observed."""
    colour: figure.Colour = figure.MIDLINE
    """Of the trunk and the head; distinguishes several people."""
    covariance: Float[np.ndarray, "j 3 3"] | None = None
    """Of each joint, in the world; drawn as an ellipse of one sigma."""
    seen: Bool[np.ndarray, " j"] | None = None
    """Whether each joint was detected; bones that end in another are thin and pale."""

    def hidden(self, *joints: int) -> bool:
        """Return whether one of some joints was not detected."""
        return self.seen is not None and not self.seen[list(joints)].all()


Figures = Sequence[Figure]


def draw_scene(figures: Figures, view: View, size: Size, style: SceneStyle = SceneStyle()) -> Image:
    """Draw figures on one floor; ``size`` is (width, height), the result RGB."""
    image = _draw_floor(view, size, style)
    _draw_shadows(image, figures, view, style)
    for person in figures:
        _draw_uncertainty(image, person, view)
    bones = [bone for person in figures for bone in _bones(person, view, size, style)]
    for bone in sorted(bones, key=lambda bone: bone.scale):  # the nearest last
        bone.draw(image)
    return image


@dataclass(frozen=True)
class _Bone:
    """One stroke: ends, radii and rim in pixels; ``scale`` is pixels per metre, large if near."""

    scale: float
    ends: np.ndarray
    radius: np.ndarray
    outline: np.ndarray
    colour: figure.Colour

    def draw(self, image: np.ndarray) -> None:
        """Draw it into the image itself."""
        ends, radius = self.ends, self.radius
        figure.draw_capsule(image, ends, self.outline, SKY)
        # Three layers, each smaller and nearer to the light at the upper left: a round limb.
        light = -0.3 * np.array([0.7, 1.0]) * radius.mean()
        for size, tint, share in ((1.0, _BLACK, 0.22), (0.8, _BLACK, 0.0), (0.42, _WHITE, 0.22)):
            shifted = ends + (1 - size) * light
            figure.draw_capsule(image, shifted, radius * size, figure.mix(self.colour, tint, share))


def _bones(person: Figure, view: View, size: tuple[int, int], style: SceneStyle) -> list[_Bone]:
    skeleton = person.skeleton
    pixels, scale = view.project(person.xyz, size)
    at_target = view.project(np.array(view.target), size)[1]
    colours, radii = figure.bone_colours(skeleton, person.colour), figure.joint_radii(skeleton)
    result = []
    for parent, child in figure.strokes(skeleton):
        ends, near = pixels[[parent, child]], scale[[parent, child]]
        if near.min() <= 0:
            continue
        radius = radii[[parent, child]]
        if (skeleton.joints[parent], skeleton.joints[child]) == ("Neck", "Head"):
            ends = ends[0] + np.array(style.skull)[:, None] * (ends[1] - ends[0])
            radius = np.array(style.skull_radius)
        haze = float(np.clip(2.5 * (1 - near.mean() / at_target), 0, 0.5))
        hidden = person.hidden(parent, child)
        pale, radius = style.pale * hidden, radius * (style.thin if hidden else 1.0)
        colour = figure.mix(_GHOST if person.ghost else colours[child], SKY, max(haze, pale))
        mean, radius = float(near.mean()), radius * near
        result.append(_Bone(mean, ends, radius, radius + style.outline * mean, colour))
    return result


def _draw_uncertainty(image: np.ndarray, person: Figure, view: View) -> None:
    if person.covariance is not None:
        pixels, scale = view.project(person.xyz, image.shape[1::-1])
        axes, angle = project_half_axes(person.covariance, view.rotation)
        colours = figure.bone_colours(person.skeleton, person.colour)
        colours = [_SHADOW] * len(colours) if person.ghost else colours
        draw_ellipses(image, pixels, axes * scale[:, None], angle, colours)


def _draw_floor(view: View, size: Size, style: SceneStyle) -> Image:
    """Draw a disc of floor that fades into the sky, with a grid fixed to the world."""
    radius, middle = style.floor_radius * view.radius, np.array([*view.target[:2], 0.0])
    angle = np.linspace(0, 2 * np.pi, 73)[:-1]
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    coarse = (size[0] // style.floor_downsampling + 1, size[1] // style.floor_downsampling + 1)
    fade = np.full((coarse[1], coarse[0], 3), SKY, np.uint8)
    shares = np.linspace(1, 0.05, 24)
    rings, scales = view.project(middle + shares[:, None, None] * radius * ring, coarse)
    for share, pixels, scale in zip(shares.tolist(), rings, scales, strict=True):
        if scale.min() > 0:
            colour = figure.mix(_FLOOR, SKY, share**2)
            disc = [figure.to_fixed_point(pixels)]
            cv2.fillPoly(fade, disc, colour, cv2.LINE_AA, figure.SUBPIXEL)
    image = cv2.resize(fade, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    cell = style.grid_cell * max(1, round(view.radius / 2))
    pieces = _grid_pieces(middle, radius, cell, style.grid_piece)
    pixels, scale = view.project(pieces, size)
    distance = np.linalg.norm(pieces.mean(axis=1) - middle, axis=-1) / radius
    shade = np.where(scale.min(axis=1) > 0, np.floor(distance * style.grid_shades), -1)
    for step in range(style.grid_shades):
        share = (step + 0.5) / style.grid_shades
        colour = figure.mix(_GRID, figure.mix(_FLOOR, SKY, share**2), share)
        lines = list(figure.to_fixed_point(pixels[shade == step]))
        cv2.polylines(image, lines, False, colour, 1, cv2.LINE_AA, figure.SUBPIXEL)
    return image


def _grid_pieces(middle: np.ndarray, radius: float, cell: float, length: float) -> np.ndarray:
    """Return short pieces (n 2 3) of the lines of a square grid, within a radius of the middle."""

    def multiples(center: float, step: float) -> np.ndarray:
        first, last = np.ceil((center - radius) / step), np.floor((center + radius) / step)
        return step * np.arange(first, last + 1)

    result = []
    for along, across in ((0, 1), (1, 0)):
        lines, starts = multiples(middle[across], cell), multiples(middle[along], length)
        pieces = np.zeros((len(lines), len(starts), 2, 3))
        pieces[..., across] = lines[:, None, None]
        pieces[..., along] = starts[:, None] + np.array([0, length])
        result.append(pieces.reshape(-1, 2, 3))
    pieces = np.concatenate(result)
    return pieces[np.linalg.norm(pieces.mean(axis=1) - middle, axis=-1) < radius]


def _draw_shadows(image: Image, figures: Figures, view: View, style: SceneStyle) -> None:
    """Darken the floor under each figure, softly; the higher a limb, the less."""
    size, mask = image.shape[1::-1], np.zeros(image.shape[:2], np.uint8)
    for person in figures:
        height = np.maximum(person.xyz[:, 2:], 0)
        flat = np.hstack([person.xyz[:, :2] + np.array(style.shadow_shift) * height, 0 * height])
        pixels, scale = view.project(flat, size)
        radius = style.shadow_scale * figure.joint_radii(person.skeleton) * scale
        # The darkest last, so that none brightens a foot on the floor.
        bones = sorted(figure.strokes(person.skeleton), key=lambda bone: -height[list(bone)].sum())
        for ends in map(list, bones):
            if scale[ends].min() > 0:
                opacity = int(255 * np.exp(-style.shadow_decay * height[ends].mean()))
                thin = style.thin if person.hidden(*ends) else 1.0
                radii = thin * radius[ends]
                figure.draw_capsule(mask, pixels[ends], radii, opacity, cv2.LINE_8)
    blur = max(3, round(0.012 * min(size))) | 1
    figure.alpha_blend(image, _SHADOW, mask, blur=(blur, blur // 2 | 1))
