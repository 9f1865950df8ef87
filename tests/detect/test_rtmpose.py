"""RTMPose: a small network with its inputs and outputs; the top-down scheme."""

from pathlib import Path

import numpy as np
import pytest
from networks import HIGH, WIDE, constant, rtmpose

from tcpformer.detect.local import open_pose_model
from tcpformer.detect.rtmpose import RTMPose, TopDown


@pytest.mark.parametrize("spot", [(60, 50), (75, 90), (91, 31)])
def test_rtmpose_finds_the_bright_spot_in_any_box(spot: tuple[int, int], tmp_path: Path) -> None:
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


def test_rtmpose_normalizes_rgb(tmp_path: Path) -> None:
    """The mean colour of ImageNet is zero to it, red where red is."""
    network = open_pose_model(rtmpose(tmp_path / "pose.onnx"))
    assert isinstance(network, RTMPose)
    grey = np.full((64, 48, 3), (124, 116, 104), np.uint8)
    assert network(grey, np.array([4.8, 6.4, 43.2, 57.6]))[:, 2].max() < 0.01


@pytest.mark.parametrize("y", [(1, 16, 96), (1, 17, 0), (2, 17, 96)])
def test_rtmpose_refuses_other_answers(y: tuple[int, ...], tmp_path: Path) -> None:
    outputs = {"x": np.zeros((1, 17, 96), np.float32), "y": np.zeros(y, np.float32)}
    network = open_pose_model(constant(tmp_path / "pose.onnx", **outputs))
    assert isinstance(network, RTMPose)
    with pytest.raises(ValueError, match=r"pose\.onnx: expected answers of shapes 1 k x and 1 k y"):
        network(np.zeros((64, 48, 3), np.uint8), np.array([4.8, 6.4, 43.2, 57.6]))


def test_top_down_follows_joints_between_searches() -> None:
    searched: list[int] = []
    given: list[np.ndarray] = []

    def find(image: np.ndarray) -> np.ndarray:
        searched.append(int(image[0, 0, 0]))
        return np.array([(10.0, 10, 50, 90, 0.9), (11.0, 10, 51, 90, 0.8)])

    class Still(RTMPose):
        def __init__(self) -> None: ...

        def __call__(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
            given.append(box)
            lost = image[0, 0, 0] == 4
            x, y = np.linspace(box[0], box[2], 17), np.linspace(box[1], box[3], 17)
            return np.column_stack([x, y, np.full(17, 0.1 if lost else 0.8)])

    read = TopDown(find, Still(), 3)
    counts = [len(read(np.full((100, 100, 3), i, np.uint8), i)) for i in range(7)]
    assert searched == [0, 3, 6]
    assert counts == [1, 1, 1, 1, 0, 0, 1]  # one of two boxes; lost in frame 4 until the search
    np.testing.assert_allclose(given[1], given[0] + 0.08 * 80 * np.array([-1, -1, 1, 1]))
