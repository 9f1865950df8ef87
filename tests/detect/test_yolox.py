"""YOLOX: small networks with its inputs and outputs."""

from pathlib import Path

import numpy as np
import pytest
from networks import SIDE, constant, yolox_raw

from tcpformer.detect.onnx import open_local
from tcpformer.detect.yolox import YOLOX, decode_yolox


def test_decode_yolox_finds_boxes_from_their_cells() -> None:
    boxes = [(20.0, 30.0, 10.0, 16.0, 0.9, 0), (40.0, 10.0, 8.0, 8.0, 0.6, 0)]
    found = decode_yolox(yolox_raw(boxes)[0].astype(float), (SIDE, SIDE))
    np.testing.assert_allclose(found[0], (15, 22, 25, 38, 0.9), atol=1e-4)
    np.testing.assert_allclose(found[1], (36, 6, 44, 14, 0.6), atol=1e-4)
    assert (found[2:, 4] == 0).all()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"raw": np.zeros((1, 80, 8), np.float32)}, "1 84 8"),
        ({"raw": np.zeros((1, 84, 5), np.float32)}, "1 84 6"),
        ({"raw": np.zeros(84, np.float32)}, "1 84"),
        ({"raw": np.zeros((1, 84, 8), bool)}, "1 84 8"),
        ({"dets": np.zeros((1, 3, 5), np.float32), "labels": np.zeros((1, 2), np.int64)}, "1 n 5"),
    ],
)
def test_yolox_refuses_other_answers(
    answers: dict[str, np.ndarray], expected: str, tmp_path: Path
) -> None:
    network = YOLOX(open_local(constant(tmp_path / "yolox.onnx", **answers)))
    with pytest.raises(ValueError, match=rf"yolox\.onnx: expected answers of shapes {expected}"):
        network(np.zeros((64, 64, 3), np.uint8))


def test_yolox_drops_boxes_that_are_not_finite(tmp_path: Path) -> None:
    dets = np.array([[(np.nan, 2, 9, 9, 0.9), (1, 2, 9, np.inf, 0.8)]], np.float32)
    path = constant(tmp_path / "yolox.onnx", dets=dets, labels=np.zeros((1, 2), np.int64))
    assert len(YOLOX(open_local(path))(np.zeros((64, 64, 3), np.uint8))) == 0


def test_yolox_drops_doubles_other_classes_and_doubts(tmp_path: Path) -> None:
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
