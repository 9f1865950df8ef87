"""The verb `info`."""

import re

import pytest
import torch
from commands import run

from tcpformer import __version__
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
