"""Freed memory returns to the system on request."""

import ctypes
import platform
import subprocess
import sys

import pytest

from tcpformer.runtime import memory

CODE = """
import os, sys
import numpy as np
from tcpformer.runtime.memory import trim_heap

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

whole = np.ones(2**21)  # once 16 MB were freed, glibc keeps what is smaller
del whole
parts = [np.ones(2**17) for _ in range(300)]
kept = parts[::10]  # holes between what is still in use
del parts
before = held()
trim_heap()
print(before - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has malloc_trim")
def test_trim_heap_returns_memory_between_arrays_in_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(done.stdout) > 200  # of 270 MB


@pytest.mark.parametrize("platform_name", ["darwin", "win32"])
def test_other_platforms_are_left_alone(
    platform_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform_name)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("the C library was opened"))
    memory.trim_heap()
    memory.keep_freed_memory()


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())  # musl has neither function
    memory.trim_heap()
    memory.keep_freed_memory()
