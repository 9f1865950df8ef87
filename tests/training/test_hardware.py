"""`HardwareConfig`: what it refuses, and how layers are wrapped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from trainings import HARDWARE, NETWORKS, OWN, TINY

from tcpformer.models import build
from tcpformer.training.hardware import (
    HardwareConfig,
    accelerator_for,
    check_memory,
    matmul_precision,
    memory_of,
    wrap_layers,
)
from tcpformer.training.train import train


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint_seconds": -1.0},
        {"keep_weights_every": -1},
        {"validate_every": -1},
        {"checkpoint_seconds": float("nan")},
    ],
)
def test_hardware_config_refuses_negative_numbers(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be at least 0"):
        HardwareConfig(**change)


def test_hardware_config_refuses_too_many_workers() -> None:
    with pytest.raises(ValueError, match="workers must be at most 256, got 257"):
        HardwareConfig(workers=257)


@pytest.mark.parametrize("network", NETWORKS)
def test_check_memory_refuses_a_batch_that_does_not_fit(network: str) -> None:
    config = replace(OWN, network=NETWORKS[network], batch_size=100_000)
    least = 4.0 * 100_000 * 9 * config.network.width * (17 if network == "tcpformer" else 1)
    check_memory(config, least)
    with pytest.raises(ValueError, match=r"^batch_size=100000 clips of 9 .* raise grad_accum_st"):
        check_memory(config, least - 1)


def test_training_refuses_a_batch_before_it_opens_the_data(tmp_path: Path) -> None:
    network = replace(TINY, depth=1024, width=64)
    config = replace(OWN, network=network, batch_size=100_000)
    assert memory_of(torch.device("cpu")) < 4 * 100_000 * 9 * 17 * 64 * 1024
    with pytest.raises(ValueError, match="batch_size=100000"):
        train(config, tmp_path / "missing", tmp_path / "run", HARDWARE)


@pytest.mark.parametrize(("precision", "device"), [("fp16", "a GPU"), ("tf32", "an NVIDIA GPU")])
def test_accelerator_for_refuses_precision_that_a_cpu_lacks(
    precision: Any, device: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"precision '{precision}' needs {device}"):
        accelerator_for(replace(HARDWARE, precision=precision), tmp_path)


def test_matmul_precision_is_restored() -> None:
    before = torch.get_float32_matmul_precision()
    with matmul_precision(HardwareConfig(precision="tf32")):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("network", NETWORKS)
def test_wrap_layers_wraps_each_layer_once(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All layers of all stacks, but nothing that counts batches."""
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda layer: compiled.append(layer))
    model = build(replace(NETWORKS[network], depth=2))
    wrap_layers(model, replace(HARDWARE, compile=True, activation_checkpointing=True))
    assert len(compiled) == 4
    wrapped = [layer for layer in model.modules() if "forward" in vars(layer)]
    assert wrapped == compiled
    inner = [m for layer in compiled for m in layer.modules()]
    assert len(inner) == len(set(inner))
    assert not [m for m in inner if isinstance(m, nn.BatchNorm1d)]
