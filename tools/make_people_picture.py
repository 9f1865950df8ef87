"""Make docs/people.png: the people of the sample clip at three moments, and their ways from above.

usage: python tools/make_people_picture.py [out]     needs the results of `make demo` and Pillow
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tcpformer import Motion3D, load_motion, open_video
from tcpformer.viz.figure import SUBPIXEL, fixed, of_person
from tcpformer.viz.overlay import draw_2d, draw_number, present
from tcpformer.viz.scene import View, draw_scene

ROOT = Path(__file__).parents[1]
FRAMES = (60, 120, 196)
WIDE, HIGH = 400, 225
METRES = (-6.0, 8.0, 5.0, 9.5)  # left, right, near, far of the plan
INK, PAPER, LINES = (22, 24, 30), (246, 246, 244), (215, 217, 221)


def seen(people: dict[int, Motion3D]) -> list[np.ndarray]:
    """The moments, as the camera saw them."""
    pictures = []
    for frame in open_video(ROOT / "assets/sample.mp4").frames():
        if frame.index in FRAMES:
            image = frame.image
            for number, person in people.items():
                image = draw_2d(image, person, frame.index, of_person(number))
            image = image.copy()
            for number, person in people.items():
                draw_number(image, person, frame.index, number)
            pictures.append(cv2.resize(image, (WIDE, HIGH), interpolation=cv2.INTER_AREA))
    return pictures


def in_space(people: dict[int, Motion3D]) -> list[np.ndarray]:
    """The same moments from the right of the camera and above."""
    every = np.concatenate([person.xyz[person.valid][:, 0] for person in people.values()])
    x, y = ((every.min(axis=0) + every.max(axis=0)) / 2).tolist()[:2]
    view = View((x, y, 2.1), 2.9, azimuth=20.0, elevation=10.0)
    return [draw_scene(present(people, index), view, (WIDE, HIGH)) for index in FRAMES]


def plan(people: dict[int, Motion3D], size: tuple[int, int]) -> np.ndarray:
    """Everybody's way seen from above; the camera is at the bottom and looks up the picture."""
    width, height = size
    left, right, near, far = METRES
    scale = min(width / (right - left), height / (far - near))
    middle = width / 2 - scale * (left + right) / 2

    def place(xy: np.ndarray) -> np.ndarray:
        return np.stack([middle + scale * xy[..., 0], height - scale * (xy[..., 1] - near)], -1)

    image = np.full((height, width, 3), PAPER, np.uint8)
    for metre in range(-20, 21):
        for ends in ([(metre, 0), (metre, 20)], [(-20, metre), (20, metre)]):
            a, b = fixed(place(np.array(ends, float))).tolist()
            cv2.line(image, a, b, LINES, 1, cv2.LINE_AA, SUBPIXEL)
    for number, person in people.items():
        way = place(person.xyz[:, 0, :2])
        for i in np.flatnonzero(person.valid[1:] & person.valid[:-1]):
            a, b = fixed(way[i : i + 2]).tolist()
            cv2.line(image, a, b, of_person(number), 3, cv2.LINE_AA, SUBPIXEL)
        for moment in FRAMES:
            if person.valid[moment]:
                at = fixed(way[moment]).tolist()
                cv2.circle(
                    image, at, int(fixed(np.array(7.0))), of_person(number), -1, 16, SUBPIXEL
                )
                cv2.circle(image, at, int(fixed(np.array(7.0))), INK, 1, 16, SUBPIXEL)
                x, y = np.round(way[moment]).astype(int).tolist()
                text(image, str(moment), (x + 10, y - 8))
    text(image, "from above; a square is a metre; dots: the frames above", (10, 20))
    text(image, "the camera stands 5 metres below this edge", (10, height - 10))
    return image


def text(image: np.ndarray, words: str, at: tuple[int, int]) -> None:
    cv2.putText(image, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folders = sorted(out.glob("person_*"))
    people = {int(f.name.split("_")[1]): load_motion(f / "motion.npz") for f in folders}
    rows = [np.hstack(seen(people)), np.hstack(in_space(people)), plan(people, (3 * WIDE, 385))]
    picture = Image.fromarray(np.vstack(rows)).quantize(200, dither=Image.Dither.NONE)
    picture.save(ROOT / "docs/people.png", optimize=True)


if __name__ == "__main__":
    main()
