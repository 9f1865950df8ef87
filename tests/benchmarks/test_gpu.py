"""`benchmarks/gpu.py` runs on the CPU with few clips."""

import importlib.util

import pytest
from paths import ROOT


@pytest.mark.slow
def test_main_prints_every_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("gpu", ROOT / "benchmarks/gpu.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    benchmark.main(["--clips", "1", "--times", "1"])
    printed = capsys.readouterr().out
    for words in ("attention over 27, fused", "eager, tf32", "lifting with default"):
        assert words in printed
