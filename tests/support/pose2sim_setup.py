"""OpenSim, a Python that has it, and the models of Pose2Sim. Neither is a dependency.

`TCPFORMER_FOREIGN_PYTHON` names a Python that has opensim, `TCPFORMER_POSE2SIM_WHEEL` a wheel of
pose2sim, whose models and setups are unpacked.
"""

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from paths import TESTS


def solve_in_opensim(trc: Path, folder: Path) -> dict[str, Any]:
    """Scale the model to the markers and solve inverse kinematics, in a process of its own.

    Returns the labels, times and places that OpenSim reads, and "rms": each frame's error, metres.
    """
    python = os.environ.get("TCPFORMER_FOREIGN_PYTHON", "")
    wheel = os.environ.get("TCPFORMER_POSE2SIM_WHEEL", "")
    if not python or subprocess.run([python, "-c", "import opensim"]).returncode:
        pytest.skip("TCPFORMER_FOREIGN_PYTHON names no Python with opensim")
    if not wheel:
        pytest.skip("TCPFORMER_POSE2SIM_WHEEL names no wheel of pose2sim")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "/OpenSim_Setup/" in name]
        archive.extractall(folder, names)
    setup = folder / "Pose2Sim" / "OpenSim_Setup"
    command = [python, TESTS / "support" / "opensim_ik.py", trc, setup, folder]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
