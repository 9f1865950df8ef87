"""RTMO: a small network with its inputs and outputs."""

from pathlib import Path

import numpy as np
import pytest
from networks import STANDING, constant, rtmo_outputs

from tcpformer.detect.local import open_pose_model
from tcpformer.detect.rtmo import RTMO


def test_rtmo_returns_each_person_once_in_pixels_of_the_image(tmp_path: Path) -> None:
    network = open_pose_model(constant(tmp_path / "rtmo.onnx", **rtmo_outputs()))
    assert isinstance(network, RTMO)
    people = network(np.zeros((128, 128, 3), np.uint8))
    assert len(people) == 2
    np.testing.assert_allclose(people[0][:, :2], 2 * STANDING, atol=1e-4)
    np.testing.assert_allclose(people[1][:, :2], 2 * (STANDING - [16, 0]), atol=1e-4)
    np.testing.assert_allclose(people[0][:, 2], 0.9, atol=1e-6)


def test_rtmo_refuses_other_answers(tmp_path: Path) -> None:
    outputs = rtmo_outputs()
    outputs["keypoints"] = outputs["keypoints"][:, :1]
    network = open_pose_model(constant(tmp_path / "rtmo.onnx", **outputs))
    assert isinstance(network, RTMO)
    with pytest.raises(ValueError, match=r"rtmo\.onnx: expected answers of shapes 1 n 5 and 1 n k"):
        network(np.zeros((128, 128, 3), np.uint8))


def test_rtmo_drops_boxes_that_are_not_finite(tmp_path: Path) -> None:
    outputs = rtmo_outputs()
    outputs["dets"][..., 0] = np.nan
    network = open_pose_model(constant(tmp_path / "rtmo.onnx", **outputs))
    assert isinstance(network, RTMO)
    assert network(np.zeros((128, 128, 3), np.uint8)) == []


def test_rtmo_gives_joints_that_are_not_finite_no_score(tmp_path: Path) -> None:
    outputs = rtmo_outputs()
    outputs["keypoints"][0, :, 0, 0] = np.nan
    people = open_pose_model(constant(tmp_path / "rtmo.onnx", **outputs))
    assert isinstance(people, RTMO)
    for joints in people(np.zeros((128, 128, 3), np.uint8)):
        np.testing.assert_array_equal(joints[0], 0.0)
        assert joints[1:, 2].min() > 0
