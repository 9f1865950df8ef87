"""One clip of many: done once, skipped if another run works on it, and failing alone."""

import errno
import logging
import os
from pathlib import Path

import pytest
from motions import walk
from stand_ins import batch, job_of, lifted

from tcpformer.io import save
from tcpformer.manifest import MANIFEST
from tcpformer.pipeline import LiftOptions
from tcpformer.serve.inputs import Task
from tcpformer.serve.report import Line
from tcpformer.serve.task import (
    CLAIMS,
    DiskError,
    Job,
    _claim,
    delete_dead_claims,
    describe_present,
    is_done,
    run_task,
)


def quiet(stage: str, done: int, total: int) -> None:
    """Show no progress."""


def run(job: Job, task: Task) -> Line:
    return run_task(job, task, quiet)


def test_run_task_lifts_once(tmp_path: Path) -> None:
    (task,), job = batch(tmp_path, {"a": "x"}), job_of(tmp_path)
    states = [run(job, task).state for _ in range(3)]
    assert states == ["done", "present", "present"]
    assert lifted(tmp_path) == ["a"]
    delete_dead_claims(job.out)
    assert not (job.out / CLAIMS).exists()


def test_run_task_lifts_again_what_changed(tmp_path: Path) -> None:
    (task,), job = batch(tmp_path, {"a": "x"}), job_of(tmp_path)
    changed = job_of(tmp_path, LiftOptions(height=1.8))
    assert run(job, task).state == "done"
    task.source.write_text("y")
    assert [run(each, task).state for each in (job, changed, changed)] == ["done"] * 2 + ["present"]
    result = tmp_path / "out/a/person_0/motion.bvh"
    assert result.read_text() == "y 1.8"
    result.write_text("shorter")
    assert run(changed, task).state == "done"
    (tmp_path / "out/a" / MANIFEST).unlink()
    assert run(changed, task).state == "failed"
    assert result.read_text() == "y 1.8", "results that no manifest lists are not replaced"


def test_is_done_reads_inputs_only_if_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,), job = batch(tmp_path, {"a": "x"}), job_of(tmp_path)
    monkeypatch.setattr("tcpformer.manifest.STAMP_SECONDS", -10.0)
    run(job, task)
    assert is_done(job, task, hashing=False)
    os.utime(task.source, (9, 9))
    assert not is_done(job, task, hashing=False)
    assert is_done(job, task, hashing=True)
    task.source.write_text("y")
    os.utime(task.source, (1, 1))
    assert not is_done(job, task, hashing=False), "the time of the change of state tells"
    assert not is_done(job, task, hashing=True)
    task.source.unlink()
    assert not is_done(job, task, hashing=True)


def test_run_task_leaves_clips_that_others_work_on(tmp_path: Path) -> None:
    (task,), job = batch(tmp_path, {"a": "x"}), job_of(tmp_path)
    with _claim(job.out, "a") as claimed:
        assert claimed
        assert run(job, task).state == "busy"
    assert lifted(tmp_path) == []
    assert run(job, task).state == "done"


@pytest.mark.parametrize(
    ("text", "words"),
    [("bad film", "film is no video"), ("defect here", "unexpected ZeroDivisionError: here")],
)
def test_run_task_reports_failures(tmp_path: Path, text: str, words: str) -> None:
    (task,), job = batch(tmp_path, {"a": text}), job_of(tmp_path)
    line = run(job, task)
    assert line.state == "failed"
    assert words in str(line.error)
    assert not (tmp_path / "out/a").exists()


def test_run_task_raises_if_the_disk_is_full(tmp_path: Path) -> None:
    (task,), job = batch(tmp_path, {"a": "full disk"}), job_of(tmp_path)
    with pytest.raises(DiskError, match="No space left") as raised:
        run(job, task)
    cause = raised.value.__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.ENOSPC


def test_run_task_keeps_warnings(tmp_path: Path) -> None:
    (task,) = batch(tmp_path, {"a": "x"})

    def lift(source: Path, out: Path, options: LiftOptions, progress: object) -> list[object]:
        logging.getLogger("tcpformer.pipeline").warning("warning: the floor is %s", "uncertain")
        return []

    job = Job(out=tmp_path / "out", options=LiftOptions(), weights="", lift=lift)  # type: ignore[arg-type]
    assert run(job, task).warnings == ["the floor is uncertain"]


def test_describe_present_reads_the_results(tmp_path: Path) -> None:
    (task,), job = batch(tmp_path, {"a": "x"}), job_of(tmp_path)
    run(job, task)
    (tmp_path / "out/a/person_0/motion.npz").write_text("damaged")
    assert set(describe_present(job, task)) == {"state", "result_mb"}
    save(walk(40), tmp_path / "out/a/person_0/motion.npz")
    found = describe_present(job, task)
    assert (found["frames"], found["people"]) == (40, 1)
    assert found["quality"]["0"]["jitter"] > 0


def test_delete_dead_claims_keeps_those_in_use(tmp_path: Path) -> None:
    (tmp_path / CLAIMS).mkdir()
    (tmp_path / CLAIMS / "dead").touch()
    with _claim(tmp_path, "a"):
        delete_dead_claims(tmp_path)
        assert len(list((tmp_path / CLAIMS).iterdir())) == 1
    delete_dead_claims(tmp_path)
    assert list(tmp_path.iterdir()) == []
