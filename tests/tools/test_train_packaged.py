"""`tools/train_packaged.py`: dry runs pack the data, train, and resume."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mocaps import mocap_file, with_groups
from paths import ROOT

from tcpformer.datasets.mocap import load_mocap
from tcpformer.models import hybrid
from tcpformer.models.checkpoint import load_model
from tcpformer.skeleton import BODY_26

TINY = hybrid.Config(
    frames=9, depth=1, width=8, heads=2, representation=8, pose_layers=1, pose_embedding=True
)
DETECTORS = ("av", "cv2", "onnxruntime", "tyro", "tqdm", "accelerate", "msgspec")


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools/train_packaged.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tool"] = module
    spec.loader.exec_module(module)
    monkeypatch.setattr("tcpformer.training.data.VALIDATION_CLIPS", 64)
    monkeypatch.setattr(module, "JOINTS_26", replace(TINY, joints=26))
    monkeypatch.setattr(module, "PACKAGED_NETWORK", TINY)
    return module


@pytest.fixture
def pack(tool: Any, tmp_path: Path) -> Path:
    """Pack a file of 17 joints, and one of the other points of the same people."""
    body, more, target = (tmp_path / f"{name}.npz" for name in ("body", "more", "pack"))
    with np.load(mocap_file(body)) as file:
        content = dict(file)
    content["subject"] = np.array(["a", "UIPRMD_s09", "b"])
    np.savez(body, **content)
    xyz = with_groups(content["relative"] * 1e-4)
    flags: dict[str, Any] = {
        key: np.ones(3, dtype=bool) for key in ("has_feet", "has_hands", "has_head")
    }
    np.savez(
        more,
        extra=np.round(1e4 * xyz[:, 17:]).astype(np.int16),
        points=np.array(BODY_26.joints[17:]),
        offsets=content["offsets"],
        glitch=np.zeros((len(xyz), 3), dtype=bool),
        floor_z=np.array([0.01, 0.0, 0.05]),
        **flags,
    )
    tool.main(["--pack", str(target), str(body), str(more)])
    return target


def test_pack_keeps_millimetres_and_corrects_the_floor(tool: Any, pack: Path) -> None:
    tool.main(["--unpack", str(pack), str(pack.with_name("mocap.npz"))])
    found, before = (load_mocap(pack.with_name(f"{x}.npz"), "val") for x in ("mocap", "body"))
    third = slice(found.starts[0], None)
    moved = before.xyz[third] - np.array([0, 0, 0.05])
    np.testing.assert_allclose(found.xyz[third, :17], moved, atol=1.5e-3)
    nose = found.xyz[third, 9] + [0, -0.12, 0]
    np.testing.assert_allclose(found.xyz[third, 23], nose, atol=3e-3)
    assert (found.xyz[:60, 0] - before.xyz[:60, 0] < 1e-3).all()  # a floor 1 cm off stays
    held_out = load_mocap(pack.with_name("mocap.npz"), "test")
    assert held_out.lengths.tolist() == [70]  # never trained on


def test_dry_run_trains_all_and_resumes(tool: Any, pack: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    how = [str(pack), "--out", str(out), "--device", "cpu", "--steps", "3", "--batch", "4"]
    tool.main(how)
    tool.main([*how, "--resume"])
    for name in ("fast", "live", "default"):
        assert load_model(out / name / "weights").config.joints == 26
        steps = [
            json.loads(x)["step"] for x in (out / name / "log.jsonl").read_text().split("\n") if x
        ]
        assert steps == [1, 2, 3, 3, 4, 5]  # on from before the rate fell
    card = (out / "MODEL_CARD.md").read_text()
    assert card.count("sha256") == 4


@pytest.mark.slow
def test_contest_trains_published_networks_and_the_papers_modules(
    tool: Any, pack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    how = [str(pack), "--out", str(out), "--device", "cpu", "--steps", "1", "--batch", "2"]
    tool.main([*how, "--contest"])
    names = {path.parent.name for path in out.glob("*/weights")}
    stages = {f"hybrid-{name}" for name in ("none", "pum", "pum+pim", "all")}
    assert names == {"tcpformer", "poseformerv2", "strided-transformer"} | stages


@pytest.mark.slow
def test_tool_needs_no_library_of_the_detectors() -> None:
    """As on a machine with torch and a few others alone."""
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {DETECTORS!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
sys.argv = ['train_packaged.py', '--help']
import runpy
runpy.run_path({str(ROOT / "tools/train_packaged.py")!r}, run_name='__main__')
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "--resume" in found.stdout
