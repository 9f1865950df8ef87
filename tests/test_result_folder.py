"""Results that take their places together: kills, failures, locks and files of others."""

import errno
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tcpformer import files, result_folder
from tcpformer.result_folder import JOURNAL, LOCK, MANIFEST, recover, replace_together


def content(folder: Path) -> dict[str, str]:
    """All files in a folder, also hidden ones."""
    return {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }


def write(folder: Path, text: str, names: tuple[str, ...] = ("a/x", "a/y", "b", MANIFEST)) -> None:
    with replace_together(folder) as run:
        for name in names:
            (run.new / name).parent.mkdir(exist_ok=True)
            (run.new / name).write_text(text)


OLD = {"a/x": "old", "a/y": "old", "b": "old", MANIFEST: "old"}
NEW = dict.fromkeys(OLD, "new")


@pytest.mark.parametrize("exchange", [True, False])
def test_replace_together_replaces_all(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(result_folder, "_rename_exchange", lambda one, other: False)
    write(tmp_path / "out", "old")
    write(tmp_path / "out", "new")
    assert content(tmp_path / "out") == NEW


def test_replace_together_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        with replace_together(folder) as run:
            (run.new / "b").write_text("new")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail(tmp_path / "made/out")
    assert list(tmp_path.iterdir()) == []
    write(tmp_path, "old")
    with pytest.raises(ValueError, match="broken"):
        fail(tmp_path)
    assert content(tmp_path) == OLD


def test_replace_together_returns_what_no_run_wrote(tmp_path: Path) -> None:
    write(tmp_path, "old")
    (tmp_path / "a/deep").mkdir()
    (tmp_path / "a/deep/notes").write_text("mine")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/x").write_text("old")
    (tmp_path / "c/notes").write_text("mine")
    with replace_together(tmp_path) as run:
        (run.new / "a").mkdir()
        (run.new / "a/x").write_text("new")
        run.removed.add("c")
        run.owned.update(["c/x", "a/y"])
    kept = {"a/deep/notes": "mine", "c/notes": "mine", "b": "old", MANIFEST: "old"}
    assert content(tmp_path) == {"a/x": "new", **kept}


@pytest.mark.parametrize("make", ["file", "link"])
def test_replace_together_refuses_what_is_not_owned(tmp_path: Path, make: str) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    if make == "file":
        (out / "b").write_text("mine")
    else:
        (out / "b").symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(OSError, match="b was not written by a run"),
        replace_together(out, owned=False) as run,
    ):
        (run.new / "b").write_text("new")
    assert content(tmp_path) == {"elsewhere": "mine", "out/b": "mine"}


def test_replace_together_refuses_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OSError, match="a was not written by a run"):
        write(tmp_path, "new")
    assert content(tmp_path) == {"a": "mine"}


def test_replace_together_refuses_a_locked_folder(tmp_path: Path) -> None:
    with (
        replace_together(tmp_path) as run,
        pytest.raises(OSError, match="another run is writing into"),
        replace_together(tmp_path),
    ):
        pytest.fail("the block must not start")
    assert content(tmp_path) == {}
    assert not run.hidden.exists()


def test_replace_together_ignores_the_lock_of_a_dead_process(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("0123456789ab\n")
    hidden = tmp_path / ".tcpformer-0123456789ab"
    (hidden / "new").mkdir(parents=True)
    (hidden / "new/b").write_text("half")
    write(tmp_path, "new")
    assert content(tmp_path) == NEW


def test_replace_together_names_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot write into a folder"):
        write(tmp_path / "file/out", "new")


class Died(BaseException):
    """In place of the end of the process."""


CALLS = ("rename", "replace", "mkdir", "unlink", "rmdir", "open", "fsync", "write", "truncate")


def break_call(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> list[str]:
    """Let the n-th call that changes the disk fail; Died lets all later ones fail too."""
    count: list[str] = []

    def wrap(name: str):
        call = getattr(os, name)

        def counted(*arguments: object, **options: object) -> object:
            count.append(name)
            if len(count) == number or (len(count) > number and isinstance(error, Died)):
                raise error
            return None if name == "fsync" else call(*arguments, **options)  # which is slow

        return counted

    for name in CALLS:
        monkeypatch.setattr(os, name, wrap(name))
    exchange = result_folder._rename_exchange

    def exchanged(one: Path, other: Path) -> bool:
        count.append("exchange")
        if len(count) == number or (len(count) > number and isinstance(error, Died)):
            raise error
        return exchange(one, other)

    monkeypatch.setattr(result_folder, "_rename_exchange", exchanged)
    return count


def each_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException):
    """Yield a folder with old results after the n-th call of a run failed, for every n."""
    number = 0
    while True:
        number += 1
        folder = tmp_path / f"{type(error).__name__}{number}"
        write(folder, "old")
        with monkeypatch.context() as patched:
            count = break_call(patched, number, error)
            with suppress(OSError, Died):
                write(folder, "new")
        if len(count) < number:
            assert number > 20
            return
        yield folder


@pytest.mark.parametrize("exchange", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_kill_leaves_old_or_new_results(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder is whole at once, and all of them once the next run has started."""
    if not exchange:
        monkeypatch.setattr(result_folder, "_rename_exchange", lambda one, other: False)
    for folder in each_call(tmp_path, monkeypatch, Died()):
        visible = {k: v for k, v in content(folder).items() if not k.startswith(".")}
        if exchange:
            assert visible.keys() == OLD.keys()
            assert visible["a/x"] == visible["a/y"]
        (folder / LOCK).write_text("")  # what a killed process leaves
        recover(folder)
        with replace_together(folder):
            assert {k: v for k, v in content(folder).items() if k[0] != "."} in (OLD, NEW)
        assert content(folder) in (OLD, NEW)


@pytest.mark.parametrize("exchange", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_failure_leaves_old_or_new_results(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(result_folder, "_rename_exchange", lambda one, other: False)
    for folder in each_call(tmp_path, monkeypatch, OSError(28, "No space left on device")):
        assert {k: v for k, v in content(folder).items() if k[0] != "."} in (OLD, NEW)
        with replace_together(folder):
            pass
        assert content(folder) in (OLD, NEW)


@pytest.mark.parametrize("name", [JOURNAL, "b", LOCK])
def test_a_disk_that_fails_while_predecessors_are_deleted(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The results are the new ones; the journal goes at once, others when the folder is read."""
    write(tmp_path, "old")
    unlink, failed = os.unlink, []

    def fail_once(path: str, **more: Any) -> None:
        if Path(path).name == name and not failed:
            failed.append(path)
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", fail_once)
        write(tmp_path, "new")
    assert failed
    assert {k: v for k, v in content(tmp_path).items() if k[0] != "."} == NEW
    assert (content(tmp_path) == NEW) == (name == JOURNAL)
    recover(tmp_path)
    assert content(tmp_path) == NEW


def test_recover_refuses_a_journal_that_names_other_folders(tmp_path: Path) -> None:
    hidden = tmp_path / "out/.tcpformer-0123456789ab"
    (hidden / "new").mkdir(parents=True)
    (tmp_path / "precious").write_text("mine")
    for entries in ({"../precious": None}, {"/precious": None}, ["a"], 3):
        (hidden / JOURNAL).write_text(json.dumps({"entries": entries, "owned": []}))
        with pytest.raises(OSError, match=r"journal\.json is damaged"):
            recover(tmp_path / "out", locked=True)
    assert (tmp_path / "precious").exists()


def test_recover_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("mine")
    (tmp_path / ".tcpformer-0123456789ab").symlink_to(tmp_path / "elsewhere")
    recover(tmp_path, locked=True)
    assert (tmp_path / "elsewhere/file").exists()


def test_a_killed_process_keeps_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys, signal\nfrom pathlib import Path\n"
        "from tcpformer.result_folder import replace_together\n"
        f"with replace_together({str(tmp_path)!r}) as run:\n"
        "    (run.new / 'b').write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert done.returncode != 0
    assert (tmp_path / LOCK).exists()
    write(tmp_path, "new")
    assert content(tmp_path) == NEW
    assert files.open_locked(tmp_path / LOCK) is not None
