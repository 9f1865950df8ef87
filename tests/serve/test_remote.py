"""Clips at addresses: copied, lifted and uploaded; whole or not there."""

import json
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_ins import WEIGHTS, pretend

pytest.importorskip("fsspec", reason="needs fsspec (the extra remote)")
from fsspec.implementations.memory import MemoryFileSystem

from tcpformer.pipeline import LiftOptions
from tcpformer.serve.batch import Summary, lift_many
from tcpformer.serve.inputs import Task
from tcpformer.serve.remote import (
    RemoteJob,
    address_of,
    find_remote_tasks,
    is_address,
    open_place,
    report_at,
)
from tcpformer.serve.report import Line
from tcpformer.serve.task import Job, run_task
from tcpformer.serve.watch import Watch

IN, OUT = Path("memory://bucket/in"), Path("memory://bucket/out")


def here(job: Job, waiting: deque[Task], watch: Watch) -> Iterator[Line]:
    while waiting:
        yield run_task(job, waiting.popleft(), lambda *step: None)


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryFileSystem:
    """A bucket of two videos and a text; the log of `stand_ins` lies in the folder of scratch."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "done.log").touch()
    system = MemoryFileSystem()
    if system.exists("/bucket"):
        system.rm("/bucket", recursive=True)
    for name in ("a.mp4", "day 1/b.mp4", "day 1/notes.txt", "day 1/.hidden/c.mp4"):
        system.pipe_file(f"/bucket/in/{name}", name.encode())
    return system


def lift(tasks: list[Task] | None = None, **options: Any) -> Summary:
    tasks = find_remote_tasks([IN], OUT) if tasks is None else tasks
    with report_at(OUT, "report.jsonl") as folder:
        job = RemoteJob(out=folder, options=LiftOptions(**options), weights=WEIGHTS, lift=pretend,
                        results=OUT)  # fmt: skip
        return lift_many(job, tasks, here)


def test_addresses() -> None:
    assert is_address(Path("s3://bucket/a"))
    assert not any(is_address(Path(each)) for each in ("a/b.mp4", "C:/a", "/a:b/c"))
    assert address_of(Path("s3://bucket/a b")) == "s3://bucket/a b"
    assert address_of(Path("file:///tmp/a")) == "file:///tmp/a"


def test_find_remote_tasks(bucket: MemoryFileSystem) -> None:
    found = [(task.name, address_of(task.source)) for task in find_remote_tasks([IN], OUT)]
    assert found == [("a", "memory://bucket/in/a.mp4"),
                     ("day 1/b", "memory://bucket/in/day 1/b.mp4")]  # fmt: skip
    assert [t.name for t in find_remote_tasks([IN / "a.mp4"], OUT)] == ["a"]
    assert [t.name for t in find_remote_tasks([IN.parent], OUT)] == ["in/a", "in/day 1/b"]
    with pytest.raises(FileNotFoundError, match=r"memory://bucket/none: no video there"):
        find_remote_tasks([Path("memory://bucket/none")], OUT)


def test_lift_many_lifts_what_is_missing_or_changed(
    bucket: MemoryFileSystem, tmp_path: Path
) -> None:
    assert lift().counts == Counter(done=2)
    assert bucket.cat_file("/bucket/out/a/person_0/motion.bvh") == b"a.mp4 None"
    manifest = json.loads(bucket.cat_file("/bucket/out/day 1/b/tcpformer.json"))
    assert manifest["paths"] == {"source": "memory://bucket/in/day 1/b.mp4"}
    assert lift().counts == Counter(present=2)
    lines = bucket.cat_file("/bucket/out/report.jsonl").decode().splitlines()
    assert [(json.loads(n)["file"], json.loads(n)["state"]) for n in lines] == [
        ("a", "done"), ("day 1/b", "done"),
    ]  # fmt: skip
    bucket.pipe_file("/bucket/in/a.mp4", b"b.mp4 of another day")
    assert lift().counts == Counter(done=1, present=1)
    bucket.rm_file("/bucket/out/a/person_0/motion.bvh")
    assert lift().counts == Counter(done=1, present=1)
    assert lift(height=1.9).counts == Counter(done=2)
    assert not [path for path in tmp_path.iterdir() if path.name != "done.log"]


def test_results_without_a_manifest_are_not_there(
    bucket: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    lift()
    put = MemoryFileSystem.put_file

    def fails(self: MemoryFileSystem, there: str, path: str, **more: Any) -> None:
        if path.endswith("motion.bvh"):
            raise PermissionError(13, "Access Denied")
        put(self, there, path, **more)

    monkeypatch.setattr(MemoryFileSystem, "put_file", fails)
    summary = lift(height=1.9)
    assert summary.counts == Counter(failed=2)
    text = bucket.cat_file("/bucket/out/report.jsonl").decode()
    assert "memory://bucket/out/a cannot be read or written: [Errno 13] Access Denied" in text
    assert not bucket.exists("/bucket/out/a/tcpformer.json")
    monkeypatch.setattr(MemoryFileSystem, "put_file", put)
    assert lift(height=1.9).counts == Counter(done=2)


def test_a_clip_that_fails_is_reported_alone(bucket: MemoryFileSystem) -> None:
    bucket.pipe_file("/bucket/in/a.mp4", b"bad film")
    summary = lift()
    assert summary.counts == Counter(done=1, failed=1)
    assert "film is no video" in bucket.cat_file("/bucket/out/report.jsonl").decode()


def test_a_bucket_without_permission_ends_the_run_at_once(
    bucket: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    with pytest.raises(OSError, match=r"memory://bucket/out cannot be read or written: .*Denied"):
        lift()
    monkeypatch.setattr(MemoryFileSystem, "find", refuse)
    with pytest.raises(OSError, match=r"memory://bucket/in cannot be read or written: .*Denied"):
        find_remote_tasks([IN], OUT)


def test_open_place_names_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="wrong is no protocol of fsspec; expected s3://"):
        open_place(Path("wrong://bucket/in"))
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(ImportError, match=r"s3:// needs fsspec.*tcpformer\[remote\]"):
        open_place(Path("s3://bucket/in"))
