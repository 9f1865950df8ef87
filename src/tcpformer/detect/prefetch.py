"""Work on several frames at once, where a frame's work does not need the frame before."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..io.video import Frame

T = TypeVar("T")
WORKERS = max(1, min(4, os.cpu_count() or 1))
"""Frames, or people, that networks process side by side. Two runs beside each other take less time
than one after the other with two threads each; beyond four the gain is small."""


def prefetch(frames: Iterable[Frame], work: Callable[[Frame], T]) -> Iterator[tuple[Frame, T]]:
    """Yield each frame with the result of its work, in order; only a few frames are in memory.

    The frames are taken in the thread of the caller, the work is done in other threads.
    """
    pending: deque[tuple[Frame, Future[T]]] = deque()
    with ThreadPoolExecutor(WORKERS) as threads:
        try:
            for frame in frames:
                pending.append((frame, threads.submit(work, frame)))
                if len(pending) > WORKERS:
                    yield _first(pending)
            while pending:
                yield _first(pending)
        finally:
            for _, future in pending:
                future.cancel()


def _first(pending: "deque[tuple[Frame, Future[T]]]") -> tuple[Frame, T]:
    frame, future = pending.popleft()
    return frame, future.result()
