"""The manifest of a run: what it wrote, from which input, and so what a later run may replace."""

import hashlib
import json
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .files import match_files
from .result_folder import MANIFEST, hash_file

SUFFIXES = (".npz", ".bvh", ".glb", ".usda", ".usdc", ".fbx", ".trc", ".c3d", ".mot", ".csv",
            ".json", ".parquet")  # fmt: skip
"""Of the files that hold a motion."""
STAMP_SECONDS = 2.0
"""Since the last change of a file, after which its times tell of the next one."""
_MOTION = rf"motion(_raw\.npz|_\d+\.c3d|\.bvh\.json|({'|'.join(map(re.escape, SUFFIXES))}))"
_WHOLE = r"overlay\.mp4|people\.(glb|usda|usdc|fbx)|tcpformer\.json"
_RESULT = re.compile(rf"person_\d+/{_MOTION}|{_WHOLE}")
"""Paths that `lift` writes, relative to its folder."""
_TOP = re.compile(rf"person_\d+|{_WHOLE}")
_RESERVED = re.compile(rf"{_TOP.pattern}|\.tcpformer.*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What stands in tcpformer.json."""

    key: str = ""
    """sha256 of the input, the weights, the options and the version."""
    version: str = ""
    """Of the package."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Which input -> sha256 of the file, or of the files in the folder."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Which input -> where it was, relative to the folder."""
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Which input -> `stamp_input` of it, where that is certain."""
    weights: str = ""
    """Name and fingerprint."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those that change the results."""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Path relative to the folder -> bytes, sha256, and key of the run that wrote it."""
    state: str = "complete"


def hash_input(path: Path) -> str:
    """Return the sha256 of a file, or of names and content of several (`_files_of`)."""
    if path.is_file():
        return hash_file(path)
    files = [
        f"{file.name}\0{hash_file(file)}\0" for file in sorted(_files_of(path)) if file.is_file()
    ]
    return hashlib.sha256("".join(files).encode("utf-8", "surrogateescape")).hexdigest()


def _files_of(path: Path) -> list[Path]:
    """Return what a folder holds, or what matches a pattern; of a file, none."""
    if path.is_dir():
        return list(path.iterdir())
    return [] if path.exists() else match_files(path)


def stamp_input(path: Path) -> str:
    """Return what changes when a file, or several, are written to: sizes and times.

    Empty if a file was written to a moment ago: within the resolution of these times, it might be
    again.
    """
    files = [path] if path.is_file() else sorted(_files_of(path))
    states = [(file.name, file.stat()) for file in files if file.is_file()]
    latest = max((state.st_ctime for _, state in states), default=math.inf)
    if latest > time.time() - STAMP_SECONDS:
        return ""
    texts = [f"{name}\0{s.st_size} {s.st_mtime_ns} {s.st_ctime_ns}\0" for name, s in states]
    return hashlib.sha256("".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


def is_whole(folder: Path, manifest: Manifest) -> bool:
    """Check that the files of a manifest exist, with their sizes."""
    try:
        sizes = [(folder / name).stat().st_size for name in manifest.files]
    except OSError:
        return False
    return sizes == [each.get("bytes") for each in manifest.files.values()]


def paths_from(folder: Path, inputs: Mapping[str, Path]) -> dict[str, str]:
    """Return where inputs are, seen from a folder: absolute where they are on another drive."""
    result = {}
    for name, path in inputs.items():
        try:
            result[name] = Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
        except ValueError:
            result[name] = path.absolute().as_posix()
    return result


def key_of(content: Mapping[str, Any]) -> str:
    """Return the sha256 of a mapping as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: str | Path) -> Manifest | None:
    """Read the manifest of a folder; None if there is none, or it is not one of ours.

    Paths that `lift` does not write are left out of ``files``.
    """
    path = Path(folder) / MANIFEST
    if path.is_symlink() or not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        files = {name: dict(each) for name, each in content["files"].items()}
        content = {"paths": {}, "stamps": {}} | content  # versions before 0.3 have none
        fields: dict[str, Any] = {name: content[name] for name in vars(Manifest())}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    known = {name: each for name, each in files.items() if _RESULT.fullmatch(name)}
    fields["files"] = known
    return Manifest(**fields)


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest of the files in a folder; ``files`` holds those that an earlier run wrote.

    Args:
        manifest: With the files of earlier runs that stay.
        folder: Holds the files of this run, and gets the manifest.
    """
    files = dict(manifest.files)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        files[path.relative_to(folder).as_posix()] = {
            "bytes": path.stat().st_size,
            "sha256": hash_file(path),
            "key": manifest.key,
        }
    content = asdict(manifest) | {"files": files}
    (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def check_inputs(inputs: Mapping[str, Path], folder: Path) -> None:
    """Check that no input is among the results in a folder, or in the place of one.

    Links count: an input may not be a symbolic or hard link to a result, nor the other way round.

    Args:
        inputs: Which input -> a file or a folder.
        folder: Where results go; may be missing.

    Raises:
        ValueError: If an input is.
    """
    root = folder.resolve()
    results = {_identity(folder / name) for name in existing_results(folder)} - {None}
    for name, path in inputs.items():
        if path.is_dir() and path.resolve() == root:
            raise ValueError(f"{name} is the folder of the results, {folder}; give another --out.")
        for file in (path, *_files_of(path)):
            if _is_reserved(file, root) or _identity(file) in results:
                raise ValueError(
                    f"{name}: the results in {folder} would replace {file}; give another --out."
                )


def _is_reserved(path: Path, root: Path) -> bool:
    """Check whether a path, or what it links to, is where results go."""
    real = {path.resolve(), path.parent.resolve() / path.name} - {root}
    inside = [each.relative_to(root) for each in real if each.is_relative_to(root)]
    return any(_RESERVED.fullmatch(each.parts[0]) for each in inside)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def is_reserved_name(name: str) -> bool:
    """Return whether a name at the top of a folder is one of results, or of a run's own files."""
    return bool(_RESERVED.fullmatch(name))


def existing_results(folder: Path) -> list[str]:
    """Return the paths in a folder, relative to it, that have names of results."""
    if not folder.is_dir():
        return []
    top = [path for path in folder.iterdir() if _TOP.fullmatch(path.name)]
    inner = [p for path in top if path.is_dir() and not path.is_symlink() for p in path.iterdir()]
    found = [path.relative_to(folder).as_posix() for path in (*top, *inner)]
    return sorted(name for name in found if _RESULT.fullmatch(name))


def claim_results(folder: Path, *, overwrite: bool) -> Manifest:
    """Return the manifest of the earlier results in a folder, which a run may then replace.

    Args:
        folder: May be missing.
        overwrite: Whether files with the name of a result count as results although no manifest
            lists them.

    Raises:
        ValueError: If something else has the name of a result.
    """
    _check_kinds(folder)
    manifest = read_manifest(folder) or Manifest()
    owned = {*manifest.files, *([MANIFEST] if manifest.key else ())}
    foreign = [name for name in existing_results(folder) if name not in owned]
    if foreign and not overwrite:
        raise ValueError(
            f"{folder / foreign[0]} is in no manifest of a run (it is of version 0.2 or older, or "
            "your own); give another --out, or --overwrite to replace such files."
        )
    taken_over: dict[str, Mapping[str, Any]] = {name: {} for name in foreign if name != MANIFEST}
    return replace(manifest, files={**manifest.files, **taken_over})


def _check_kinds(folder: Path) -> None:
    """Check that folders and files of results are folders and files, and no links.

    Raises:
        ValueError: If one is not.
    """
    top = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in top:
        if _TOP.fullmatch(path.name):
            _check_kind(path, is_folder=path.name.startswith("person_"))
    for name in existing_results(folder):
        _check_kind(folder / name, is_folder=False)


def _check_kind(path: Path, *, is_folder: bool) -> None:
    if path.is_symlink():
        raise ValueError(
            f"{path} is a symbolic link, which results neither replace nor follow; remove it, or "
            "give another --out."
        )
    if path.is_dir() != is_folder:
        kind = "folder" if is_folder else "file"
        raise ValueError(f"{path} is no {kind}, and results go there; give another --out.")
