"""The video with the joints drawn in, and beside it the figures in space; with the sound.

People are matched to the video by frame index; what either has beyond the other is not drawn.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from ..analysis.angles import measure_angles
from ..io.sound import find_sound
from ..io.video import Frame, Video, write_video
from ..motion import Motion3D
from . import figure
from .ellipse import rotate_to_world
from .legend import draw_angles, draw_legend
from .scene import Figure, draw_scene
from .view_path import TURN, ViewConfig, solve_view_path

Image = UInt8[np.ndarray, "h w 3"]

_MIDLINE = (236.0, 238.0, 242.0)
_RIM = (22.0, 24.0, 30.0)
_STROKE = 0.42  # radius of a stroke over the image, in radii of the body: the body shows beside it


@dataclass(frozen=True)
class OverlayConfig:
    """Size of the overlay, its view in space, and what is written into it."""

    max_height: int = 1080
    """Pixels; larger videos are scaled down, as hardware players of H.264 end not far above."""
    angles: bool = False
    """Write the degrees of knees, hips and elbows beside them."""
    view: ViewConfig = TURN


def write_overlay(
    video: Video,
    people: Sequence[Motion3D] | Mapping[int, Motion3D],
    path: str | Path,
    progress: Callable[[int, int], None] | None = None,
    config: OverlayConfig = OverlayConfig(),
) -> None:
    """Write a video of the same frames and times: the joints in the image, the figures in space.

    The first frame is at 0 s. Sound is kept, but for that of slow motion.

    Args:
        video: The video that the motions were lifted from.
        people: One motion a person; may be empty. Several people are distinguished by the colour
            of the trunk and by their numbers: the keys, or the places in the sequence.
        path: Output file; .mp4, .m4v, .mov or .mkv.
        progress: Called after each frame with the number done and the number expected.

    Raises:
        ValueError: If the video breaks off, or a motion was made from a video of another size.
    """
    people = dict(people) if isinstance(people, Mapping) else dict(enumerate(people))
    for person in people.values():
        check_video_size(video, person.size)
    sound = find_sound(video)
    write_video(path, _render(video, people, progress, config), video.fps, sound)


def check_video_size(video: Video, size: tuple[int, int]) -> None:
    """Raise ValueError if the images of a video are of another size than joints come from."""
    if tuple(size) != video.size:
        raise ValueError(
            f"expected joints of an image of {video.size}, the size of {video.path}, got "
            f"{tuple(size)}; give the video that they came from."
        )


def draw_2d(image: Image, person: Motion3D, index: int, midline: figure.Colour = _MIDLINE) -> Image:
    """Return the image with one person's joints of one frame drawn in; the image is not changed.

    A bone is as faint as the less certain of its ends. Frames that are not valid, and joints
    without a position or of confidence 0, are not drawn.
    """
    result = image.copy()
    _paint_2d(result, person, index, midline)
    return result


def _paint_2d(image: Image, person: Motion3D, index: int, midline: figure.Colour) -> None:
    """Draw what `draw_2d` draws into the image itself."""
    if index >= len(person) or not person.valid[index]:
        return
    xy, confidence = person.xy[index], person.confidence[index]
    radii = _STROKE * figure.joint_radii(person.skeleton) * _pixels_per_metre(person, index)
    colours = figure.bone_colours(person.skeleton, midline)
    known = np.isfinite(xy).all(axis=1)
    if not known.any():
        return
    region, corner = figure.crop_around(image, xy[known], 1.35 * radii[known] + 1)
    if not region.size:
        return
    strokes, opacity, xy = region.copy(), np.zeros(region.shape[:2], np.uint8), xy - corner
    for bone in map(list, figure.strokes(person.skeleton)):
        certain = min(float(confidence[bone].min()), 1.0)
        if certain <= 0 or not known[bone].all():
            continue
        colour, outer = colours[bone[1]], radii[bone] + np.maximum(0.35 * radii[bone], 1.0)
        alpha = float(np.clip(0.15 + 1.5 * (certain - 0.1), 0.15, 1.0))
        figure.draw_capsule(opacity, xy[bone], outer, round(255 * alpha))
        figure.draw_capsule(strokes, xy[bone], outer, figure.mix(colour, _RIM, 0.8))
        figure.draw_capsule(strokes, xy[bone], radii[bone], colour)
    figure.alpha_blend(region, strokes, opacity)


def draw_number(image: Image, person: Motion3D, index: int, number: int) -> None:
    """Draw a person's number above the head, into the image itself."""
    if index >= len(person) or not person.valid[index]:
        return
    size = 0.11 * _pixels_per_metre(person, index)
    xy = person.xy[index]
    x = float(np.clip(xy[:, 0].mean(), size, max(image.shape[1] - size, size)))
    y = float(np.clip(xy[:, 1].min() - 3 * size, 1.5 * size, image.shape[0] - size))
    px, py, rim, disc = figure.to_fixed_point(np.array([x, y, 1.3 * size, 1.1 * size])).tolist()
    cv2.circle(image, (px, py), rim, _RIM, -1, cv2.LINE_AA, figure.SUBPIXEL)
    cv2.circle(
        image, (px, py), disc, figure.person_colour(number), -1, cv2.LINE_AA, figure.SUBPIXEL
    )
    font, scale, thickness = cv2.FONT_HERSHEY_SIMPLEX, size / 16, max(1, round(size / 7))
    (width, height), _ = cv2.getTextSize(str(number), font, scale, thickness)
    origin = (round(x - width / 2), round(y + height / 2))
    cv2.putText(image, str(number), origin, font, scale, _RIM, thickness, cv2.LINE_AA)


def figures_in_frame(people: Mapping[int, Motion3D], index: int) -> list[Figure]:
    """Return the figures of a frame; a person between two valid stretches becomes a ghost."""
    alone = len(people) < 2
    result = []
    for number, person in people.items():
        valid = person.valid
        if index < len(person) and (alone or (valid[: index + 1].any() and valid[index:].any())):
            colour = figure.MIDLINE if alone else figure.person_colour(number)
            xyz, covariance = person.xyz[index], None
            if person.sigma is not None:
                covariance = rotate_to_world(person.sigma[index], person.camera_xyz[index], xyz)
            seen = person.confidence[index] > 0
            result.append(Figure(xyz, person.skeleton, not valid[index], colour, covariance, seen))
    return result


def _pixels_per_metre(person: Motion3D, index: int) -> float:
    """Return the scale of a person in the image, within bounds that keep strokes readable."""
    depth, longer = float(person.camera_xyz[index, person.skeleton.root, 2]), max(person.size)
    return float(np.clip(person.focal / max(depth, 0.1), 0.045 * longer, 0.35 * longer))


def _render(
    video: Video,
    people: Mapping[int, Motion3D],
    progress: Callable[[int, int], None] | None,
    config: OverlayConfig,
) -> Iterator[Frame]:
    """Yield the frames of the overlay, the first at 0 s, also of a part of a video."""
    onset = None
    path = solve_view_path(people, video.fps, config.view)
    angles = {i: measure_angles(each) for i, each in people.items()} if config.angles else {}
    scale = min(1.0, config.max_height / max(video.size[1], 1))
    width, height = (round(side * scale) for side in video.size)
    panel = (min(width, height), height)
    shown = {i: _scaled(person, scale, (width, height)) for i, person in people.items()}
    for frame in video.frames():
        onset = frame.time if onset is None else onset
        canvas = np.empty((height, width + panel[0], 3), np.uint8)
        image, scene = canvas[:, :width], canvas[:, width:]
        if (width, height) == video.size:
            image[:] = frame.image
        else:
            image[:] = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
        _draw_people(image, shown, frame.index)
        for i, each in angles.items():
            draw_angles(image, shown[i], each, frame.index)
        view = path.at(frame.index, frame.time - onset)
        scene[:] = draw_scene(figures_in_frame(people, frame.index), view, panel)
        draw_legend(scene, view, frame.time, people=bool(people))
        yield Frame(frame.index, frame.time - onset, canvas)
        if progress is not None:
            progress(frame.index + 1, max(video.length, frame.index + 1))


def _scaled(person: Motion3D, scale: float, size: tuple[int, int]) -> Motion3D:
    """Return a person whose joints lie in a smaller image."""
    if size == person.size:
        return person
    return replace(person, xy=scale * person.xy, focal=scale * person.focal, size=size)


def _draw_people(image: Image, people: Mapping[int, Motion3D], index: int) -> None:
    """Draw all people into the image itself: the nearest on top, numbered if several."""
    present = {i: person for i, person in people.items() if index < len(person)}
    for i in sorted(present, key=lambda i: -people[i].camera_xyz[index, :, 2].mean()):
        midline = figure.person_colour(i) if len(people) > 1 else _MIDLINE
        _paint_2d(image, people[i], index, midline)
    if len(people) > 1:
        for i, person in present.items():
            draw_number(image, person, index, i)
