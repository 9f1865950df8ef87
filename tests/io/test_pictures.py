"""Pictures as a video: which, in which order, at which times, and what is refused."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import sample

from tcpformer import detect_people, open_video
from tcpformer.io.pictures import Pictures, find_pictures, read_picture


def write(folder: Path, names: Sequence[str], size: tuple[int, int] = (64, 48)) -> list[Path]:
    """Write pictures whose gray level is their place in the sequence of names, times ten."""
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), np.full((*size[::-1], 3), 10 * i, np.uint8))
    return [folder / name for name in names]


def levels(video) -> list[int]:
    """Return the place of each picture as it was written."""
    return [round(int(frame.image[0, 0, 0]) / 10) for frame in video.frames()]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".PNG", ".bmp", ".tif", ".tiff", ".webp"])
def test_open_video_reads_pictures(suffix: str, tmp_path: Path) -> None:
    write(tmp_path / "a", [f"clip_{i}{suffix}" for i in range(12)])
    video = open_video(tmp_path / "a", fps=25.0)
    assert isinstance(video, Pictures)
    assert (video.fps, video.size, video.length) == (pytest.approx(25), (64, 48), 12)
    frames = list(video.frames())
    assert [frame.index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(12) / 25)
    np.testing.assert_allclose(video.times(), np.arange(12) / 25)
    assert levels(video) == list(range(12))  # 10 after 9, not after 1


def test_open_video_reads_every_nth_picture(tmp_path: Path) -> None:
    write(tmp_path / "a", [f"{i}.png" for i in range(7)])
    video = open_video(tmp_path / "a", fps=10.0)
    assert [(f.index, round(f.time, 3)) for f in video.frames(3)] == [(0, 0), (3, 0.3), (6, 0.6)]


@pytest.mark.parametrize(
    "pattern", ["a[1]/*.png", "a[1]/take2_*_rgb.png", "a[1]/take2_0?_rgb.png", "a*/take*.png"]
)
def test_open_video_reads_what_matches_a_pattern(pattern: str, tmp_path: Path) -> None:
    write(tmp_path / "a[1]", [f"take2_{i:02d}_rgb.png" for i in range(4)])
    (tmp_path / "a[1]/notes.txt").write_text("")
    assert levels(open_video(tmp_path / pattern, fps=30.0)) == [0, 1, 2, 3]


def test_open_video_reads_one_picture(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "a", ["photo.jpg"])
    assert levels(open_video(path, fps=30.0)) == [0]


def test_open_video_leaves_time_where_pictures_are_missing(tmp_path: Path) -> None:
    write(tmp_path / "a", [f"f{i:03d}.png" for i in (10, 11, 14, 15)])
    video = open_video(tmp_path / "a", fps=10.0)
    np.testing.assert_allclose(video.times(), [0, 0.1, 0.4, 0.5])
    assert isinstance(video, Pictures)
    assert video.numbers == (10, 11, 14, 15)
    assert video.fps == pytest.approx(3 / 0.5)


@pytest.mark.parametrize("fps", [None, 20.0])
def test_open_video_takes_times_from_time_stamps(fps: float | None, tmp_path: Path) -> None:
    start = 1_700_000_000_000_000
    write(tmp_path / "a", [f"{start + 50_000 * i}.png" for i in range(4)])
    video = open_video(tmp_path / "a", fps=fps)
    np.testing.assert_allclose(video.times(), [0, 0.05, 0.1, 0.15])
    assert video.fps == pytest.approx(20)
    with pytest.raises(ValueError, match=r"time stamps of 20 pictures per second, but --fps is 25"):
        open_video(tmp_path / "a", fps=25.0)


def test_open_video_ignores_hidden_files(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png", "2.png"])
    for name in (".DS_Store", "Thumbs.db", "._1.png"):
        (tmp_path / "a" / name).write_bytes(b"x")
    assert levels(open_video(tmp_path / "a", fps=30.0)) == [0, 1]


def test_read_picture_turns_it_upright(tmp_path: Path) -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:20, :30] = 0, 0, 255  # red, top left
    ok, content = cv2.imencode(".jpg", image)
    assert ok
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    marker = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path = tmp_path / "a.jpg"
    path.write_bytes(content.tobytes()[:2] + marker + content.tobytes()[2:])
    found = read_picture(path)
    assert found.shape == (60, 40, 3)
    assert found[10, 35, 0] > 200  # red, top right
    assert found[50, 5, 0] < 50


@pytest.mark.parametrize(
    ("shape", "kind"), [((48, 64), np.uint8), ((48, 64, 4), np.uint8), ((48, 64, 3), np.uint16)]
)
def test_read_picture_gives_eight_bits_of_three_colors(
    shape: tuple[int, ...], kind: type, tmp_path: Path
) -> None:
    value = np.full(shape, 200 if kind is np.uint8 else 200 * 257, kind)
    cv2.imwrite(str(tmp_path / "a.png"), value)
    found = read_picture(tmp_path / "a.png")
    assert (found.shape, found.dtype) == ((48, 64, 3), np.uint8)
    assert (found == 200).all()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def as_other(path: Path) -> None:
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\0\0\0\0")


def test_read_picture_refuses_more_pixels_than_fit(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "a", ["1.bmp"])
    content = bytearray(path.read_bytes())
    content[18:26] = (60_000).to_bytes(4, "little") + (50_000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"1\.bmp: expected at most \d+ pixels, got 60000 x 50000"):
        read_picture(path)


@pytest.mark.parametrize("change", [cut, as_other, lambda path: path.write_bytes(b"")])
def test_frames_names_a_picture_that_cannot_be_read(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    _, second = write(tmp_path / "a", ["1.png", "2.png"])
    change(second)
    with pytest.raises(ValueError, match=r"2\.png is damaged, or no picture"):
        list(open_video(tmp_path / "a", fps=30.0).frames())


def test_frames_refuses_pictures_of_another_size(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png", "2.png"])
    write(tmp_path / "a", ["3.png"], size=(32, 48))
    with pytest.raises(ValueError, match=r"3\.png is 32 x 48, but 1\.png is 64 x 48"):
        list(open_video(tmp_path / "a", fps=30.0).frames())


@pytest.mark.parametrize(
    ("names", "fps", "message"),
    [
        (["1.png", "2.png"], None, r"give the frames per second .* as --fps"),
        (["1.png", "2.png"], -3.0, r"size and fps must be positive"),
        (["1.png", "2.jpg"], 30.0, r"differ only in the number .* 1\.png and 2\.jpg"),
        (["a.png", "b.png"], 30.0, r"expected the number of the frame in the name"),
        (["a_1.png", "a_01.png"], 30.0, r"are both number 1"),
        (["1.png", "90000.png"], 30.0, r"after 1, the next .* is 90000"),
    ],
)
def test_open_video_refuses_pictures(
    names: list[str], fps: float | None, message: str, tmp_path: Path
) -> None:
    write(tmp_path / "a", names)
    with pytest.raises(ValueError, match=message):
        open_video(tmp_path / "a", fps=fps)


def test_open_video_refuses_slow_motion_of_pictures(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png", "2.png"])
    with pytest.raises(ValueError, match="--slow-motion is for videos"):
        open_video(tmp_path / "a", slow_motion=8.0)


def test_find_pictures_is_none_for_other_sources(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png"])
    (tmp_path / "a/1.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "clip[1].mp4").write_bytes(b"")
    for source in ("a", "empty", "clip[1].mp4", "missing.mp4", "a/1.json"):
        assert find_pictures(tmp_path / source) is None


def test_find_pictures_refuses_patterns_of_other_files(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png"])
    (tmp_path / "a/1.json").write_text("{}")
    with pytest.raises(ValueError, match=r"\* matches .*1\.json; expected pictures"):
        find_pictures(tmp_path / "a" / "*")
    with pytest.raises(FileNotFoundError, match=r"no file matches .*\*\.jpg"):
        find_pictures(tmp_path / "a" / "*.jpg")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        find_pictures(Path("no such folder") / "*.jpg")


def test_find_pictures_needs_no_decoding(tmp_path: Path) -> None:
    os.symlink(write(tmp_path / "b", ["1.png"])[0], tmp_path / "linked.png")
    assert find_pictures(tmp_path / "linked.png") == [tmp_path / "linked.png"]


@pytest.mark.slow
def test_open_video_gives_the_people_of_the_same_video(tmp_path: Path) -> None:
    clip = sample(100, 130)
    for i, image in enumerate(clip.images):
        cv2.imwrite(str(tmp_path / f"{i}.png"), image[..., ::-1])
    expected = detect_people(clip, landmarks="full")
    found = detect_people(open_video(tmp_path, fps=30.0), landmarks="full")
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.xy, other.xy)
