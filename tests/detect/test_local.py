"""Networks from local files on whole videos."""

from pathlib import Path

import numpy as np
import pytest
from commands import refused, run, tiny_weights, written
from networks import STANDING, constant, rtmo_outputs, rtmpose, yolox_raw

from tcpformer import open_video
from tcpformer.detect.local import detect, open_pose_model
from tcpformer.io.video import Frame, write_video
from tcpformer.skeleton import COCO
from tcpformer.tracking.assemble import assemble_people


def film(path: Path, size: tuple[int, int] = (128, 128)) -> Path:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    write_video(path, (Frame(i, i / 10, image) for i in range(8)), 10.0)
    return path


def test_detect_with_rtmo_gives_two_people(tmp_path: Path) -> None:
    video = open_video(film(tmp_path / "a.mp4"))
    path = constant(tmp_path / "rtmo.onnx", **rtmo_outputs())
    first, second = assemble_people(detect(video, path))
    assert first.skeleton == second.skeleton == COCO
    assert (first.person, second.person) == (0, 1)
    assert first.valid.all()
    assert second.valid.all()
    np.testing.assert_allclose(first.xy[3], 2 * STANDING, atol=1e-4)
    (alone,) = assemble_people(detect(video, path), 1)
    assert (alone.person, alone.xy[0, 0, 0]) == (1, pytest.approx(2 * (32 - 16)))


def test_detect_with_yolox_and_rtmpose_refuses_a_gray_video(tmp_path: Path) -> None:
    """Without a bright spot, YOLOX reports a person but RTMPose is sure of no joint."""
    finder = constant(tmp_path / "f.onnx", out=yolox_raw([(32.0, 32.0, 30.0, 50.0, 0.9, 0)]))
    pose = rtmpose(tmp_path / "pose.onnx", joints=26)
    with pytest.raises(ValueError, match=r"no one was found in a\.mp4"):
        detect(open_video(film(tmp_path / "a.mp4")), pose, finder)


def test_open_pose_model_refuses_other_outputs(tmp_path: Path) -> None:
    strange = constant(tmp_path / "strange.onnx", out=np.zeros((1, 7), np.float32))
    with pytest.raises(ValueError, match=r"expected RTMPose.*or RTMO.*'out'"):
        open_pose_model(strange)


def test_lift_with_a_local_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = constant(tmp_path / "rtmo.onnx", **rtmo_outputs())
    weights, out = tiny_weights(tmp_path / "w"), tmp_path / "out"
    clip = film(tmp_path / "a.mp4")
    run("lift", clip, "--pose-model", path, "--out", out, "--weights", weights, "--device", "cpu")
    assert [name for name in written(out) if name.endswith("npz")] == [
        "person_0/motion.npz",
        "person_1/motion.npz",
    ]
    assert "overlay.mp4" in written(out)
    capsys.readouterr()
    message = refused(capsys, "lift", clip, "--person-model", path, "--weights", weights)
    assert "give both" in message


def test_open_pose_model_shows_little_of_many_outputs(tmp_path: Path) -> None:
    outputs = {f"output{i}": np.zeros((1, 2), np.float32) for i in range(200)}
    with pytest.raises(ValueError, match="expected RTMPose") as found:
        open_pose_model(constant(tmp_path / "a.onnx", **outputs))
    assert len(str(found.value)) < 500 + len(str(tmp_path))
