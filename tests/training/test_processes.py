"""Training in separate processes: killed at any moment, and two together."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trainings import HARDWARE, OWN, STRIDED, TINY, close, logged, own_folder, same

from tcpformer.models.checkpoint import load_model
from tcpformer.training import train as training
from tcpformer.training.config import TrainConfig
from tcpformer.training.presets import config_to_dict
from tcpformer.training.train import train

LOG_EVERY = 4
SCRIPT = f"""
import json, sys
import torch
from tcpformer.training import train as training
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import config_from_dict
torch.set_num_threads(1)
training.LOG_EVERY = {LOG_EVERY}
config, data, out, hardware = sys.argv[1:]
hardware = HardwareConfig(**json.loads(hardware))
training.train(config_from_dict(json.loads(config)), data, out, hardware)
"""
KILLED: dict[str, TrainConfig] = {
    "plain": replace(
        OWN, network=TINY, checkpoint_selection="validation", steps=200, grad_clip_norm=1.0
    ),
    "dropout, two batches": replace(OWN, network=STRIDED, grad_accum_steps=2, steps=200),
}


@pytest.fixture(autouse=True)
def _log_as_in_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", LOG_EVERY)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "run.py"
    path.write_text(SCRIPT)
    return path


def command(script: Path, config: TrainConfig, data: Path, out: Path, **hardware: Any) -> list[str]:
    how = {"device": "cpu", "tracker": "none", **hardware}
    return [str(script), json.dumps(config_to_dict(config)), str(data), str(out), json.dumps(how)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KILLED)
def test_train_resumes_bit_for_bit_after_sigkill(
    kind: str, script: Path, data: Path, tmp_path: Path
) -> None:
    """At a random moment, with a checkpoint after every step."""
    config, out = KILLED[kind], tmp_path / "killed"
    how = {"checkpoint_seconds": 0.0, "validate_every": 7, "keep_weights_every": 5}
    call = [sys.executable, *command(script, config, data, out, **how)]
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (out / "checkpoint.pt").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(float(np.random.default_rng().uniform(0, 0.5)))
    process.send_signal(signal.SIGKILL)
    errors = process.communicate()[1]
    assert process.returncode == -signal.SIGKILL, errors
    step = torch.load(out / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < step < config.steps
    short = replace(config, steps=step + 20)
    hardware = replace(HARDWARE, validate_every=7)
    resumed = train(short, data, out, hardware)
    whole = train(short, data, tmp_path / "whole", hardware)
    assert same(resumed, whole)
    assert logged(out) == logged(tmp_path / "whole")
    if config.checkpoint_selection == "validation":
        assert same(load_model(out / "best"), load_model(tmp_path / "whole" / "best"))


@pytest.mark.slow
def test_two_processes_equal_one_with_double_batch(
    script: Path, data: Path, tmp_path: Path
) -> None:
    """The loss curve and the weights agree up to rounding."""
    config = replace(OWN, batch_size=2, steps=12, ema_decay=0.5)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    port = str(20_000 + os.getpid() % 20_000)
    call = [*torchrun, "--master_port", port, *command(script, config, data, tmp_path / "two")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    alone = train(replace(config, batch_size=4), data, tmp_path / "one", HARDWARE)
    close(load_model(tmp_path / "two" / "weights"), alone, 1e-5)
    two, one = logged(tmp_path / "two"), logged(tmp_path / "one")
    assert [row["step"] for row in two] == [row["step"] for row in one] == [4, 8, 12]
    for a, b in zip(two, one, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    with pytest.raises(ValueError, match="other processes"):
        train(config, data, tmp_path / "two", HARDWARE)
    other = train(config, data, tmp_path / "other", HARDWARE)  # one alone with the single batch
    with pytest.raises(AssertionError):
        close(other, alone, 1e-5)


def test_accelerator_for_refuses_processes_that_cannot_communicate(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each would train alone, and write into the same folder."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ValueError, match="2 processes were started, but"):
        train(OWN, data, tmp_path, replace(HARDWARE, device="auto"))
    assert not list(tmp_path.iterdir())
