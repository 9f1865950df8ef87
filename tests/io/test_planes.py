"""Pictures as a decoder stores them, against FFmpeg's conversion."""

import av
import cv2
import numpy as np
import pytest

from tcpformer.io.planes import Planes, matrix_to_rgb, warp


def smooth(seed: int = 0, size: tuple[int, int] = (96, 64)) -> np.ndarray:
    """Return a smooth picture in colors."""
    coarse = np.random.default_rng(seed).integers(40, 215, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def stored(image: np.ndarray, pixels: str = "yuv420p") -> tuple[Planes, np.ndarray]:
    """Return a picture as it is stored, and as FFmpeg converts that to RGB."""
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
    y, u, v = (
        np.frombuffer(memoryview(p), np.uint8).reshape(-1, p.line_size)[:, : p.width]
        for p in frame.planes
    )
    matrix = matrix_to_rgb(frame.colorspace, full_range=pixels == "yuvj420p")
    rgb = frame.to_ndarray(format="rgb24")
    return Planes(y, u, v, matrix, lambda: rgb), rgb


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p"])
def test_cut_equals_the_cut_of_the_converted_picture(pixels: str) -> None:
    planes, rgb = stored(smooth(), pixels)
    matrix = np.array([[0.8, -0.3, 30.0], [0.3, 0.8, 10.0]])
    difference = planes.cut(matrix, 40).astype(float) - warp(rgb, matrix, 40)
    assert np.abs(difference).mean() < 2
    assert np.percentile(np.abs(difference), 99) < 8


def test_cut_repeats_the_border() -> None:
    planes, rgb = stored(smooth())
    outside = planes.cut(np.array([[1.0, 0.0, -200.0], [0.0, 1.0, -200.0]]), 8)
    assert np.abs(outside.astype(float) - rgb[0, 0]).max() < 8


def test_matrix_to_rgb_of_gray_is_gray() -> None:
    for space in (1, 5, 9):
        limited, full = (matrix_to_rgb(space, full_range=each) for each in (False, True))
        np.testing.assert_allclose(limited @ [16, 128, 128, 1], 0, atol=1e-9)
        np.testing.assert_allclose(limited @ [235, 128, 128, 1], 255)
        np.testing.assert_allclose(full @ [200, 128, 128, 1], 200)


def test_planes_convert_once() -> None:
    calls = []
    planes, rgb = stored(smooth())
    lazy = Planes(planes.y, planes.u, planes.v, planes.matrix, lambda: calls.append(1) or rgb)
    assert lazy.rgb is lazy.rgb
    assert calls == [1]
    assert lazy.shape == rgb.shape
