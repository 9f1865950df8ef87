"""The list of jobs: order, states, restarts and deletion."""

import errno
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpformer.serve import jobs
from tcpformer.serve.jobs import DAY, Job, JobStore, Progress, QueueFullError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    made = JobStore(tmp_path)
    yield made
    made.close()


def add(store: JobStore, key: str | None = None, most: int = 9) -> tuple[Job, bool]:
    with store.new_folder() as folder:
        (folder / "source.mp4").write_bytes(b"video")
        return store.add(folder / "source.mp4", {"person": "main"}, key, most)


def test_add_keeps_input_and_options(store: JobStore) -> None:
    job, new = add(store)
    assert (new, job.state, job.attempt, job.options) == (True, "queued", 0, {"person": "main"})
    assert store.source(job).read_bytes() == b"video"
    assert list(store.incoming.iterdir()) == []


def test_add_with_a_known_key_returns_the_first_job(store: JobStore) -> None:
    job, _ = add(store, "a")
    assert add(store, "a", most=1) == (job, False)
    assert [each.name for each in store.jobs.iterdir()] == [job.id]


def test_add_beyond_the_queue_raises_and_leaves_nothing(store: JobStore) -> None:
    job, _ = add(store)
    with pytest.raises(QueueFullError):
        add(store, most=1)
    assert [each.name for each in store.jobs.iterdir()] == [job.id]


def test_claim_takes_the_oldest(store: JobStore) -> None:
    first, second = add(store)[0], add(store)[0]
    claimed = [store.claim(), store.claim(), store.claim()]
    assert [each and each.id for each in claimed] == [first.id, second.id, None]
    assert [each.attempt for each in claimed if each] == [1, 1]


def test_restart_queues_what_was_running_in_its_old_place(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    first, second = add(store)[0], add(store)[0]
    store.claim()
    store.close()
    store = JobStore(tmp_path)
    again = store.claim()
    assert again is not None
    assert (again.id, again.attempt) == (first.id, 2)
    assert store.counts()["queued"] == 1
    assert store.source(second).exists()
    store.close()


def test_an_older_attempt_cannot_end_a_job(store: JobStore) -> None:
    add(store)
    first = store.claim()
    assert first is not None
    store.requeue(first)
    second = store.claim()
    assert second is not None
    assert store.finish(first, files={"a": 1}) is None
    assert not store.is_running(first)
    ended = store.finish(second, files={"b": 1})
    assert ended is not None
    assert (ended.state, ended.files) == ("done", {"b": 1})
    assert store.finish(second, "twice") is None


def test_progress_is_of_the_running_attempt(store: JobStore) -> None:
    add(store)
    job = store.claim()
    assert job is not None
    store.report(job, Progress("detecting", 3, 9))
    known = store.get(job.id)
    assert known is not None
    assert known.progress == Progress("detecting", 3, 9)
    store.requeue(job)
    known = store.get(job.id)
    assert known is not None
    assert known.progress == Progress()


def test_delete_cancels_what_has_not_ended_and_forgets_what_has(store: JobStore) -> None:
    running, queued = add(store)[0], add(store)[0]
    claimed = store.claim()
    assert claimed is not None
    store.delete(queued)
    store.delete(claimed)
    assert store.counts()["cancelled"] == 2
    assert store.finish(claimed) is None
    assert not store.folder(running).exists()
    ended = store.get(queued.id)
    assert ended is not None
    store.delete(ended)
    assert store.get(queued.id) is None


def test_purge_forgets_what_ended_long_ago(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, waiting = add(store)[0], add(store)[0]
    claimed = store.claim()
    assert claimed is not None
    store.finish(claimed)
    assert store.purge(1.0) == 0
    later = store.now() + 1.5 * DAY
    monkeypatch.setattr(jobs, "_steady", lambda: later - store._epoch)
    assert store.purge(1.0) == 1
    assert store.get(old.id) is None
    assert [each.name for each in store.jobs.iterdir()] == [waiting.id]


def test_clock_that_is_set_makes_no_job_older(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store)
    job, start = store.claim(), store.now()
    assert job is not None
    monkeypatch.setattr("time.time", lambda: start + 30 * DAY)
    ended = store.finish(job)
    assert ended is not None
    assert ended.finished == pytest.approx(start, abs=60)
    assert store.purge(1.0) == 0


def test_full_disk_refuses_jobs_and_lets_them_be_deleted(store: JobStore) -> None:
    first, _ = add(store)
    claimed = store.claim()
    assert claimed is not None
    store.finish(claimed)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OSError, match="database or disk is full") as failed:
        deque(iter(lambda: add(store, most=1000), None))
    assert failed.value.errno == errno.ENOSPC
    known = store.counts()["queued"] + 1
    assert len(list(store.jobs.iterdir())) == known
    assert list(store.incoming.iterdir()) == []
    ended = store.get(first.id)
    assert ended is not None
    store.delete(ended)
    assert store.get(first.id) is None


def test_list_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_text("something else " * 100)
    with pytest.raises(OSError, match=r"jobs\.sqlite cannot be used: file is not a database"):
        JobStore(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write into the folder .*: Not a directory"):
        JobStore(tmp_path / "file" / "data")


def test_folder_is_for_one_process_at_a_time(store: JobStore) -> None:
    with pytest.raises(OSError, match="another process serves"):
        JobStore(store.data)


def test_folders_without_a_job_are_deleted_at_the_start(tmp_path: Path) -> None:
    for name in ("incoming/a", "jobs/b"):
        (tmp_path / name).mkdir(parents=True)
    JobStore(tmp_path).close()
    assert list((tmp_path / "incoming").iterdir()) == list((tmp_path / "jobs").iterdir()) == []
