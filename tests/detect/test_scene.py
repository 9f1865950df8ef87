"""Reading a scene: edges beside the people, and cameras that move."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Clip

from tcpformer.detect.scene import SceneConfig, SceneReading, find_edges, merge_edges, read_scene
from tcpformer.io.video import Frame, open_video, write_video
from tcpformer.motion import Motion2D
from tcpformer.skeleton import H36M

SIZE = (480, 320)
NO_ONE = np.zeros((0, 4))


def picture(shift: float = 0.0, zoom: float = 1.0, person: float = 0.0) -> np.ndarray:
    """Return a picture of rectangles, shifted and zoomed, with a person at x = ``person``."""
    rng, image = np.random.default_rng(0), np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    for _ in range(30):
        corner, sides = rng.uniform(-100, SIZE, 2), rng.uniform(20, 90, 2)
        ends = [np.round((corner + k * sides) * zoom + [shift, 0]).astype(int) for k in (0, 1)]
        color = rng.integers(0, 255, 3).tolist()
        cv2.rectangle(image, ends[0].tolist(), ends[1].tolist(), color, -1)
    if person:
        left = int(person)
        cv2.rectangle(image, (left, 60), (left + 80, 300), (250, 250, 250), -1)
        for y in range(70, 300, 20):
            cv2.line(image, (left + 5, y), (left + 75, y), (0, 0, 0), 4)
    return image


def reading(path: Path, images: list[np.ndarray], people: list[Motion2D]) -> SceneReading:
    """Write pictures as a video of 10 frames a second, and read the scene."""
    write_video(path, (Frame(i, i / 10, image) for i, image in enumerate(images)), 10.0)
    return read_scene(open_video(path), people)


def walker(frames: int) -> tuple[list[np.ndarray], Motion2D]:
    """Return pictures of a person who walks before a background that stands, and the person."""
    left = 20 + 8.0 * np.arange(frames)
    xy = np.empty((frames, 17, 2))
    xy[..., 0] = left[:, None] + np.linspace(0, 80, 17)
    xy[..., 1] = np.linspace(60, 300, 17)
    person = Motion2D(xy, np.ones((frames, 17)), SIZE, 10.0, H36M)
    return [picture(person=x) for x in left], person


def test_read_scene_of_a_camera_that_stands(tmp_path: Path) -> None:
    images, person = walker(40)
    scene = reading(tmp_path / "still.mp4", images, [person])
    assert not scene.moves()
    assert scene.warning() is None
    assert len(scene.segments) > 20
    assert scene.weight.max() <= 1


@pytest.mark.parametrize(("shift", "zoom"), [(2.0, 0.0), (0.0, 0.004)], ids=["panning", "zooming"])
def test_read_scene_of_a_camera_that_moves(tmp_path: Path, shift: float, zoom: float) -> None:
    images = [picture(shift * i, 1 + zoom * i) for i in range(40)]
    scene = reading(tmp_path / "moving.mp4", images, [])
    assert scene.moves()
    assert "the camera moves" in str(scene.warning())


def test_read_scene_of_a_camera_held_by_hand(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    images = [picture(shift) for shift in rng.normal(0, 4, 40)]
    assert reading(tmp_path / "shaky.mp4", images, []).moves()


@pytest.mark.parametrize("start", [3.0, 6.5, 14.0])
def test_read_scene_notices_a_camera_that_moves_later(tmp_path: Path, start: float) -> None:
    """The first second is read for edges; later on half a second in every three."""
    config = SceneConfig(seconds=1.0, look_every=3.0, look=0.5)
    shifts = [max(0.0, 20 * (i / 10 - start)) for i in range(200)]
    images = (Frame(i, i / 10, picture(shift)) for i, shift in enumerate(shifts))
    write_video(tmp_path / "a.mp4", images, 10.0)
    scene = read_scene(open_video(tmp_path / "a.mp4"), [], config)
    assert scene.moves()
    assert scene.since == pytest.approx(start + 2, abs=2)
    assert f"from about {scene.since:.0f} s on" in str(scene.warning())


def test_read_scene_of_a_long_video_of_a_camera_that_stands(tmp_path: Path) -> None:
    config = SceneConfig(seconds=1.0, look_every=3.0, look=0.5)
    write_video(tmp_path / "a.mp4", (Frame(i, i / 10, picture()) for i in range(100)), 10.0)
    scene = read_scene(open_video(tmp_path / "a.mp4"), [], config)
    assert not scene.moves()
    assert scene.since is None


def test_read_scene_goes_as_far_as_a_damaged_video(tmp_path: Path) -> None:
    class Broken(Clip):
        def frames(self, every: int = 1, *, stored: bool = False) -> Iterator[Frame]:
            yield from super().frames(every, stored=stored)
            raise ValueError("broken")

    images = tuple(picture() for _ in range(40))
    video = Broken(Path("a.mp4"), 10.0, SIZE, 40, images=images)
    assert not read_scene(video, [], SceneConfig(seconds=3.0)).moves()
    with pytest.raises(ValueError, match="broken"):
        read_scene(video, [], SceneConfig(seconds=30.0))


def test_find_edges_ignores_people() -> None:
    image = cv2.cvtColor(picture(person=200.0), cv2.COLOR_RGB2GRAY)
    box = np.array([[195.0, 55.0, 285.0, 305.0]])
    every, masked = find_edges(image, NO_ONE), find_edges(image, box)
    middle = (masked[:, :2] + masked[:, 2:]) / 2
    inside = ((middle > box[0, :2]) & (middle < box[0, 2:])).all(axis=1)
    assert len(masked) < len(every)
    assert not inside.any()


def test_find_edges_of_an_even_picture_is_empty() -> None:
    assert find_edges(np.full((100, 100), 90, np.uint8), NO_ONE).shape == (0, 4)


def test_find_edges_finds_the_sides_of_a_rectangle_in_large_pictures() -> None:
    image = np.zeros((1200, 1600), np.uint8)
    cv2.rectangle(image, (400, 300), (1200, 900), 255, -1)
    edges = find_edges(image, NO_ONE)
    upright = edges[np.abs(edges[:, 0] - edges[:, 2]) < 3]
    at = sorted(upright[:, [0, 2]].mean(axis=1))
    assert (at[0], at[-1]) == pytest.approx((400, 1200), abs=2)


def test_merge_edges_counts_frames() -> None:
    lasting, brief = np.array([[10.0, 10, 10, 200]]), np.array([[50.0, 20, 150, 20]])
    part = np.array([[10.5, 20, 10.5, 110]])
    segments, weight = merge_edges([lasting, np.concatenate([part, brief])])
    np.testing.assert_array_equal(segments, np.concatenate([lasting, brief]))
    np.testing.assert_allclose(weight, [(190 + 90) / 190 / 2, 0.5])
    segments, weight = merge_edges([])
    assert segments.shape == (0, 4)
    assert weight.shape == (0,)
