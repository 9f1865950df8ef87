"""`lift_file`: what it writes, returns, reports and refuses, without the command line."""

import logging
from pathlib import Path

import numpy as np
import pytest
from commands import written
from motions import walk

from tcpformer import load_motion
from tcpformer.manifest import read_manifest
from tcpformer.pipeline import InputOptions, LiftOptions, lift_file, read_source
from tcpformer.result_folder import hash_file, replace_together


def test_lift_file_returns_what_it_writes(tmp_path: Path, walking: Path, tiny: Path) -> None:
    (motion,) = lift_file(walking, tmp_path / "out", LiftOptions(weights=str(tiny)))
    saved = load_motion(tmp_path / "out/person_0/motion.npz")
    np.testing.assert_array_equal(saved.xyz, motion.xyz)
    assert saved.provenance == motion.provenance
    assert motion.person == 0
    assert written(tmp_path / "out") == ["person_0/motion.bvh", "person_0/motion.npz"]


def test_lift_file_never_prints(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/overlay.mp4").write_bytes(b"of an earlier run")
    options = LiftOptions(weights=str(tiny), overwrite=True)
    lift_file(str(walking), str(tmp_path / "out"), options)
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_lift_file_logs_what_it_deletes(
    tmp_path: Path, walking: Path, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "overlay.mp4").write_bytes(b"of an earlier run")
    with caplog.at_level(logging.INFO, logger="tcpformer"):
        lift_file(walking, tmp_path, LiftOptions(weights=str(tiny), overwrite=True))
    assert "overlay.mp4 was of an earlier run and was deleted" in caplog.text
    assert not (tmp_path / "overlay.mp4").exists()


def test_lift_file_keeps_the_raw_motion_of_the_same_pass(
    tmp_path: Path, walking: Path, tiny: Path
) -> None:
    options = LiftOptions(weights=str(tiny), save_raw=True, height=1.9)
    (motion,) = lift_file(walking, tmp_path, options)
    raw = load_motion(tmp_path / "person_0/motion_raw.npz")
    assert "postprocess" not in raw.provenance
    assert raw.provenance["scale"] == motion.provenance["scale"]
    apart = np.linalg.norm(raw.camera_xyz - motion.camera_xyz, axis=-1)
    assert 0 < np.median(apart) < 0.5


def test_lift_file_reports_the_stage(tmp_path: Path, walking: Path, tiny: Path) -> None:
    from tcpformer.io.video import Frame, write_video

    size = walk(1).size
    pictures = (Frame(i, i / 30, np.zeros((size[1], size[0], 3), np.uint8)) for i in range(5))
    write_video(tmp_path / "a.mp4", pictures, 30.0)
    stages: list[tuple[str, int, int]] = []
    options = LiftOptions(weights=str(tiny), video=tmp_path / "a.mp4")
    lift_file(walking, tmp_path / "out", options, lambda *step: stages.append(step))
    assert {stage for stage, _, _ in stages} == {"drawing"}
    assert (tmp_path / "out/overlay.mp4").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"person_model": Path("a.onnx")}, "give both"),
        ({"height": 1.7, "camera_height": 1.5}, "height and camera_height"),
        ({"bone_length": "RKnee"}, "JOINT-JOINT=METRES"),
        ({"camera_height": 1.5, "postprocess": False}, "camera_height"),
    ],
)
def test_lift_options_refuse_contradictions(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LiftOptions(**options)  # type: ignore[arg-type]


def test_read_source_gives_the_people_of_a_keypoint_file(walking: Path) -> None:
    (person,) = read_source(walking)
    np.testing.assert_allclose(person.xy, walk(40).xy)


def test_lift_file_keeps_what_no_manifest_lists(tmp_path: Path, walking: Path, tiny: Path) -> None:
    (tmp_path / "overlay.mp4").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"overlay\.mp4 is in no manifest .*--overwrite"):
        lift_file(walking, tmp_path, LiftOptions(weights=str(tiny)))
    assert written(tmp_path) == ["keypoints.npz", "overlay.mp4"]


def test_lift_file_writes_a_manifest(tmp_path: Path, walking: Path, tiny: Path) -> None:
    keys = []
    for height in (1.7, 1.7, 1.9):
        lift_file(walking, tmp_path / "out", LiftOptions(weights=str(tiny), height=height))
        manifest = read_manifest(tmp_path / "out")
        assert manifest is not None
        keys.append(manifest.key)
    assert keys[0] == keys[1] != keys[2]
    assert manifest.state == "complete"
    assert manifest.inputs == {"source": hash_file(walking)}
    assert manifest.weights.startswith(f"{tiny.name} sha256:")
    assert sorted(manifest.files) == written(tmp_path / "out")
    for name, each in manifest.files.items():
        assert each["sha256"] == hash_file(tmp_path / "out" / name)
        assert each["key"] == manifest.key


@pytest.mark.parametrize("folder", ["out", "out/../out", "link"])
def test_lift_file_refuses_its_own_results_as_source(
    tmp_path: Path, walking: Path, tiny: Path, folder: str
) -> None:
    out = tmp_path / "out"
    lift_file(walking, out, LiftOptions(weights=str(tiny)))
    (tmp_path / "link").symlink_to(out)
    before = {name: (out / name).read_bytes() for name in written(out)}
    with pytest.raises(ValueError, match="would replace"):
        lift_file(tmp_path / folder / "person_0/motion.npz", out, LiftOptions(weights=str(tiny)))
    assert {name: (out / name).read_bytes() for name in written(out)} == before


def test_lift_file_lets_one_run_at_a_time_into_a_folder(
    tmp_path: Path, walking: Path, tiny: Path
) -> None:
    with replace_together(tmp_path / "out"), pytest.raises(OSError, match="another run is writing"):
        lift_file(walking, tmp_path / "out", LiftOptions(weights=str(tiny)))
    assert not (tmp_path / "out").exists()


def test_read_source_names_the_file_of_a_wrong_motion(tmp_path: Path) -> None:
    motion = walk(3)
    xy = motion.xy / motion.size  # fractions
    arrays = {"keypoints": xy[:, None, :], "scores": np.ones((3, 1, 17))}
    np.savez(tmp_path / "fractions.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"fractions\.npz: .*fractions of the picture"):
        read_source(tmp_path / "fractions.npz", InputOptions(fps=30.0, size=motion.size))
