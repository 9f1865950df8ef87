"""Readers and writers by suffix."""

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from commands import keypoint_file
from keypoint_files import FPS, SIZE, mmpose, openpose, people, read_motions, rtmlib, sports2d
from motions import walk
from paths import TRUST
from round_trips import check_same

from tcpformer.io import (
    GROUP_WRITERS,
    MOTION_READERS,
    NEEDED,
    WRITERS,
    load,
    read_detections,
    save,
)
from tcpformer.io.npz import load_motion
from tcpformer.io.rig import RigOptions
from tcpformer.skeleton import HALPE26


def write_keypoints(kind: str, folder: Path) -> Path:
    two = people(HALPE26)
    if kind == "ours":
        return keypoint_file()(folder)
    if kind == "rtmlib":
        return rtmlib(folder / "b.npz", two)
    if kind == "mmpose":
        return mmpose(folder / "b.json", two, HALPE26.joints)
    if kind == "openpose":
        return openpose(folder / "b", two)
    tables = sports2d(folder / "b", two, HALPE26.joints)
    return tables / "clip_Sports2D_px_person00.trc" if kind == "trc" else tables


@pytest.mark.parametrize("kind", ["ours", "rtmlib", "mmpose", "trc", "openpose", "trcs"])
def test_read_detections_takes_suffixes_in_capital_letters(kind: str, tmp_path: Path) -> None:
    path = write_keypoints(kind, tmp_path)
    expected = read_detections(path, fps=FPS, size=SIZE)
    for file in list(path.iterdir()) if path.is_dir() else [path]:
        capital = file.rename(file.with_suffix(file.suffix.upper()))
        path = path if path.is_dir() else capital
    found = read_detections(path, fps=FPS, size=SIZE)
    np.testing.assert_array_equal(found.xy, expected.xy)
    np.testing.assert_array_equal(found.frame, expected.frame)


def test_read_detections_refuses_other_suffixes_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("x,y")
    with pytest.raises(ValueError, match=r"expected a folder or one of \.npz, \.npy, \.json"):
        read_detections(tmp_path / "a.xml", fps=FPS, size=SIZE)
    with pytest.raises(ValueError, match="found neither"):
        read_detections(tmp_path, fps=FPS, size=SIZE)


def test_read_detections_names_a_missing_file(tmp_path: Path) -> None:
    for name in ("none.json", "none.npz", "none"):
        with pytest.raises(FileNotFoundError, match=f"no such file or folder: .*{name}"):
            read_detections(tmp_path / name)


@pytest.mark.parametrize("suffix", [*WRITERS, *GROUP_WRITERS])
def test_save_goes_by_the_suffix(suffix: str, tmp_path: Path) -> None:
    for name in (f"a{suffix}", f"b{suffix.upper()}"):
        save(walk(5), tmp_path / name)
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_save_refuses_other_suffixes(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in one of \.npz, \.bvh, .*, got"):
        save(walk(5), tmp_path / name)


@pytest.mark.parametrize("suffix", MOTION_READERS)
def test_load_reads_what_save_wrote(suffix: str, tmp_path: Path) -> None:
    motion = walk(5)
    save(motion, tmp_path / f"a{suffix}")
    check_same(load(tmp_path / f"a{suffix}")[0], motion)


def test_save_refuses_several_people_where_one_fits(tmp_path: Path) -> None:
    people = [walk(3), replace(walk(3), person=1)]
    with pytest.raises(ValueError, match=r"\.npz holds the motion of one person, got 2; save each"):
        save(people, tmp_path / "a.npz")
    with pytest.raises(ValueError, match="at least one motion"):
        save([], tmp_path / "a.json")
    unchecked = inspect.unwrap(save)
    with pytest.raises(ValueError, match="takes a Motion3D or several, got str"):
        unchecked(["motion"], tmp_path / "a.json")  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


def test_load_names_formats_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected one of \.npz, .*, got 'no suffix'"):
        load(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match=r"no such file: .*a\.json"):
        load(tmp_path / "a.json")


@pytest.mark.parametrize("suffix", NEEDED)
def test_save_names_the_extra_of_a_missing_package(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tcpformer.io.find_spec", lambda name: None)
    extra = NEEDED[suffix][1]
    with pytest.raises(ImportError, match=rf"Writing \{suffix} needs .*tcpformer\[{extra}\]"):
        save(walk(3), tmp_path / f"a{suffix}")


# files of strangers


def small(content: str | bytes, name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path if path.parent == folder else path.parent

    return write


def frame(**changes: object) -> dict[str, object]:
    """Return a frame of MMPose with one person."""
    return {"keypoints": [[10 * i, 20] for i in range(17)], "keypoint_scores": [1] * 17} | changes


def predictions(*people: object, **changes: object) -> Callable[[Path], Path]:
    content = {"instance_info": [{"frame_id": 1, "instances": people} | changes]}
    return small(json.dumps(content), "a.json")


STRANGE = {
    "frame number infinite": (predictions(frame(), frame_id=np.inf), r"\[0\]\.frame_id"),
    "frame number NaN": (predictions(frame(), frame_id=np.nan), r"instance_info\[0\]\.frame_id"),
    "frame number huge": (predictions(frame(), frame_id=10**30), r"\[0\]\.frame_id"),
    "frame number negative": (predictions(frame(), frame_id=-3), r"\.frame_id"),
    "frame number a text": (predictions(frame(), frame_id="x"), r"\.frame_id"),
    "frame number a list": (predictions(frame(), frame_id=[1]), r"\.frame_id"),
    "gap": (
        small(
            json.dumps([{"frame_id": i, "instances": [frame()]} for i in (0, 10**9)]), "a.json"
        ),
        r"after 0, the next of frame_id is 1000000000",
    ),
    "many gaps": (
        small(
            json.dumps([{"frame_id": 900 * i, "instances": [frame()]} for i in range(9)]), "a.json"
        ),
        r"from 0 to 7200, 7192 are missing",
    ),
    "huge number": (predictions(frame(keypoints=[[10**400, 1]] * 17)), "expected numbers"),
    "digits without end": (
        small('[{"instances": [{"keypoints": [[' + "1" * 9999 + ', 1]]}]}]', "a.json"),
        "not JSON",
    ),
    "text as position": (predictions(frame(keypoints=[["a", "b"]] * 17)), r"s\[0\]: expected"),
    "object as position": (predictions(frame(keypoints={"x": 1})), r"s\[0\]: expected"),
    "number as people": (predictions(frame(), instances=7), r"\.instances: expected a list"),
    "ragged": (predictions(frame(keypoints=[[1, 2], [3]])), r"s\[0\]: expected"),
    "scores of others": (predictions(frame(keypoint_scores=[1] * 5)), r"s\[0\]: expected"),
    "nested scores": (predictions(frame(keypoint_scores=[[1, 2]] * 17)), r"s\[0\]: expected"),
    "object as person": (predictions(frame(track_id={"a": [1]})), "as identity"),
    "long text as person": (predictions(frame(track_id="x" * 9999)), "as identity"),
    "deep nesting": (small('{"instance_info":' + "[" * 99_999, "a.json"), "not JSON"),
    "deep person": (predictions(frame(track_id=json.loads("[" * 400 + "]" * 400))), "as identity"),
    "names are objects": (
        small(
            json.dumps(
                {"meta_info": {"keypoint_id2name": {"0": {}}}, "instance_info": [{"instances": []}]}
            ),
            "a.json",
        ),
        r"meta_info\.keypoint_id2name: expected a text",
    ),
    "names are a list": (
        small('{"meta_info": {"keypoint_id2name": [1]}, "instance_info": []}', "a.json"),
        r"meta_info\.keypoint_id2name",
    ),
    "description is a text": (
        small('{"meta_info": "x", "instance_info": []}', "a.json"),
        r"meta_info\.keypoint_id2name",
    ),
    "joints of others": (
        predictions(frame(), frame(keypoints=[[1, 2]] * 18, keypoint_scores=[1] * 18)),
        "as many joints of every person, got 17 in frame 0 and 18 in frame 0",
    ),
    "openpose, no list": (small('{"people": 3}', "f/v_1.json"), "people: expected a list"),
    "openpose, no numbers": (
        small('{"people": [{"pose_keypoints_2d": [{}, 1, 2]}]}', "f/v_1.json"),
        r"v_1\.json: people\[0\]\.pose_keypoints_2d: expected",
    ),
    "openpose, not whole": (
        small('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "f/v_1.json"),
        r"v_1\.json: people\[0\]\.pose_keypoints_2d: expected 3 numbers",
    ),
    "table, few lines": (small("PathFileType\n", "a.trc"), "not as OpenPose"),
    "table, no rows": (small("\n\n\n\t\tHip\n\n", "a.trc"), "expected rows of 5 cells"),
    "table, text": (
        small("\n\n\n\t\tHip\n\n1\t0.1\tx\n", "a.trc"),
        r"line 6, column 3 \(X1 of Hip\): expected a number, got 'x'",
    ),
    "table, short rows of many markers": (
        small("\n\n\n\t\t" + "a\t\t\t" * 9999 + "\n\n" + "1\n" * 9999, "a.trc"),
        "expected rows of 29999 cells",
    ),
    "table, bytes": (small(b"\xff\xfe\x00", "a.trc"), "not as OpenPose"),
}  # fmt: skip


@pytest.mark.parametrize("case", STRANGE)
def test_read_detections_refuses_in_one_sentence(case: str, tmp_path: Path) -> None:
    write, message = STRANGE[case]
    path = write(tmp_path)
    started = process_time()
    with pytest.raises(ValueError, match=message) as error:
        read_detections(path, fps=FPS, size=SIZE)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1200
    assert process_time() - started < 2


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            np.append(0, 1.7e9 + np.arange(39) / 30),
            r"frame 0 is at 0 s and frame 1 at 1700000000 s",
        ),
        (np.arange(40) * 1e7, "frame 0 is at 0 s and frame 1 at 10000000 s"),
        (np.arange(40) * 1e-9, "increase from frame to frame, by at least 1e-06"),
        (np.arange(40) * 1e300, "frame"),
        (np.full(40, np.nan), "times must be finite"),
        (np.array("now"), "real numbers"),
    ],
)
def test_read_detections_refuses_times_in_one_sentence(
    times: np.ndarray, message: str, tmp_path: Path
) -> None:
    path = keypoint_file(times=times)(tmp_path)
    with pytest.raises(ValueError, match=message) as error:
        read_detections(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    "changes",
    [
        {"fps": np.array(1e-7)},
        {"fps": np.array(0.01)},
        {"fps": np.array(1e6)},
        {"size": np.array([10**9, 10**9])},
        {"focal": np.array([1000.0, 1000.0])},
        {"focal": np.array(1e300)},
        {"focal_source": np.array("x" * 20_000)},
        {"focal_source": np.array(["a", "b"])},
        {"focal_source": np.array(7)},
        {"joints": np.arange(17)},
        {"joints": np.array(["x" * 5000] * 17)},
        {"xy": np.full((40, 17, 2), 1e200)},
        {"provenance": np.array("[" * 5000)},
        {"provenance": np.array('{"focal": {}}')},
    ],
    ids=lambda change: " ".join(change),
)
def test_read_detections_refuses_fields_in_one_sentence(
    changes: dict[str, object], tmp_path: Path
) -> None:
    path = keypoint_file(**changes)(tmp_path)
    with pytest.raises(ValueError, match=r"a\.npz: ") as error:
        read_detections(path)
    assert len(str(error.value)) < 500


@pytest.mark.skipif(not TRUST.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("04-npz-shapes/focal_array.npz", "focal must be one number"),
        ("04-npz-shapes/nan_xy_motion.npz", "xy must be finite"),
        ("05-times-jump/k.npz", "frame 0 is at 0 s and frame 1 at 1700000000"),
        ("05-times-jump/low_fps.npz", "frame 0 is at 0 s and frame 1 at 10000000 s"),
        ("06-frame-number-gap/mmpose.json", "the next of frame_id is 1000000000"),
        ("06-frame-number-gap/openpose", "the next of numbers in the names is 20240101123000"),
        ("07-json/deep.json", "not JSON"),
        ("07-json/huge_int.json", r"instance_info\[0\]\.instances\[0\]"),
        ("07-json/inf_frame_id.json", r"instance_info\[0\]\.frame_id"),
        ("07-json/names_are_objects.json", r"keypoint_id2name"),
        ("07-json/openpose_mixed", "people of 18 joints, but those in v_0_keypoints.json have 25"),
    ],
)
def test_read_detections_refuses_the_cases(case: str, message: str) -> None:
    given = {} if case.endswith(".npz") else {"fps": FPS, "size": SIZE}
    with pytest.raises(ValueError, match=message) as error:
        read_detections(TRUST / case, **given)
    assert str(error.value).startswith(str(TRUST / case))


@pytest.mark.skipif(not TRUST.is_dir(), reason="needs ../shared")
def test_load_motion_refuses_a_motion_with_nan() -> None:
    with pytest.raises(ValueError, match=r"nan_xy_motion\.npz: xy must be finite"):
        load_motion(TRUST / "04-npz-shapes/nan_xy_motion.npz")


@pytest.mark.skipif(not TRUST.is_dir(), reason="needs ../shared")
def test_read_detections_keeps_the_text_with_escape_sequences() -> None:
    """It is escaped where it is printed."""
    (motion,) = read_motions(TRUST / "20-terminal-escapes/k.npz")
    assert motion.focal_source.startswith("\x1b]0;owned")


def test_save_hands_on_the_options_of_the_rig(tmp_path: Path) -> None:
    save(walk(3), tmp_path / "a.bvh", RigOptions(names="vrm"))
    assert "ROOT hips" in (tmp_path / "a.bvh").read_text()
