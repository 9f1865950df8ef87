"""Memory of lifting: it grows with the frames of a motion, by a bounded number of bytes each."""

import subprocess
import sys

import lifting_memory
import pytest

from tcpformer.skeleton import BODY_26, H36M, Skeleton

RESULT, MOST = 48, 120
"""Bytes for each joint and frame: of the result, and of all. The keypoints are 24 of them."""


@pytest.mark.slow
@pytest.mark.parametrize("swapped", [0.0, 0.05])
@pytest.mark.parametrize(("weights", "body"), [("fast", H36M), ("default", BODY_26)])
def test_memory_of_lifting_grows_with_the_frames(
    weights: str, body: Skeleton, swapped: float
) -> None:
    command = [sys.executable, lifting_memory.__file__, weights, str(swapped)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    keypoints = 24 * len(H36M.joints)
    assert RESULT < (float(found.stdout) + keypoints) / len(body.joints) < MOST
