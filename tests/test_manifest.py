"""The manifest: what may be replaced, and which inputs lie among results."""

import json
import os
from pathlib import Path

import pytest

from tcpformer import manifest
from tcpformer.io import GROUP_WRITERS, WRITERS
from tcpformer.manifest import (
    MANIFEST,
    SUFFIXES,
    Manifest,
    check_inputs,
    claim_results,
    hash_input,
    is_whole,
    paths_from,
    read_manifest,
    stamp_input,
    write_manifest,
)

NAMES = ("person_0/motion.npz", "person_0/motion.bvh", "overlay.mp4")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results with a manifest."""
    out = tmp_path / "out"
    (out / "person_0").mkdir(parents=True)
    for name in NAMES:
        (out / name).write_text(name)
    write_manifest(Manifest(key="a"), out)
    return out


def test_read_manifest_returns_what_write_manifest_wrote(results: Path) -> None:
    found = read_manifest(results)
    assert found is not None
    assert found.key == "a"
    assert sorted(found.files) == sorted(NAMES)
    assert found.files["overlay.mp4"]["bytes"] == len("overlay.mp4")


def test_suffixes_are_those_that_are_written() -> None:
    assert {*WRITERS, *GROUP_WRITERS} <= {*SUFFIXES}


def test_read_manifest_of_version_0_2_has_no_paths(results: Path) -> None:
    content = json.loads((results / MANIFEST).read_text())
    del content["paths"], content["stamps"]
    (results / MANIFEST).write_text(json.dumps(content))
    found = read_manifest(results)
    assert found is not None
    assert found.paths == {}
    assert found.stamps == {}


def test_paths_from_lead_back_to_the_inputs(tmp_path: Path) -> None:
    inputs = {"source": tmp_path / "videos/a.mp4", "--video": Path("b.mp4")}
    paths = paths_from(tmp_path / "runs/out", inputs)
    assert paths["source"] == "../../videos/a.mp4"
    for name, path in inputs.items():
        assert (tmp_path / "runs/out" / paths[name]).resolve() == path.resolve()


def test_read_manifest_leaves_out_other_paths(results: Path) -> None:
    content = json.loads((results / MANIFEST).read_text())
    for name in (
        "../secret",
        "/etc/passwd",
        "notes.txt",
        "person_0/../../x",
        "person_0/motion.txt",
    ):
        content["files"][name] = {}
    (results / MANIFEST).write_text(json.dumps(content))
    found = read_manifest(results)
    assert found is not None
    assert sorted(found.files) == sorted(NAMES)


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '{"files": 3}', "[" * 10_000, "\0"])
def test_read_manifest_of_another_file_is_none(results: Path, text: str) -> None:
    (results / MANIFEST).write_text(text)
    assert read_manifest(results) is None
    with pytest.raises(ValueError, match="is in no manifest"):
        claim_results(results, overwrite=False)


def test_claim_results_refuses_a_file_without_manifest(results: Path) -> None:
    assert sorted(claim_results(results, overwrite=False).files) == sorted(NAMES)
    (results / "person_7").mkdir()
    (results / "person_7/notes.txt").write_text("mine")
    claim_results(results, overwrite=False)
    (results / "person_7/motion.bvh").write_text("mine")
    with pytest.raises(ValueError, match=r"person_7/motion\.bvh is in no manifest .*--overwrite"):
        claim_results(results, overwrite=False)
    assert "person_7/motion.bvh" in claim_results(results, overwrite=True).files
    (results / MANIFEST).unlink()
    with pytest.raises(ValueError, match="is in no manifest"):
        claim_results(results, overwrite=False)
    assert len(claim_results(results, overwrite=True).files) == 4


@pytest.mark.parametrize("name", [*NAMES, "person_0", "person_3", MANIFEST])
@pytest.mark.parametrize("overwrite", [False, True])
def test_claim_results_refuses_links(
    results: Path, tmp_path: Path, name: str, overwrite: bool
) -> None:
    target = tmp_path / "moved"
    if (results / name).exists():
        (results / name).rename(target)
    (results / name).symlink_to(target)
    with pytest.raises(ValueError, match="is a symbolic link"):
        claim_results(results, overwrite=overwrite)


@pytest.mark.parametrize(("name", "kind"), [("overlay.mp4", "file"), ("person_1", "folder")])
def test_claim_results_refuses_other_kinds(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "file":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"{name} is no {kind}"):
        claim_results(tmp_path, overwrite=True)


def test_check_inputs_refuses_results(results: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(results / "overlay.mp4")
    (tmp_path / "folder").symlink_to(results)
    os.link(results / "overlay.mp4", tmp_path / "hard")
    os.link(results / "overlay.mp4", results / "inside")
    for path in (
        results / "overlay.mp4",
        results / "../out/overlay.mp4",
        tmp_path / "folder/overlay.mp4",
        results / "person_0",
        results / "person_0/notes.npz",
        results / "person_5/missing.npz",
        tmp_path / "link",
        tmp_path / "hard",
        results / "inside",
    ):
        with pytest.raises(ValueError, match="would replace"):
            check_inputs({"--video": path}, results)
    with pytest.raises(ValueError, match="source is the folder of the results"):
        check_inputs({"source": tmp_path / "folder"}, results)


def test_check_inputs_looks_into_folders(results: Path, tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json/a.json").symlink_to(results / "overlay.mp4")
    with pytest.raises(ValueError, match="would replace"):
        check_inputs({"source": tmp_path / "json"}, results)


def test_check_inputs_refuses_a_link_out_of_the_results(tmp_path: Path) -> None:
    """The source would stay, but the path by which it was given would not."""
    (tmp_path / "a.mp4").write_text("film")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/overlay.mp4").symlink_to(tmp_path / "a.mp4")
    for name in ("a.mp4", "out/overlay.mp4"):
        with pytest.raises(ValueError, match="would replace"):
            check_inputs({"source": tmp_path / name}, tmp_path / "out")


def test_check_inputs_accepts_other_files_in_the_folder(results: Path) -> None:
    (results / "keypoints").mkdir()
    (results / "keypoints/a.json").write_text("{}")
    (results / "film.mp4").write_text("film")
    check_inputs({"source": results / "keypoints", "--video": results / "film.mp4"}, results)
    check_inputs({"source": results / "missing.npz"}, results / "none")


def test_hash_input_depends_on_names_and_content(tmp_path: Path) -> None:
    def folder(name: str, file: str, text: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
        return hash_input(tmp_path / name)

    found = [folder("1", "a", "x"), folder("2", "b", "x"), folder("3", "a", "y")]
    assert len(set(found)) == 3
    assert folder("4", "a", "x") == found[0]
    assert hash_input(tmp_path / "1/a") == hash_input(tmp_path / "2/b")


def test_stamp_input_changes_with_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("film")
    assert stamp_input(path) == "", "it might be written to within the resolution of its times"
    monkeypatch.setattr(manifest, "STAMP_SECONDS", -10.0)
    before = stamp_input(path)
    assert before == stamp_input(path) != ""
    path.write_text("a longer film")
    assert stamp_input(path) != before
    folder = stamp_input(tmp_path)
    (tmp_path / "b.mp4").write_text("film")
    assert stamp_input(tmp_path) != folder


def test_is_whole_misses_files_and_bytes(results: Path) -> None:
    found = read_manifest(results)
    assert found is not None
    assert is_whole(results, found)
    (results / NAMES[0]).write_text("shorter")
    assert not is_whole(results, found)
    (results / NAMES[0]).unlink()
    assert not is_whole(results, found)
