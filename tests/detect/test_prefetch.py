"""Work ahead of the frames: in their order, with few of them in memory."""

import weakref
from collections.abc import Iterator, Sequence

import numpy as np

from tcpformer.detect.prefetch import WORKERS, prefetch
from tcpformer.io.video import Frame


def living(frames: Sequence[weakref.ref[Frame]]) -> int:
    return sum(frame() is not None for frame in frames)


def test_prefetch_keeps_the_order_and_few_frames() -> None:
    kept: list[weakref.ref[Frame]] = []
    most = 0

    def frames() -> Iterator[Frame]:
        for i in range(60):
            frame = Frame(i, i / 30, np.full((2, 2, 3), i, np.uint8))
            kept.append(weakref.ref(frame))
            yield frame
            del frame

    seen = []
    for frame, found in prefetch(frames(), lambda frame: int(frame.image[0, 0, 0])):
        assert frame.index == found
        seen.append(found)
        most = max(most, living(kept))
    assert seen == list(range(60))
    assert most <= WORKERS + 3
