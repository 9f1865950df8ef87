"""`tools/train_packaged.py`: a dry run packs the data and trains."""

import importlib.util
from pathlib import Path

import pytest
from mocaps import mocap_file
from paths import ROOT
from trainings import TINY

from tcpformer.models.checkpoint import load_model
from tcpformer.training.presets import PRESETS
from tcpformer.training.run_dir import RunDir


def test_dry_run_trains_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools/train_packaged.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(RunDir, "draw_curves", lambda folder: None)
    monkeypatch.setattr("tcpformer.training.data.VALIDATION_CLIPS", 64)
    monkeypatch.setitem(PRESETS, "open", replace(PRESETS["open"], network=TINY))
    data, out = mocap_file(tmp_path / "m.npz"), tmp_path / "packaged"
    for _ in range(2):  # the second call finds the run finished
        tool.main([str(data), str(out), "--dry-run"])
    assert (out / "mocap.npz").stat().st_size < data.stat().st_size
    assert load_model(out / "run/weights").config == TINY
