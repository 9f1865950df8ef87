"""The verb `export`."""

from pathlib import Path

import numpy as np
import pytest
from commands import keypoint_file, refused, run, written

from tcpformer import load_motion


@pytest.mark.slow
def test_export_writes_a_file_that_lifts(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "anew" / "net.onnx"
    run("export", tiny, "--format", "onnx", "--out", out)
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{out}\n  differs from the network by at most ")
    assert printed.err == ""
    keypoints = keypoint_file()(tmp_path)
    for name, weights in (("file", out), ("ours", tiny)):
        run("lift", keypoints, "--weights", weights, "--out", tmp_path / name)
    file, network = (load_motion(tmp_path / n / "person_0/motion.npz") for n in ("file", "ours"))
    np.testing.assert_allclose(file.xyz, network.xyz, atol=1e-4)


def test_export_refuses_wrong_suffix(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.xml"
    assert "ends in .onnx" in refused(capsys, "export", tiny, "--format", "onnx", "--out", out)
    assert written(tmp_path) == []
