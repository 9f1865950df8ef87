"""The verb `info`."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import refused, run
from motions import walk
from pages import small_video
from walk26 import walk26

from tcpformer import __version__, save
from tcpformer.weights import packaged_names


def test_info_prints_versions_devices_and_weights(capsys: pytest.CaptureFixture[str]) -> None:
    run("info")
    printed = capsys.readouterr().out
    assert printed.startswith(f"tcpformer {__version__}, Python 3.")
    for words in (
        f"torch {torch.__version__}",
        "devices: cpu",
        "cuda:",
        "mps:",
        "extras not installed:",
    ):
        assert words in printed
    for name in packaged_names():
        assert f"weights {name} sha256:" in printed
    assert re.search(r"weights default .*, clips of 27 frames, (17|26) joints", printed)
    assert "normalization=" in printed


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json"])
def test_info_of_a_motion(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(walk26(30), tmp_path / f"a{suffix}")
    run("info", tmp_path / f"a{suffix}")
    printed = capsys.readouterr().out
    for words in (
        "motion of 1 person",
        "person 0: 30 frames at 30 per second, 0.00 to 0.97 s, seen in 30",
        "26 joints, body26: Hip, RHip",
        "metres; world x right",
        "image 1280 x 720 pixels, focal length 1000 pixels",
        "weights: none",
    ):
        assert words in printed


def test_info_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "person_0").mkdir()
    save(walk(20), tmp_path / "person_0" / "motion.npz")
    run("info", tmp_path)
    printed = capsys.readouterr().out
    assert "run of `tcpformer lift`, 1 person" in printed
    assert "17 joints, h36m" in printed


def test_info_of_keypoints_and_of_a_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = walk(20)
    np.savez(
        tmp_path / "k.npz", xy=motion.xy, confidence=motion.confidence, fps=30.0,
        joints=np.array(motion.skeleton.joints), size=np.array(motion.size),
    )  # fmt: skip
    run("info", tmp_path / "k.npz")
    printed = capsys.readouterr().out
    assert "keypoints" in printed
    assert (
        "20 frames at 30 per second, 0.00 to 0.63 s; 20 detections, 1 person by its ids" in printed
    )
    assert "pixels of an image of 1280 x 720" in printed
    video = small_video(tmp_path / "a.mp4")
    run("info", video.path)
    assert f"4 frames at {video.fps:g} per second" in capsys.readouterr().out


def test_info_refuses_what_it_cannot_describe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such file or folder" in refused(capsys, "info", tmp_path / "no.npz")
    save(walk(5), tmp_path / "a.bvh")
    assert "give the motion.npz" in refused(capsys, "info", tmp_path / "a.bvh")
    np.savez(tmp_path / "a.npz", a=1)
    assert "a.npz" in refused(capsys, "info", tmp_path / "a.npz")
