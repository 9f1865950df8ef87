"""Clips in a bucket: each is copied to this machine, lifted here, and its results are uploaded.

The manifest is uploaded last, and so results are whole or not there. Addresses are those of fsspec:
s3://bucket/folder, gs://bucket/folder. Nothing is locked: two runs into one address may lift a clip
twice, to the same results.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..manifest import MANIFEST, Manifest, hash_input, read_manifest
from ..optional import missing_extra
from ..pipeline import Progress, describe_run, inputs_of
from .inputs import Task, collect_tasks, is_video
from .report import describe_motions
from .task import Job

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""A path of pathlib has one slash after the protocol."""


def is_address(path: Path) -> bool:
    """Return whether a path is the address of something on another machine."""
    return bool(_ADDRESS.match(str(path)))


def address_of(path: Path) -> str:
    """Return an address as fsspec writes it."""
    text = _ADDRESS.sub(r"\1://", path.as_posix(), count=1)
    return text.replace("file://", "file:///", 1)


def open_place(path: Path) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    Raises:
        ImportError: If a package for it is missing.
        ValueError: If there is no such protocol.
    """
    protocol = address_of(path).split(":")[0]
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(address_of(path))
    except ImportError as error:
        raise missing_extra(f"{protocol}://", "fsspec and its package for it", "remote") from error
    except ValueError as error:
        raise ValueError(
            f"{address_of(path)}: {protocol} is no protocol of fsspec; expected s3:// or gs://, or "
            "a path of this machine."
        ) from error


def find_remote_tasks(sources: Sequence[Path], out: Path) -> list[Task]:
    """Return the videos below addresses, or at them, sorted by name.

    Raises:
        FileNotFoundError: If there is none.
        OSError: If an address cannot be read.
        ValueError: If two would have one folder of results.
    """
    return collect_tasks(task for source in sources for task in _tasks_of(source, out))


def _tasks_of(source: Path, out: Path) -> Iterator[Task]:
    system, top = open_place(source)
    with _errors_of(source):
        found = system.find(top)
    results, names = open_place(out)[1], dict[PurePosixPath, str]()
    for path in map(PurePosixPath, found):
        if str(path) == top:
            names[path] = path.stem
            continue
        inner = path.relative_to(top)
        hidden = any(part.startswith(".") for part in inner.parts)
        if is_video(Path(inner)) and not hidden and not path.is_relative_to(results):
            names[path] = str(inner.with_suffix(""))
    if not names:
        raise FileNotFoundError(f"{address_of(source)}: no video there, nor below it.")
    for path, name in names.items():
        yield Task(name, Path(system.unstrip_protocol(str(path))))


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Raise what a file system raises as an OSError that names the address.

    Libraries for buckets raise classes of their own where the user is not known, among others.
    """
    try:
        yield
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise OSError(f"{address_of(path)} cannot be read or written: {reason}") from error


@dataclass(frozen=True, kw_only=True)
class RemoteJob(Job):
    """A job whose clips and results are at addresses; ``out`` is a folder of this machine."""

    results: Path
    """Address of all results."""

    def is_done(self, task: Task, *, hashing: bool) -> bool:
        """Check whether the manifest at the address is of this input and these options."""
        system, folder = open_place(self.results / task.name)
        source_system, source = open_place(task.source)
        with _errors_of(self.results / task.name):
            manifest = _read_manifest(system, folder, self.out)
            if manifest is None or not _is_whole(system, folder, manifest):
                return False
        with _errors_of(task.source):
            stamp = source_system.ukey(source)
        if stamp != manifest.stamps.get("source"):
            return False
        others = inputs_of(Path("source"), self.options).items()
        hashes = {name: hash_input(p) for name, p in others if name not in ("source", "--weights")}
        hashes["source"] = manifest.inputs["source"]
        return describe_run(hashes, self.options, self.weights).key == manifest.key

    def describe_present(self, task: Task) -> dict[str, Any]:
        """Return nothing: the results are not copied for that."""
        return {}

    def lift_clip(self, task: Task, progress: Progress) -> dict[str, Any]:
        """Copy a clip here, lift it, and upload the results; return fields of its line."""
        system, source = open_place(task.source)
        self.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.out, prefix=".clip-") as folder:
            copy, out = Path(folder) / task.source.name, Path(folder) / "out"
            with _errors_of(task.source):
                stamp = system.ukey(source)
                system.get_file(source, str(copy))
            motions = self.lift(copy, out, self.options, progress)
            manifest = read_manifest(out)
            assert manifest is not None
            manifest = replace(
                manifest, stamps={"source": stamp}, paths={"source": address_of(task.source)}
            )
            self._upload(task, out, manifest)
        size = sum(each["bytes"] for each in manifest.files.values()) / 1e6
        return {"state": "done", "result_mb": round(size, 3), **describe_motions(motions)}

    def _upload(self, task: Task, out: Path, manifest: Manifest) -> None:
        """Replace the results at the address: from now until the end there is no manifest."""
        system, folder = open_place(self.results / task.name)
        with _errors_of(self.results / task.name):
            if system.exists(f"{folder}/{MANIFEST}"):
                earlier = _read_manifest(system, folder, self.out) or Manifest()
                system.rm_file(f"{folder}/{MANIFEST}")
                for name in set(earlier.files) - set(manifest.files):
                    system.rm_file(f"{folder}/{name}")
            for name in manifest.files:
                system.makedirs(str(PurePosixPath(folder, name).parent), exist_ok=True)
                system.put_file(str(out / name), f"{folder}/{name}")
            text = json.dumps(asdict(manifest), indent=1) + "\n"
            system.pipe_file(f"{folder}/{MANIFEST}", text.encode())


def _read_manifest(system: Any, folder: str, scratch: Path) -> Manifest | None:
    """Return the manifest in a folder of a file system, None if there is none of ours."""
    try:
        content = system.cat_file(f"{folder}/{MANIFEST}")
    except FileNotFoundError:
        return None
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".manifest-") as beside:
        (Path(beside) / MANIFEST).write_bytes(content)
        return read_manifest(beside)


def _is_whole(system: Any, folder: str, manifest: Manifest) -> bool:
    """Check that a manifest is complete and its files are there, with their sizes."""
    if manifest.state != "complete":
        return False
    found = {path: info["size"] for path, info in system.find(folder, detail=True).items()}
    return all(found.get(f"{folder}/{n}") == each["bytes"] for n, each in manifest.files.items())


@contextmanager
def report_at(results: Path, name: str) -> Iterator[Path]:
    """Yield a folder of this machine with the report at an address; upload it at the end.

    Raises:
        OSError: If the address cannot be read or written.
    """
    system, folder = open_place(results)
    there = f"{folder}/{name}"
    with tempfile.TemporaryDirectory(prefix="tcpformer-") as here:
        with _errors_of(results):
            system.makedirs(folder, exist_ok=True)
            earlier = system.cat_file(there) if system.exists(there) else b""
            system.pipe_file(there, earlier)  # fails now rather than after the first clip
        (Path(here) / name).write_bytes(earlier)
        try:
            yield Path(here)
        finally:
            with _errors_of(results):
                system.put_file(str(Path(here) / name), there)
