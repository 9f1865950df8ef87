"""Networks from local files: small ones with the inputs and outputs of RTMPose, RTMO and YOLOX."""

from pathlib import Path

import numpy as np
import pytest
from commands import refused, run, tiny_weights, written
from networks import HIGH, SIDE, WIDE, constant, rtmpose, yolox_raw

from tcpformer import open_video
from tcpformer.detect.boxes import suppress
from tcpformer.detect.local import detect, open_pose_model
from tcpformer.detect.onnx import open_local
from tcpformer.detect.rtmo import RTMO
from tcpformer.detect.rtmpose import RTMPose
from tcpformer.detect.yolox import YOLOX, decode_yolox
from tcpformer.io.video import Frame, write_video
from tcpformer.skeleton import COCO
from tcpformer.tracking.assemble import assemble_people

STANDING = np.array(
    [
        (32, 8), (33, 7), (31, 7), (34, 8), (30, 8), (37, 18), (27, 18), (40, 26), (24, 26),
        (41, 34), (23, 34), (35, 35), (29, 35), (35, 46), (29, 46), (35, 57), (29, 57),
    ],
    dtype=np.float32,
)  # fmt: skip
"""COCO joints, in a picture of 64 x 64."""


def pose_outputs() -> dict[str, np.ndarray]:
    """What RTMO answers: two people, of whom the second is there twice, and a doubtful one."""
    shifts = [(0.0, 0.9), (-16.0, 0.8), (-16.3, 0.7), (10.0, 0.1)]
    dets = [(23 + x, 5, 41 + x, 59, score) for x, score in shifts]
    joints = [np.column_stack([STANDING + np.array([x, 0]), np.full(17, s)]) for x, s in shifts]
    return {
        "dets": np.array([dets], np.float32),
        "keypoints": np.array([joints], np.float32),
    }


def film(path: Path, size: tuple[int, int] = (128, 128)) -> Path:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    write_video(path, (Frame(i, i / 10, image) for i in range(8)), 10.0)
    return path


# YOLOX


def test_yolox_boxes_are_decoded_from_their_cells() -> None:
    boxes = [(20.0, 30.0, 10.0, 16.0, 0.9, 0), (40.0, 10.0, 8.0, 8.0, 0.6, 0)]
    found = decode_yolox(yolox_raw(boxes)[0].astype(float), (SIDE, SIDE))
    np.testing.assert_allclose(found[0], (15, 22, 25, 38, 0.9), atol=1e-4)
    np.testing.assert_allclose(found[1], (36, 6, 44, 14, 0.6), atol=1e-4)
    assert (found[2:, 4] == 0).all()
    with pytest.raises(ValueError, match=r"expected 84 boxes.*got 80"):
        decode_yolox(np.zeros((80, 8)), (SIDE, SIDE))


def test_yolox_finds_people_only_once_and_only_people(tmp_path: Path) -> None:
    raw = yolox_raw(
        [
            (20.0, 30.0, 10.0, 16.0, 0.9, 0),
            (20.5, 30.0, 10.0, 16.0, 0.8, 0),  # the same again
            (50.0, 30.0, 10.0, 16.0, 0.95, 2),  # a car
            (40.0, 10.0, 8.0, 8.0, 0.1, 0),  # a doubt
        ]
    )
    network = YOLOX(open_local(constant(tmp_path / "yolox.onnx", output=raw)))
    boxes = network(np.zeros((128, 64, 3), np.uint8))  # twice as high: scaled by a half
    np.testing.assert_allclose(boxes, [(30, 44, 50, 76, 0.9)], atol=1e-3)


def test_yolox_with_its_own_suppression(tmp_path: Path) -> None:
    dets = np.array([[(15, 22, 25, 38, 0.9), (1, 2, 9, 9, 0.8)]], np.float32)
    path = constant(tmp_path / "yolox.onnx", dets=dets, labels=np.array([[0, 7]], np.int64))
    boxes = YOLOX(open_local(path))(np.zeros((64, 64, 3), np.uint8))
    np.testing.assert_allclose(boxes, dets[0, :1])


def test_of_overlapping_boxes_the_surest_stays() -> None:
    boxes = np.array([(0, 0, 10, 10, 0.5), (1, 0, 11, 10, 0.9), (20, 0, 30, 10, 0.7)], float)
    np.testing.assert_array_equal(suppress(boxes, 0.45), [1, 2])
    assert suppress(boxes[:0], 0.45) == []


# RTMPose


@pytest.mark.parametrize("spot", [(60, 50), (75, 90), (91, 31)])
def test_rtmpose_finds_the_bright_spot_wherever_the_box_is(
    spot: tuple[int, int], tmp_path: Path
) -> None:
    network = open_pose_model(rtmpose(tmp_path / "pose.onnx"))
    assert isinstance(network, RTMPose)
    image = np.zeros((160, 140, 3), np.uint8)
    x, y = spot
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    for box in ((40, 20, 110, 120), (50, 10, 100, 110), (30, 25, 130, 105)):
        joints = network(image, np.array(box, float))
        scale = max((box[2] - box[0]) * 1.25 / WIDE, (box[3] - box[1]) * 1.25 / HIGH)
        assert abs(joints[:, :2] - [x, y]).max() <= 2 + scale  # the first bright bin
        assert joints.shape == (17, 3)
        assert 0.5 < joints[0, 2] <= 1


def test_rtmpose_sees_rgb_normalised(tmp_path: Path) -> None:
    """The mean colour of ImageNet is zero to it, red where red is."""
    network = open_pose_model(rtmpose(tmp_path / "pose.onnx"))
    assert isinstance(network, RTMPose)
    grey = np.full((64, 48, 3), (124, 116, 104), np.uint8)
    assert network(grey, np.array([4.8, 6.4, 43.2, 57.6]))[:, 2].max() < 0.01


# RTMO, and whole films


def test_rtmo_gives_each_person_once_in_pixels_of_the_picture(tmp_path: Path) -> None:
    network = open_pose_model(constant(tmp_path / "rtmo.onnx", **pose_outputs()))
    assert isinstance(network, RTMO)
    people = network(np.zeros((128, 128, 3), np.uint8))
    assert len(people) == 2
    np.testing.assert_allclose(people[0][:, :2], 2 * STANDING, atol=1e-4)
    np.testing.assert_allclose(people[1][:, :2], 2 * (STANDING - [16, 0]), atol=1e-4)
    np.testing.assert_allclose(people[0][:, 2], 0.9, atol=1e-6)


def test_rtmo_becomes_motions_of_people(tmp_path: Path) -> None:
    video = open_video(film(tmp_path / "a.mp4"))
    path = constant(tmp_path / "rtmo.onnx", **pose_outputs())
    first, second = assemble_people(detect(video, path))
    assert first.skeleton == second.skeleton == COCO
    assert (first.person, second.person) == (0, 1)
    assert first.valid.all()
    assert second.valid.all()
    np.testing.assert_allclose(first.xy[3], 2 * STANDING, atol=1e-4)
    (alone,) = assemble_people(detect(video, path), 1)
    assert (alone.person, alone.xy[0, 0, 0]) == (1, pytest.approx(2 * (32 - 16)))


def test_rtmpose_with_yolox_over_a_film(tmp_path: Path) -> None:
    """A grey film holds no bright spot: YOLOX says somebody, RTMPose is sure of no joint."""
    finder = constant(tmp_path / "f.onnx", out=yolox_raw([(32.0, 32.0, 30.0, 50.0, 0.9, 0)]))
    pose = rtmpose(tmp_path / "pose.onnx", joints=26)
    with pytest.raises(ValueError, match=r"no one was found in a\.mp4"):
        detect(open_video(film(tmp_path / "a.mp4")), pose, finder)


def test_other_networks_and_other_files_are_refused(tmp_path: Path) -> None:
    strange = constant(tmp_path / "strange.onnx", out=np.zeros((1, 7), np.float32))
    with pytest.raises(ValueError, match=r"expected RTMPose.*or RTMO.*'out'"):
        open_pose_model(strange)
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="cannot open it"):
        open_pose_model(tmp_path / "text.onnx")
    with pytest.raises(FileNotFoundError):
        open_pose_model(tmp_path / "none.onnx")


def test_a_local_network_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = constant(tmp_path / "rtmo.onnx", **pose_outputs())
    weights, out = tiny_weights(tmp_path / "w"), tmp_path / "out"
    clip = film(tmp_path / "a.mp4")
    run("lift", clip, "--pose-model", path, "--out", out, "--weights", weights, "--device", "cpu")
    assert [name for name in written(out) if name.endswith("npz")] == [
        "person_0/motion.npz",
        "person_1/motion.npz",
    ]
    assert "overlay.mp4" in written(out)
    capsys.readouterr()
    said = refused(capsys, "lift", clip, "--person-model", path, "--weights", weights)
    assert "give both" in said
