"""Worker processes: what ends a job, and that none is lost or done twice."""

import multiprocessing
import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commands import keypoint_file
from served import wait_until
from stand_in_work import StandInWork

from tcpformer.serve.jobs import FINISHED, Job, JobStore
from tcpformer.serve.workers import (
    _SPAWN,
    InputLimits,
    LiftWork,
    PoolOptions,
    WorkerPool,
    _Worker,
    list_files,
)

OPTIONS = PoolOptions(workers=1, job_s=30.0, memory=1 << 30)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    made = JobStore(tmp_path / "data")
    yield made
    made.close()


def add(store: JobStore, text: str) -> Job:
    with store.new_folder() as folder:
        (folder / "source.video").write_text(text)
        return store.add(folder / "source.video", {}, None, 99)[0]


def ended(store: JobStore, job: Job) -> Job:
    def known() -> Job | None:
        found = store.get(job.id)
        assert found is not None
        return found if found.state in FINISHED else None

    return wait_until(known, 120.0)


def test_pool_does_jobs_and_replaces_what_dies(store: JobStore) -> None:
    pool = WorkerPool(store, StandInWork(), OPTIONS)
    pool.start()
    texts = ("copy", "fail", "defect", "die", "again", "full")
    done = [ended(store, job) for job in [add(store, text) for text in texts]]
    pool.stop()
    assert [each.state for each in done] == ["done", "failed", "failed", "failed", "done", "failed"]
    assert done[1].error == "source.video is no video."
    where = r"stand_in_work\.py, line \d+"
    assert re.fullmatch(rf"unexpected KeyError \({where}\); this is a defect .*", done[2].error)
    assert done[5].error.startswith("the disk of the server is full")
    assert done[3].error == "the worker died (signal SIGKILL)."
    assert dict(pool.replaced) == {"died": 1}
    assert (store.results(done[4]) / "copy.txt").read_text() == "again"


@pytest.mark.slow
def test_pool_stops_what_takes_too_long_or_too_much(store: JobStore) -> None:
    options = replace(OPTIONS, job_s=0.5, memory=400 << 20)
    pool = WorkerPool(store, StandInWork(), options)
    slow, large = add(store, "sleep 60"), add(store, "grow 640000000")
    pool.start()
    assert ended(store, slow).error == "the job took longer than 0.5 s."
    pool.options = replace(options, job_s=30.0)
    assert ended(store, large).error == "the job took more than 0.391 GiB."
    pool.stop()
    assert dict(pool.replaced) == {"time": 1, "memory": 1}


@pytest.mark.slow
def test_job_whose_list_fails_starts_again_and_mixes_with_none(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is still at the first job when the list fails; its answer is not the next's."""
    known, failures = JobStore.is_running, [sqlite3.OperationalError("disk I/O error")]

    def is_running(self: JobStore, job: Job) -> bool:
        if failures:
            raise failures.pop()
        return known(self, job)

    monkeypatch.setattr(JobStore, "is_running", is_running)
    pool = WorkerPool(store, StandInWork(), OPTIONS)
    jobs = [add(store, "sleep 1"), add(store, "second")]
    pool.start()
    done = [ended(store, job) for job in jobs]
    pool.stop()
    assert [(each.state, each.attempt) for each in done] == [("done", 2), ("done", 1)]
    assert (store.results(done[1]) / "copy.txt").read_text() == "second"


@pytest.mark.parametrize(
    "text",
    [
        b"no JSON",
        b"[]",
        b'{"value": 1}',
        b'{"kind": "progress", "value": 1}',
        b'{"kind": "done", "value": ["a"]}',
        b'{"kind": "done", "value": {"a": "many"}}',
        b'{"kind": "other", "value": 1}',
        b"[" * 100_000,
    ],
)
def test_worker_that_sends_what_it_must_not_is_killed(text: bytes) -> None:
    connection, other = multiprocessing.Pipe()
    worker = object.__new__(_Worker)
    worker._connection, worker._process = connection, _SPAWN.Process(target=time.sleep, args=(60,))
    worker._process.start()
    other.send_bytes(text)
    with pytest.raises(EOFError):
        worker.receive()
    assert worker.describe_end() == "signal SIGKILL"


@pytest.mark.slow
def test_stop_queues_the_job_in_hand_and_cancelling_ends_it(store: JobStore) -> None:
    pool = WorkerPool(store, StandInWork(), OPTIONS)
    pool.start()
    cancelled, job = add(store, "sleep 60"), add(store, "sleep 60")
    wait_until(lambda: store.counts()["running"])
    store.delete(cancelled)
    wait_until(lambda: store.is_running(replace(job, attempt=1)))
    assert not store.folder(cancelled).exists()
    pool.stop()
    found = store.get(job.id)
    assert found is not None
    assert (found.state, found.attempt) == ("queued", 1)


@pytest.mark.slow
def test_killed_workers_lose_no_job_and_do_none_twice(store: JobStore, tmp_path: Path) -> None:
    pool = WorkerPool(store, StandInWork(str(tmp_path / "log")), replace(OPTIONS, workers=2))
    jobs = [add(store, "sleep 1") for _ in range(20)]
    pool.start()
    children = Path(f"/proc/{os.getpid()}/task")
    for killed in (1, 2):
        wait_until(lambda: store.counts()["running"])
        pids = [int(pid) for task in children.iterdir() for pid in
                (task / "children").read_text().split()]  # fmt: skip
        workers = [p for p in pids if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: sum(pool.replaced.values()) >= killed, 120.0)  # noqa: B023
    done = [ended(store, job) for job in jobs]
    pool.stop()
    states = [each.state for each in done]
    assert states.count("done") + states.count("failed") == 20
    assert states.count("failed") <= 2
    lines = (tmp_path / "log").read_text().split()
    assert len(lines) == len(set(lines))
    assert {each.id for each in done if each.state == "done"} <= set(lines)


def test_limits_of_keypoints_name_what_came(walking: Path, tmp_path: Path) -> None:
    for limits, message in (
        (InputLimits(seconds=1.0), "at most 1 s"),
        (InputLimits(frames=10), "10 frames"),
        (InputLimits(pixels=100), "at most 100 pixels"),
        (InputLimits(people=0), "at most 0 people"),
    ):
        with pytest.raises(ValueError, match=message):
            LiftWork(limits)(walking, tmp_path / "out", {}, lambda *step: None)


def test_content_decides_what_a_file_is(tmp_path: Path) -> None:
    playlist = tmp_path / "source.video"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(ValueError, match="is not a video"):
        LiftWork()(playlist, tmp_path / "out", {}, lambda *step: None)
    disguised = keypoint_file()(tmp_path).rename(tmp_path / "source.mp4")
    with pytest.raises(ValueError, match="is not a video"):
        LiftWork()(disguised, tmp_path / "out", {}, lambda *step: None)


@pytest.mark.slow
def test_lift_work_writes_results_and_the_page(walking: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    files = LiftWork()(
        walking,
        tmp_path / "out",
        {"weights": "fast", "formats": "csv"},
        lambda stage, step, steps: stages.append(stage),
    )
    assert {"person_0/motion.npz", "person_0/motion.csv", "tcpformer.json", "view.html"} == {*files}
    assert files == list_files(tmp_path / "out")
    assert stages[0] == "reading"
    assert stages[-1] == "page"
