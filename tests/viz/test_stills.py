"""Pictures of a person out of a video."""

from dataclasses import replace

import numpy as np
import pytest
from motions import motion3d, walk

from tcpformer.io.video import Frame, Video, open_video, write_video
from tcpformer.motion import Motion3D
from tcpformer.viz.stills import HEIGHT, WIDEST, cut_stills, to_data_address

SIZE = 320, 240


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    """Write a video that is brighter from frame to frame, red on the left and blue on the right."""
    images = np.zeros((20, SIZE[1], SIZE[0], 3), np.uint8)
    images[:, :, :160, 0] = images[:, :, 160:, 2] = np.arange(60, 260, 10)[:, None, None]
    path = tmp_path_factory.mktemp("stills") / "a.mp4"
    write_video(path, (Frame(i, i / 10, image) for i, image in enumerate(images)), 10.0)
    return open_video(path)


def person(x: float, y: float, width: float, height: float) -> Motion3D:
    """Return a person who stands still in a rectangle of the picture."""
    motion = motion3d(walk(20).xyz, 10.0)
    spread = np.linspace(-0.5, 0.5, 17)[None, :, None] * np.array([width, height])
    xy = np.broadcast_to(np.array([x, y]) + spread, (20, 17, 2)).copy()
    return replace(motion, xy=xy, size=SIZE, confidence=np.ones((20, 17)))


def test_cut_stills_shows_the_person_at_the_time(video: Video) -> None:
    left, right = (cut_stills(video, person(x, 120, 40, 80), [1.21])[0] for x in (80, 240))
    assert left is not None
    assert right is not None
    assert left.shape[0] == right.shape[0] == HEIGHT
    assert left[..., 0].mean() == pytest.approx(60 + 10 * 12, abs=6)  # frame 12
    assert left[..., 2].mean() < 20
    assert right[..., 2].mean() > 100


def test_cut_stills_shows_nothing_where_no_one_is_seen(video: Video) -> None:
    motion = person(80, 120, 40, 80)
    valid = np.ones(20, bool)
    valid[5] = False
    gone = replace(person(-900, 120, 40, 80))
    assert cut_stills(video, replace(motion, valid=valid), [0.5, np.nan]) == [None, None]
    assert cut_stills(video, gone, [0.5]) == [None]


@pytest.mark.parametrize("extent", [(4.0, 200.0), (300.0, 20.0), (0.0, 0.0)])
def test_cut_stills_is_neither_a_line_nor_a_strip(
    video: Video, extent: tuple[float, float]
) -> None:
    (still,) = cut_stills(video, person(160, 120, *extent), [0.0])
    assert still is not None
    assert 0.3 <= still.shape[1] / still.shape[0] <= WIDEST + 0.1


def test_to_data_address_holds_a_jpeg() -> None:
    assert to_data_address(np.zeros((4, 4, 3), np.uint8)).startswith("data:image/jpeg;base64,/9j/")
