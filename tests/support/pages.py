"""What tests of the viewer share: reading a payload, and small videos."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tcpformer.io.video import Frame, Video, open_video, write_video

TIMES = np.array([0.0, 0.04, 0.1, 0.16])
BITS = 8


def unpack(payload: bytes) -> dict[str, Any]:
    """Read a payload as the page does."""
    content = gzip.decompress(payload)
    length = int.from_bytes(content[:4], "little")
    return _revive(json.loads(content[4 : 4 + length]), content[4 + length :])


def _revive(value: Any, data: bytes) -> Any:
    if isinstance(value, list):
        return [_revive(each, data) for each in value]
    if not isinstance(value, dict):
        return value
    if "shape" not in value:
        return {key: _revive(each, data) for key, each in value.items()}
    kind, shape = np.dtype("<" + value["type"]), value["shape"]
    array = np.frombuffer(data, kind, int(np.prod(shape)), value["offset"]).reshape(shape)
    if value["type"] == "u1":
        return array
    start = np.array(value["start"]).reshape(shape[1:])
    return value["step"] * (start + np.cumsum(array.astype(np.int64), axis=0))


def small_video(path: Path, size: tuple[int, int] = (64, 48)) -> Video:
    """Write four frames of grey, each brighter than the one before, at `TIMES`."""

    def frames() -> Iterator[Frame]:
        for i, time in enumerate(TIMES):
            yield Frame(i, float(time), np.full((size[1], size[0], 3), 50 * i, np.uint8))

    write_video(path, frames(), 20.0)
    return open_video(path)


def numbered_video(path: Path, times: np.ndarray, size: tuple[int, int]) -> Video:
    """Write frames that show their number: `BITS` bright or dark columns, the lowest bit first."""

    def frames() -> Iterator[Frame]:
        for i, time in enumerate(times.tolist()):
            bits = [40 + 170 * (i >> bit & 1) for bit in range(BITS)]
            row = np.repeat(np.array(bits, np.uint8), size[0] // BITS)
            yield Frame(i, time, np.broadcast_to(row[:, None], (size[1], size[0], 3)).copy())

    write_video(path, frames(), 1 / float(np.diff(times).mean()))
    return open_video(path)
