"""Training in processes of its own: killed at any moment, and two together."""

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
from trainings import MACHINE, OWN, STRIDED, TINY, close, logged, own_folder, same

from tcpformer.models.checkpoint import load_model
from tcpformer.training import train as training
from tcpformer.training.config import TrainConfig, config_to_dict
from tcpformer.training.train import train

LOG_EVERY = 4
SCRIPT = f"""
import json, sys
import torch
from tcpformer import train as training
from tcpformer.machine import Machine
from tcpformer.recipes import plan_from
torch.set_num_threads(1)
training.LOG_EVERY = {LOG_EVERY}
plan, data, out, machine = sys.argv[1:]
training.train(plan_from(json.loads(plan)), data, out, Machine(**json.loads(machine)))
"""
KILLED: dict[str, TrainConfig] = {
    "plain": replace(OWN, network=TINY, select="validation", steps=200, clip_gradient=1.0),
    "dropout, two batches": replace(OWN, network=STRIDED, accumulate=2, steps=200),
}


@pytest.fixture(autouse=True)
def _as_in_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", LOG_EVERY)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "run.py"
    path.write_text(SCRIPT)
    return path


def command(script: Path, plan: TrainConfig, data: Path, out: Path, **machine: Any) -> list[str]:
    how = {"device": "cpu", "tracker": "none", **machine}
    return [str(script), json.dumps(config_to_dict(plan)), str(data), str(out), json.dumps(how)]


@pytest.mark.parametrize("kind", KILLED)
def test_a_run_that_is_killed_goes_on_to_the_same_weights(
    kind: str, script: Path, data: Path, tmp_path: Path
) -> None:
    """With SIGKILL, at whatever moment comes; with a checkpoint after every step."""
    plan, out = KILLED[kind], tmp_path / "killed"
    how = {"save_seconds": 0.0, "score_every": 7, "keep_every": 5}
    call = [sys.executable, *command(script, plan, data, out, **how)]
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (out / "checkpoint.pt").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(float(np.random.default_rng().uniform(0, 0.5)))
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[1]
    assert process.returncode == -signal.SIGKILL, said
    step = torch.load(out / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < step < plan.steps
    short = replace(plan, steps=step + 20)
    machine = replace(MACHINE, score_every=7)
    resumed = train(short, data, out, machine)
    whole = train(short, data, tmp_path / "whole", machine)
    assert same(resumed, whole)
    assert logged(out) == logged(tmp_path / "whole")
    if plan.select == "validation":
        assert same(load_model(out / "best"), load_model(tmp_path / "whole" / "best"))


def test_two_processes_are_one_with_the_double_batch(
    script: Path, data: Path, tmp_path: Path
) -> None:
    """The same loss curve and weights, but for rounding."""
    plan = replace(OWN, batch=2, steps=12, average=0.5)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    port = str(20_000 + os.getpid() % 20_000)
    call = [*torchrun, "--master_port", port, *command(script, plan, data, tmp_path / "two")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    alone = train(replace(plan, batch=4), data, tmp_path / "one", MACHINE)
    close(load_model(tmp_path / "two" / "weights"), alone, 1e-5)
    two, one = logged(tmp_path / "two"), logged(tmp_path / "one")
    assert [row["step"] for row in two] == [row["step"] for row in one] == [4, 8, 12]
    for a, b in zip(two, one, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    with pytest.raises(ValueError, match="other processes"):
        train(plan, data, tmp_path / "two", MACHINE)
    other = train(plan, data, tmp_path / "other", MACHINE)  # one alone with the single batch
    with pytest.raises(AssertionError):
        close(other, alone, 1e-5)


def test_processes_that_do_not_find_each_other_are_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each would train alone, and write into the same folder."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ValueError, match="2 processes were started, but"):
        train(OWN, data, tmp_path, replace(MACHINE, device="auto"))
    assert not list(tmp_path.iterdir())
