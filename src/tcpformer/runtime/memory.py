"""What the C library does with freed memory, where it is glibc; elsewhere nothing happens.

Both functions act on the whole process, so only the command line and `pipeline` call them.
"""

import ctypes
import sys
from collections.abc import Callable

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of mallopt, from glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Make malloc keep freed memory for the next allocations of this process.

    Otherwise a training step gets tens of thousands of fresh pages, which took a fifth of its time
    (docs/performance.md).
    """
    mallopt = _glibc_function("mallopt")
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 2**26)


def trim_heap() -> None:
    """Return freed memory to the system, which takes some milliseconds.

    Lifting a long motion makes hundreds of arrays of some megabytes, which leave holes.
    """
    malloc_trim = _glibc_function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _glibc_function(name: str) -> Callable[..., int] | None:
    """Return a function of the C library; None where it does not have it (musl, macOS, Windows)."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
