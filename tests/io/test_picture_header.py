"""The size in the header of a picture."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from tcpformer.io.picture_header import declared_size

KINDS = [".jpg", ".png", ".bmp", ".tif", ".webp"]


def encoded(suffix: str, size: tuple[int, int], *options: int) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    ok, content = cv2.imencode(suffix, image, list(options))
    assert ok
    return content.tobytes()


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (64, 48), (301, 700)])
def test_declared_size_is_that_of_the_picture(suffix: str, size: tuple[int, int]) -> None:
    assert declared_size(encoded(suffix, size)) == size


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 50)),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101)),
    ],
)
def test_declared_size_of_other_codings(suffix: str, options: tuple[int, ...]) -> None:
    assert declared_size(encoded(suffix, (64, 48), *options)) == (64, 48)


def test_declared_size_of_a_big_endian_tiff() -> None:
    entries = struct.pack(">HHIHH", 256, 3, 1, 64, 0) + struct.pack(">HHII", 257, 4, 1, 48)
    content = b"MM\0*" + struct.pack(">IH", 8, 2) + entries
    assert declared_size(content) == (64, 48)


def test_declared_size_of_an_extended_webp() -> None:
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\x3f\0\0" + b"\x2f\0\0"
    assert declared_size(b"RIFF" + struct.pack("<I", 22) + b"WEBP" + chunk) == (64, 48)


def test_declared_size_of_a_bomb() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    assert declared_size(content + struct.pack(">I", zlib.crc32(chunk))) == (60_000, 50_000)


@pytest.mark.parametrize("suffix", KINDS)
def test_declared_size_of_a_cut_header_is_none(suffix: str) -> None:
    content = encoded(suffix, (64, 48))
    assert declared_size(content[:14]) is None
    assert declared_size(b"text") is None
    assert declared_size(b"") is None
