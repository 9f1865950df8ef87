"""Which clips are lifted of many inputs, and where their results go."""

import re
from pathlib import Path

import pytest

from tcpformer.manifest import MANIFEST
from tcpformer.serve.inputs import Task, find_tasks, is_clip, share_of


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def found(out: Path, *sources: Path) -> dict[str, str]:
    return {task.name: task.source.name for task in find_tasks(sources, out)}


def test_find_tasks_names_clips_by_relative_path(tmp_path: Path) -> None:
    videos = make(tmp_path / "in", "a.mp4", "sub/b.MOV", "sub/deep/c.webm", "notes.txt", ".d.mp4")
    make(videos, "json/f_1.json", "json/f_2.json", "pictures/1.png", "pictures/2.png")
    single = make(tmp_path, "e.avi", "keypoints.npz")
    tasks = found(tmp_path / "out", videos, single / "e.avi", single / "keypoints.npz")
    assert tasks == {
        **{"a": "a.mp4", "sub/b": "b.MOV", "sub/deep/c": "c.webm", "json": "json"},
        **{"pictures": "pictures", "e": "e.avi", "keypoints": "keypoints.npz"},
    }


def test_find_tasks_leaves_out_results(tmp_path: Path) -> None:
    videos = make(tmp_path, "a.mp4", f"old/{MANIFEST}", "old/overlay.mp4", "old/person_0/x.mp4")
    make(videos, "out/b.mp4", "old/c.mp4")
    assert found(tmp_path / "out", videos) == {"a": "a.mp4", "old/c": "c.mp4"}


def test_find_tasks_ends_in_loops_of_links(tmp_path: Path) -> None:
    videos = make(tmp_path / "in", "a.mp4", "one/b.mp4", "two/c.mp4")
    (videos / "one/up").symlink_to(videos)
    (videos / "one/two").symlink_to(videos / "two")
    (videos / "two/one").symlink_to(videos / "one")
    (videos / "aa").symlink_to(videos / "two")
    (videos / "broken").symlink_to(videos / "nothing")
    assert found(tmp_path / "out", videos) == {"a": "a.mp4", "one/b": "b.mp4", "two/c": "c.mp4"}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a.mp4", "b.mp4", "c.png"), "holds 2 videos, 1 picture"),
        (("a.mp4", "b.json"), "holds 1 video, 1 keypoint JSON file"),
        (("a.png", "b.json", "c.json"), "holds 1 picture, 2 keypoint JSON files"),
        (("a.json", "b/c.mp4"), "holds 1 keypoint JSON file, 1 folder"),
    ],
)
def test_find_tasks_refuses_mixtures(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    make(tmp_path / "in/sub", *names)
    with pytest.raises(ValueError, match=rf"in/sub {words}; expected one kind"):
        find_tasks([tmp_path / "in"], tmp_path / "out")


@pytest.mark.parametrize("names", [("a.mp4", "a.mov"), ("a.mp4", "A.mov"), ("é.mp4", "é.mov")])
def test_find_tasks_refuses_one_folder_for_two(tmp_path: Path, names: tuple[str, str]) -> None:
    make(tmp_path / "in", *names)
    with pytest.raises(ValueError, match="would both write"):
        find_tasks([tmp_path / "in"], tmp_path / "out")


def test_find_tasks_takes_one_source_once(tmp_path: Path) -> None:
    videos = make(tmp_path / "in", "a.mp4")
    assert found(tmp_path / "out", videos, videos / "a.mp4") == {"a": "a.mp4"}


@pytest.mark.parametrize("name", ["report.jsonl.mp4", "a/person_0.mp4", "a/overlay.mp4.mp4"])
def test_find_tasks_refuses_names_of_results(tmp_path: Path, name: str) -> None:
    make(tmp_path / "in", "a.mp4", "person_1.mp4", name)
    with pytest.raises(ValueError, match=rf"{re.escape(name)}: its results .* a name of results"):
        find_tasks([tmp_path / "in"], tmp_path / "out")


def test_find_tasks_refuses_sources_without_clips(tmp_path: Path) -> None:
    make(tmp_path / "in", "a.txt")
    (tmp_path / "in/empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no video below this folder"):
        find_tasks([tmp_path / "in"], tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        find_tasks([tmp_path / "missing.mp4"], tmp_path / "out")


@pytest.mark.parametrize(
    ("names", "is_one"),
    [
        (("a.mp4",), False),
        (("sub/a.mp4",), False),
        (("notes.txt", "sub/a.mp4"), False),
        (("1.json", "2.json"), True),
        (("1.png", "1.json"), True),
        (("1.txt", "2.txt"), True),
        (("clip_px_person00.trc",), True),
    ],
)
def test_is_clip_of_folders(tmp_path: Path, names: tuple[str, ...], is_one: bool) -> None:
    assert is_clip(make(tmp_path / "in", *names)) == is_one


def test_is_clip_of_files_and_patterns(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4")
    assert is_clip(tmp_path / "a.mp4")
    assert is_clip(tmp_path / "missing")
    assert is_clip(tmp_path / "*.png")


def test_share_of_splits_every_list_once() -> None:
    tasks = [Task(f"clip {i}", Path(f"{i}.mp4")) for i in range(1000)]
    shares = [share_of(tasks, part, 7) for part in range(1, 8)]
    assert sorted(task for share in shares for task in share) == sorted(tasks)
    assert max(map(len, shares)) < 1.4 * min(map(len, shares))
    assert share_of(tasks[::2], 3, 7) == [task for task in shares[2] if task in tasks[::2]]
