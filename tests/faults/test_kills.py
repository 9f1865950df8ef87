"""A few kills of the campaign; `make faults` has them all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).with_name("kills.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("kind", ["driver", "process", "server", "worker"])
def test_kills_lose_nothing(kind: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, KILLS, "--kills", "5", "--only", kind],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert "killed: 5" in done.stdout
