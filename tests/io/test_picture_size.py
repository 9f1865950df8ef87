"""The size of the picture that keypoints come from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tcpformer.detections import Detections
from tcpformer.io.picture_size import check_picture_size
from tcpformer.skeleton import COCO

SIZE = (1280, 720)


def standing(x: float, y: float, confidence: float = 0.9, frames: int = 10) -> Detections:
    """Return a person of 300 pixels whose feet are at a place, in each frame."""
    body = np.stack([x + np.linspace(-40, 40, 17), y + np.linspace(-300, 0, 17)], axis=1)
    return Detections(
        np.repeat(body[None], frames, axis=0),
        np.full((frames, 17), confidence),
        np.arange(frames),
        np.arange(frames) / 30,
        SIZE,
        30.0,
        COCO,
    )


@pytest.mark.parametrize(("x", "y"), [(1700, 700), (640, 1000), (-300, 700), (1560, 1060)], ids=str)
def test_check_picture_size_refuses_another_picture(x: float, y: float) -> None:
    message = rf"a\.json: .* whose size is 1280 x 720: .* to {x + 40}, {y}, .* at least"
    with pytest.raises(ValueError, match=message):
        check_picture_size(Path("a.json"), standing(x, y))


@pytest.mark.parametrize(
    ("x", "y", "confidence"), [(640, 700, 0.9), (640, 800, 0.9), (1290, 700, 0.9), (640, 1000, 0.3)]
)
def test_check_picture_size_takes_people_at_the_edge(x: float, y: float, confidence: float) -> None:
    check_picture_size(Path("a.json"), standing(x, y, confidence))


def test_check_picture_size_takes_who_leaves_the_picture() -> None:
    there, gone = standing(640, 700, frames=6), standing(1700, 700, frames=4)
    both = Detections(
        np.concatenate([there.xy, gone.xy]),
        np.full((10, 17), 0.9),
        np.arange(10),
        np.arange(10) / 30,
        SIZE,
        30.0,
        COCO,
    )
    check_picture_size(Path("a.json"), both)


@pytest.mark.parametrize("scale", [(1, 1), (1, 0.5625), (0.4, 0.7)])
def test_check_picture_size_names_the_way_from_minus_1_to_1(scale: tuple[float, float]) -> None:
    found = standing(640, 700)
    fractions = replace(found, xy=(found.xy / SIZE * 2 - 1) * scale)
    with pytest.raises(ValueError, match=r"look like coordinates from -1 to 1; .* \(x \+ 1\) / 2"):
        check_picture_size(Path("a.json"), fractions)


def test_check_picture_size_leaves_fractions_to_motions() -> None:
    found = standing(100, 700)
    check_picture_size(Path("a.json"), replace(found, xy=found.xy / SIZE))


def test_check_picture_size_refuses_legs_below_half_the_picture() -> None:
    with pytest.raises(ValueError, match="most of the people are outside the picture"):
        check_picture_size(Path("a.json"), standing(640, 830))


def test_check_picture_size_shows_few_digits_of_a_huge_number() -> None:
    huge = np.full((10, 17, 2), 1e300)
    with pytest.raises(ValueError, match="most of the people are outside the picture") as found:
        check_picture_size(Path("a.json"), replace(standing(640, 700), xy=huge))
    assert len(str(found.value)) < 400
