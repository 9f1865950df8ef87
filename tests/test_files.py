"""A file is there whole or not at all."""

import stat
from pathlib import Path

import pytest

from tcpformer.files import atomic_write


def test_a_block_that_ends_well_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
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
def test_an_error_leaves_the_old_file_and_nothing_else(
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


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    with (
        pytest.raises(OSError, match=r"folder\.npz"),
        atomic_write(tmp_path / "folder.npz") as beside,
    ):
        beside.write_text("content")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.npz"]
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "none" / "a.npz"):
        pytest.fail("the block must not start")


def test_a_new_file_has_the_rights_of_any_other_new_file(tmp_path: Path) -> None:
    usual, path = tmp_path / "usual", str(tmp_path / "ours")
    usual.write_text("")
    with atomic_write(path) as beside:
        beside.write_text("")
    assert stat.S_IMODE(Path(path).stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_two_writers_of_one_place_do_not_meet(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as one, atomic_write(tmp_path / "a") as other:
        assert one != other
        one.write_text("1")
        other.write_text("2")
    assert (tmp_path / "a").read_text() == "1"  # the outer block ends last


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match=r"no folder .*nowhere in which a\.npz could be"),
        atomic_write(tmp_path / "nowhere/a.npz"),
    ):
        raise AssertionError
