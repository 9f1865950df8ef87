"""Work on several frames at once: what needs no other frame is done before it is asked for."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ..io.video import Frame

T = TypeVar("T")
AT_ONCE = max(1, min(4, os.cpu_count() or 1))
"""Frames, or people, that networks look at in the same moment. Two looks beside each other take
less time than one after the other with two threads each; beyond a few the gain is small."""


def prefetch(frames: Iterable[Frame], work: Callable[[Frame], T]) -> Iterator[tuple[Frame, T]]:
    """Each frame with what is made of it, in their order; a few frames are kept, never more.

    Args:
        frames: Taken one by one, in the thread of the caller.
        work: Done in other threads; must not depend on another frame.
    """
    pending: deque[tuple[Frame, Future[T]]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        try:
            for frame in frames:
                pending.append((frame, threads.submit(work, frame)))
                if len(pending) > AT_ONCE:
                    yield _first(pending)
            while pending:
                yield _first(pending)
        finally:
            for _, future in pending:
                future.cancel()


def _first(pending: "deque[tuple[Frame, Future[T]]]") -> tuple[Frame, T]:
    frame, future = pending.popleft()
    return frame, future.result()
