"""The verb `convert`."""

from dataclasses import replace
from pathlib import Path

import pytest
from commands import refused, run
from motions import walk
from round_trips import check_same

from tcpformer import load, save


def test_convert_writes_beside_each_motion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        save(walk(5), tmp_path / f"{name}.npz")
    run("convert", tmp_path / "a.npz", tmp_path / "b.npz", "--to", "csv")
    assert capsys.readouterr().out.split() == [str(tmp_path / f"{name}.csv") for name in "ab"]
    check_same(load(tmp_path / "a.csv")[0], walk(5))


def test_convert_joins_people_in_one_file_and_parts_them(tmp_path: Path) -> None:
    people = [walk(5), replace(walk(4), person=1)]
    for motion in people:
        save(motion, tmp_path / f"{motion.person}.npz")
    run("convert", tmp_path / "0.npz", tmp_path / "1.npz", "-o", tmp_path / "all.json")
    for read, wrote in zip(load(tmp_path / "all.json"), people, strict=True):
        check_same(read, wrote)
    run("convert", tmp_path / "all.json", "--to", "npz")
    check_same(load(tmp_path / "all_1.npz")[0], people[1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.npz",), "either --to FORMAT or -o FILE"),
        (("a.npz", "--to", "csv", "-o", "b.csv"), "either --to FORMAT or -o FILE"),
        (("a.npz", "--to", "mp3"), "cannot write 'mp3'"),
        (("a.npz", "--to", "npz"), "of that format already"),
        (("none.npz", "--to", "csv"), "no such file"),
        (("a.bvh", "--to", "csv"), "cannot read a motion from 'a.bvh'"),
    ],
)
def test_convert_refuses_with_one_sentence(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(walk(3), tmp_path / "a.npz")
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "convert", *words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz"]
