"""The verb `train`: refusals of its parser."""

from pathlib import Path

import pytest
from commands import refused


def test_train_refuses_a_plan_that_does_not_come_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("train", "--data", tmp_path, "--out", tmp_path / "run", "3dhp-9")
    assert "comes first: tcpformer train 3dhp-9 --data" in refused(capsys, *line)
    assert not (tmp_path / "run").exists()
