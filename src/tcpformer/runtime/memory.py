"""What this process does with memory that it frees, where the C library (glibc) lets it choose."""

import ctypes
import sys
from collections.abc import Callable

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Of glibc's malloc.h."""


def keep_memory() -> None:
    """Keep it, for work that asks for the same again and again.

    Given back in between it comes as fresh pages, tens of thousands of them in a step of training,
    which took a fifth of the time (docs/performance.md).
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 2**26)


def hand_back_memory() -> None:
    """Hand it back to the system now.

    Arrays of some megabytes, which lifting a long motion makes by the hundred, leave holes.
    """
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
