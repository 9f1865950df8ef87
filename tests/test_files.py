"""Atomic writes, checks of folders."""

import os
import stat
from pathlib import Path

import pytest

from tcpformer.files import atomic_write, check_writable, make_writable


def test_atomic_write_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "motion.tar.npz"
    for text in ("old", "new"):
        with atomic_write(path) as beside:
            assert beside.parent == tmp_path
            assert beside.suffix == ".npz"
            beside.write_text(text)
            assert not path.exists() or path.read_text() == "old"
        assert path.read_text() == text
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
@pytest.mark.parametrize("existed", [True, False])
def test_atomic_write_keeps_the_old_file_after_an_error(
    tmp_path: Path, existed: bool, error: type[BaseException]
) -> None:
    path = tmp_path / "a.npz"
    if existed:
        path.write_text("old")

    def write() -> None:
        with atomic_write(path) as beside:
            beside.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"] * existed


def test_atomic_write_leaves_nothing_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    with (
        pytest.raises(OSError, match=r"folder\.npz"),
        atomic_write(tmp_path / "folder.npz") as beside,
    ):
        beside.write_text("content")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.npz"]
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "none" / "a.npz"):
        pytest.fail("the block must not start")


def test_atomic_write_gives_the_usual_permissions(tmp_path: Path) -> None:
    usual, path = tmp_path / "usual", str(tmp_path / "ours")
    usual.write_text("")
    with atomic_write(path) as beside:
        beside.write_text("")
    assert stat.S_IMODE(Path(path).stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_atomic_write_twice_uses_two_temporary_files(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as one, atomic_write(tmp_path / "a") as other:
        assert one != other
        one.write_text("1")
        other.write_text("2")
    assert (tmp_path / "a").read_text() == "1"  # the outer block ends last


def test_atomic_write_names_a_missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match=r"cannot write a\.npz: no folder .*nowhere"),
        atomic_write(tmp_path / "nowhere/a.npz"),
    ):
        raise AssertionError


def test_check_writable_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "a/b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").mkdir()
    check_writable(tmp_path / "a/b")
    assert [p.name for p in tmp_path.rglob("*")] == ["a"]


@pytest.mark.parametrize("check", [check_writable, make_writable])
def test_make_writable_refuses_a_folder_under_a_file(check, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write into a folder .*file/a"):
        check(tmp_path / "file/a")


def test_make_writable_deletes_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / ".writable-tcpformer-611f61921288").touch()
    (tmp_path / ".other").touch()
    make_writable(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [".other"]


def test_make_writable_makes_an_empty_folder(tmp_path: Path) -> None:
    make_writable(tmp_path / "a/b")
    assert list((tmp_path / "a/b").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_atomic_write_replaces_nothing_but_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError, match="expected a file"), atomic_write(path):
        pass
    assert not path.is_file()
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]
