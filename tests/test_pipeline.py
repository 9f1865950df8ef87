"""`lift_file`: what it writes, returns, reports and refuses, without the command line."""

import logging
from pathlib import Path

import numpy as np
import pytest
from commands import written
from motions import walk

from tcpformer import load_motion
from tcpformer.pipeline import LiftOptions, lift_file, read_source


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
    lift_file(str(walking), str(tmp_path / "out"), LiftOptions(weights=str(tiny)))
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_lift_file_logs_what_it_deletes(
    tmp_path: Path, walking: Path, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "overlay.mp4").write_bytes(b"of an earlier run")
    with caplog.at_level(logging.INFO, logger="tcpformer"):
        lift_file(walking, tmp_path, LiftOptions(weights=str(tiny)))
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
