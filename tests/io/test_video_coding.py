"""How a video holds its pictures."""

from pathlib import Path

import pytest
from pages import small_video

from tcpformer.io.video_coding import read_coding


def test_read_coding_of_mp4_and_matroska(tmp_path: Path) -> None:
    for name, container in (("a.mp4", "mp4"), ("a.mkv", "matroska")):
        coding = read_coding(small_video(tmp_path / name).path)
        assert container in coding.containers
        assert (coding.codec, coding.pixels) == ("h264", "yuv420p")


def test_read_coding_of_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"a\.mp4 is not a video"):
        read_coding(tmp_path / "a.mp4")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_coding(tmp_path / "b.mp4")
