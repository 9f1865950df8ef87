"""Benchmarks that lift views of the open benchmark: they run with weights of 26 joints."""

import runpy
from collections.abc import Iterator

import pytest
from paths import EXCERPT, ROOT

from tcpformer.runtime.graph import set_graph_threads


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    yield
    set_graph_threads(0)


@pytest.mark.parametrize("name", ["angles", "focal", "gravity", "scale"])
def test_benchmark_prints_a_table(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the default weights, on two views."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr("sys.argv", [name, str(EXCERPT), "--every", "8"])
    runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(table) > 3
    assert len({line.count("|") for line in table}) == 1


def test_sizes_names_every_weights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    found = runpy.run_path(str(ROOT / "benchmarks" / "sizes.py"))
    monkeypatch.setitem(found["main"].__globals__, "FRAMES", 60)
    monkeypatch.setattr("sys.argv", ["sizes", "--rounds", "1"])
    found["main"]()
    printed = capsys.readouterr().out
    assert all(f"| {name} |" in printed for name in ("default", "fast", "live"))


def test_worst_clips_are_of_the_joints_of_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tools/figures.py worst`, with the default weights."""
    from tcpformer import Lifter
    from tcpformer.io.safe_npz import read_npz

    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    figures = runpy.run_path(str(ROOT / "tools" / "figures.py"))
    content = read_npz(EXCERPT, figures["KEYS"], ("name", "activity"))
    clips = figures["lift_clips"](content, 0, Lifter("default"), noisy=False)
    assert clips
    assert all(clip.pred.shape == clip.true.shape == (17, 3) for clip in clips)
