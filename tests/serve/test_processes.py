"""Clips in several processes: each once, a process that dies is replaced, none outlives the run."""

import os
import signal
import time
from collections import Counter, deque
from pathlib import Path

import pytest
from stand_ins import batch, job_of, lifted, start_driver

from tcpformer.serve.batch import SOME_FAILED, lift_many
from tcpformer.serve.inputs import Task
from tcpformer.serve.processes import (
    Processes,
    _cause_of_death,
    _environment,
    count_processors,
    share_threads,
)
from tcpformer.serve.report import read_lines
from tcpformer.serve.task import DiskError
from tcpformer.serve.watch import Watch

CLIPS = {f"clip{i}": "x" for i in range(5)}


class Shown(Watch):
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []

    def progress(self, slot: int, task: Task, stage: str, done: int, total: int) -> None:
        self.steps.append((task.name, stage))


@pytest.mark.slow
def test_processes_replace_those_that_die(tmp_path: Path) -> None:
    odd = {"killed": "die", "left": "exit", "bad": "bad film", "last": "x"}
    tasks, job, seen = batch(tmp_path, CLIPS | odd), job_of(tmp_path), Shown()
    lines = {line.file: line for line in Processes(2, 1)(job, deque(tasks), seen)}
    assert Counter(line.state for line in lines.values()) == {"done": 6, "failed": 3}
    assert "SIGKILL, as systems do that run out of memory" in str(lines["killed"].error)
    assert "exit code 7" in str(lines["left"].error)
    assert lifted(tmp_path) == sorted([*CLIPS, "last"])
    assert ("clip0", "detecting") in seen.steps


@pytest.mark.slow
def test_processes_stop_if_the_disk_is_full(tmp_path: Path) -> None:
    tasks = batch(tmp_path, {"a": "x", "b": "full disk", "c": "x"})
    found = []
    with pytest.raises(DiskError, match="No space left"):
        found += [line.file for line in Processes(1, 1)(job_of(tmp_path), deque(tasks), Watch())]
    assert lifted(tmp_path) == ["a"]


def wait_until_lifted(folder: Path, number: int) -> None:
    until = time.monotonic() + 120
    while len(lifted(folder)) < number:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_processes_end_with_the_driver(tmp_path: Path, number: int) -> None:
    """After a signal nothing is lifted any more, and a second run finds the folder free."""
    tasks = batch(tmp_path, {"a": "x", **{f"slow{i}": "sleep 3" for i in range(4)}})
    driver = start_driver(tmp_path)
    wait_until_lifted(tmp_path, 1)
    os.kill(driver.pid, number)
    driver.communicate(timeout=60)
    time.sleep(1)
    before = lifted(tmp_path)
    time.sleep(4)
    assert lifted(tmp_path) == before, "a process went on"
    if number == signal.SIGINT:
        assert not list((tmp_path / "out").rglob(".tcpformer*")), "cleaned up"
    summary = lift_many(job_of(tmp_path), tasks, Processes(2, 1))
    assert summary.exit_code == 0
    assert lifted(tmp_path) == sorted(task.name for task in tasks)


@pytest.mark.slow
def test_two_drivers_share_the_work(tmp_path: Path) -> None:
    texts = {f"clip{i:02d}": "sleep 0.1" for i in range(20)}
    tasks = batch(tmp_path, texts)
    drivers = [start_driver(tmp_path) for _ in range(2)]
    for driver in drivers:
        driver.communicate(timeout=300)
    codes = sorted(driver.returncode for driver in drivers)
    assert codes[0] == 0, "the one that ends last sees all done"
    assert codes[1] in (0, SOME_FAILED), "the last clip may be in work by the other"
    assert lifted(tmp_path) == sorted(texts)
    assert sorted(read_lines(tmp_path / "out/report.jsonl")) == sorted(texts)
    assert lift_many(job_of(tmp_path), tasks, Processes(1)).counts == Counter(present=20)


def test_share_threads_of_all_processors() -> None:
    processors = count_processors()
    assert share_threads(1, 0) == 0
    assert share_threads(2, 0) == max(1, processors // 2)
    assert share_threads(10 * processors, 0) == 1
    assert share_threads(4, 3) == 3


@pytest.mark.parametrize(
    ("code", "words"),
    [(None, "None"), (3, "code 3"), (-11, "SIGSEGV"), (-9, "memory"), (-99, "99")],
)
def test_cause_of_death_is_in_words(code: int | None, words: str) -> None:
    assert words in _cause_of_death(code)


def test_environment_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with _environment(2):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "2"
    assert os.environ["OMP_NUM_THREADS"] == "9"
    assert "MKL_NUM_THREADS" not in os.environ
