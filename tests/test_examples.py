"""The examples run, and give what they promise."""

import runpy
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from mocaps import mocap_file
from paths import ROOT

from tcpformer import H36M, load_motion, open_video
from tcpformer.io.video import write_video
from tcpformer.models import MODELS

EXAMPLES = ROOT / "examples"


def test_a_video_becomes_a_bvh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = open_video(ROOT / "assets" / "sample.mp4")
    write_video(tmp_path / "dance.mp4", islice(video.frames(), 20), video.fps)
    monkeypatch.setattr("sys.argv", ["lift_video.py", str(tmp_path / "dance.mp4")])
    runpy.run_path(str(EXAMPLES / "lift_video.py"), run_name="__main__")
    assert (tmp_path / "dance_0.bvh").read_text().splitlines().count("Frames: 20") == 1


def test_a_raised_arm_is_raised_in_space_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "arm.npz"
    monkeypatch.setattr("sys.argv", ["lift_keypoints.py", str(path)])
    runpy.run_path(str(EXAMPLES / "lift_keypoints.py"), run_name="__main__")
    motion = load_motion(path)
    wrist = motion.xyz[:, H36M.index["RWrist"]] - motion.xyz[:, H36M.index["RShoulder"]]
    other = motion.xyz[:, H36M.index["LWrist"]] - motion.xyz[:, H36M.index["LShoulder"]]
    assert wrist[0, 2] < -0.3
    assert wrist[-1, 2] > 0.3
    assert np.abs(other[:, 2] + 0.4).max() < 0.25


def test_a_new_model_trains_and_is_what_the_docs_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = EXAMPLES / "new_model.py"
    assert f"```python\n{path.read_text()}```" in (ROOT / "docs" / "research.md").read_text()
    monkeypatch.setattr("tcpformer.models.MODELS", MODELS.copy())
    arguments = [path.name, str(mocap_file(tmp_path / "mocap.npz")), str(tmp_path / "run")]
    monkeypatch.setattr("sys.argv", arguments)
    runpy.run_path(str(path), run_name="__main__")
    assert "'step': 20" in capsys.readouterr().out
    assert (tmp_path / "run" / "weights" / "model.safetensors").exists()
