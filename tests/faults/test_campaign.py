"""A few faults of the campaign; `make faults` has them all."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).with_name("campaign.py")


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("cc") or sys.platform != "linux", reason="needs a C compiler and Linux"
)
def test_campaign_finds_no_lost_result(tmp_path: Path) -> None:
    """Every 25th call that changes a file fails, and a dozen kills come at random moments."""
    done = subprocess.run(
        [sys.executable, CAMPAIGN, "--kills", "12", "--step", "25", "--only", "lift"],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert f"{signal.SIGKILL.name}: 12" in done.stdout
