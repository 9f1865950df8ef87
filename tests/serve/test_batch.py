"""Laws of a batch: everything once, what is missing or changed again, failures alone."""

import json
import os
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_ins import LOG, batch, job_of, lifted, start_driver

from tcpformer.pipeline import LiftOptions
from tcpformer.serve.batch import (
    SOME_FAILED,
    Summary,
    lift_many,
    parse_part,
    report_name,
)
from tcpformer.serve.inputs import Task, share_of
from tcpformer.serve.processes import Processes
from tcpformer.serve.report import Line
from tcpformer.serve.task import Job, _claim, is_done, run_task
from tcpformer.serve.watch import Watch

CLIPS = {f"sub/clip{i}": "x" for i in range(6)}


def here(job: Job, waiting: deque[Task], watch: Watch) -> Iterator[Line]:
    """Lift clips in this process."""
    while waiting:
        task = waiting.popleft()
        yield run_task(job, task, lambda *step, task=task: watch.progress(0, task, *step))


def states(folder: Path, name: str = "report.jsonl") -> dict[str, str]:
    lines = map(json.loads, (folder / "out" / name).read_text().splitlines())
    return {line["file"]: line["state"] for line in lines}


def test_lift_many_lifts_everything_once(tmp_path: Path) -> None:
    tasks, job = batch(tmp_path, CLIPS), job_of(tmp_path)
    first, second = (lift_many(job, tasks, here) for _ in range(2))
    assert (first.counts, second.counts) == (Counter(done=6), Counter(present=6))
    assert first.exit_code == second.exit_code == 0
    assert lifted(tmp_path) == sorted(name[4:] for name in CLIPS)
    assert states(tmp_path) == dict.fromkeys(sorted(CLIPS), "done")


def test_lift_many_lifts_what_is_missing_or_changed(tmp_path: Path) -> None:
    tasks, job = batch(tmp_path, CLIPS), job_of(tmp_path)
    lift_many(job, tasks[:2], here)
    tasks[0].source.write_text("changed")
    assert lift_many(job, tasks, here).counts == Counter(done=5, present=1)
    (tmp_path / "out" / tasks[3].name / "person_0/motion.bvh").unlink()
    assert lift_many(job, tasks, here).counts == Counter(done=1, present=5)
    other = job_of(tmp_path, LiftOptions(height=1.6))
    assert lift_many(other, tasks, here).counts == Counter(done=6)


def test_lift_many_isolates_failures(tmp_path: Path) -> None:
    odd = {"b": "bad film", "c": "defect here"}
    tasks, job = batch(tmp_path, CLIPS | odd), job_of(tmp_path)
    summary = lift_many(job, tasks, here)
    assert summary.counts == Counter(done=6, failed=2)
    assert summary.exit_code == SOME_FAILED
    assert states(tmp_path)["b"] == "failed"
    (tmp_path / "in/b.mp4").write_text("a film")
    assert lift_many(job, tasks, here).counts == Counter(done=1, present=6, failed=1)
    assert states(tmp_path)["b"] == "done"
    assert lift_many(job, tasks[1:2], here).exit_code == 2


def test_lift_many_stops_at_a_full_disk(tmp_path: Path) -> None:
    tasks = batch(tmp_path, {"a": "x", "b": "full disk", "c": "x"})
    summary = lift_many(job_of(tmp_path), tasks, here)
    assert summary.counts == Counter(done=1, stopped=2)
    assert summary.exit_code == SOME_FAILED
    assert "No space left" in str(summary.error)
    assert states(tmp_path) == {"a": "done"}


def test_lift_many_skips_what_another_run_works_on(tmp_path: Path) -> None:
    tasks, job = batch(tmp_path, CLIPS), job_of(tmp_path)
    with _claim(job.out, tasks[2].name):
        summary = lift_many(job, tasks, here)
    assert summary.counts == Counter(done=5, busy=1)
    assert summary.exit_code == SOME_FAILED
    assert tasks[2].name not in states(tmp_path)


def test_lift_many_deletes_what_a_run_left_that_died_after_its_results(tmp_path: Path) -> None:
    tasks, job = batch(tmp_path, CLIPS), job_of(tmp_path)
    lift_many(job, tasks, here)
    folder = job.folder_of(tasks[3])
    (folder / ".tcpformer.lock").write_text("0123456789ab")
    (folder / ".tcpformer-0123456789ab/new").mkdir(parents=True)
    assert lift_many(job, tasks, here).counts == Counter(present=6)
    assert not list(job.out.rglob(".tcpformer*"))
    assert len(lifted(tmp_path)) == 6


def test_lift_many_reports_earlier_results_of_a_lost_report(tmp_path: Path) -> None:
    tasks, job = batch(tmp_path, CLIPS), job_of(tmp_path)
    for part in (1, 2):
        lift_many(job, share_of(tasks, part, 2), here, report=report_name((part, 2)))
    (tmp_path / "out/report-2-of-2.jsonl").unlink()
    assert lift_many(job, tasks, here).counts == Counter(present=6)
    lost = {task.name for task in share_of(tasks, 2, 2)}
    assert states(tmp_path) == {n: "present" if n in lost else "done" for n in sorted(CLIPS)}


@pytest.mark.parametrize("text", ["3", "0/4", "5/4", "a/b", "1/", "-1/4", "1/2/3"])
def test_parse_part_refuses_what_is_none(text: str) -> None:
    assert parse_part("3/16") == (3, 16)
    with pytest.raises(ValueError, match="K/N with K from 1 to N"):
        parse_part(text)


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({}, 0),
        ({"done": 1, "present": 2}, 0),
        ({"failed": 1, "stopped": 1}, 2),
        ({"done": 1, "failed": 1}, 3),
        ({"busy": 2}, 3),
    ],
)
def test_exit_code_of_counts(counts: dict[str, int], code: int) -> None:
    assert Summary(Path(), Counter(counts)).exit_code == code


@pytest.mark.slow
def test_lift_many_loses_at_most_the_clips_in_work_to_kills(tmp_path: Path) -> None:
    """SIGKILL of the driver at random moments: what is done stays, and nothing is half-written."""
    kills = int(os.environ.get("TCPFORMER_KILLS", "5"))
    chance, texts = random.Random(0), {f"clip{i:03d}": "sleep 0.2" for i in range(24)}
    tasks, job = batch(tmp_path, texts), job_of(tmp_path)
    survived = []
    for _ in range(kills):
        driver = start_driver(tmp_path)
        assert driver.stdout is not None
        driver.stdout.readline()
        time.sleep(chance.uniform(0, 4))
        os.kill(driver.pid, signal.SIGKILL)
        driver.communicate(timeout=60)
        time.sleep(1)
        survived.append(len(lifted(tmp_path)))
    assert lift_many(job, tasks, Processes(2, 1)).exit_code == 0
    counts = Counter((tmp_path / LOG).read_text().split())
    assert set(counts.values()) == {1}, "none is lifted twice"
    assert len(counts) >= len(texts) - 2 * kills, "killed between the rename and the log"
    assert all(is_done(job, task, hashing=False) for task in tasks)
    assert not list(job.out.rglob(".tcpformer*"))
    assert survived == sorted(survived)
