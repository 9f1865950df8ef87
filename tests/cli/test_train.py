"""The verb `train`: options, files, and refusals of its parser."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from commands import refused, run
from trainings import OWN

from tcpformer.cli import train as verb
from tcpformer.models import name_of
from tcpformer.training.config import TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import PRESETS, config_from_dict, config_to_dict

FILES = ("--data", "data.pkl", "--out", "run")
Call = tuple[TrainConfig, Path, Path, HardwareConfig]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Call]:
    """Collect what the command line would train."""
    collected: list[Call] = []
    monkeypatch.setattr(verb, "train", lambda *what, **callbacks: collected.append(what))
    monkeypatch.chdir(tmp_path)
    return collected


def test_train_options_change_single_fields(calls: list[Call]) -> None:
    options = ("--config.network.width", 192, "--config.lr", 3e-4, "--config.val-subjects", "S1")
    run("train", "h36m-81", *FILES, *options, "--hardware.precision", "bf16")
    config, data, out, hardware = calls[0]
    base = PRESETS["h36m-81"]
    network = replace(base.network, width=192)
    assert config == replace(base, lr=3e-4, val_subjects=("S1",), network=network)
    assert (data, out) == (Path("data.pkl"), Path("run"))
    assert hardware == HardwareConfig(precision="bf16")


@pytest.mark.parametrize(
    ("model", "preset", "frames", "frame_step"),
    [
        ("poseformerv2", "h36m-81", 81, (1, 1)),
        ("strided-transformer", "open", 27, (2, 7)),
        # Published for 27 frames, not for 81; consecutive frames stay consecutive.
        ("strided-transformer", "h36m-81", 27, (1, 1)),
        ("pose-transformer", "open", 27, (2, 7)),
    ],
)
def test_train_with_another_model(
    model: str, preset: str, frames: int, frame_step: tuple[int, int], calls: list[Call]
) -> None:
    run("train", preset, *FILES, f"--model={model}", "--config.network.heads", 4)
    config = calls[0][0]
    assert name_of(config.network) == model
    assert (config.network.frames, config.network.heads) == (frames, 4)
    assert config == replace(PRESETS[preset], network=config.network, frame_step=frame_step)
    content = {"preset": preset, "network": {"model": model, **asdict(config.network)}}
    assert config_from_dict(content | {"frame_step": list(frame_step)}) == config


def test_train_with_file_and_options(tmp_path: Path, calls: list[Call]) -> None:
    (tmp_path / "own.json").write_text(json.dumps(config_to_dict(OWN)))
    run("train", tmp_path / "own.json", *FILES, "--config.batch-size", 2)
    assert calls[0][0] == replace(OWN, batch_size=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("h36m-82", *FILES), "no configuration 'h36m-82'"),
        (("open", *FILES, "--model", "mlp"), "no model 'mlp'"),
        (("open", *FILES, "--plan.rate", 1), "the option --plan.rate is now --config.lr."),
        (("--plan.network.width=9",), "--plan.network.width is now --config.network.width."),
        (("--config.clip-gradient", 1), "--config.clip-gradient is now --config.grad-clip-norm."),
        (("--machine.keep-every", 1), "now --hardware.keep-weights-every."),
        ((*FILES, "3dhp-9"), "the preset comes first: tcpformer train 3dhp-9 --data"),
    ],
)
def test_train_refuses_in_one_sentence(
    arguments: tuple[object, ...], words: str, calls: list[Call], capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, "train", *arguments)
    assert not calls


def test_train_names_a_wrong_value(calls: list[Call], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("train", "open", *FILES, "--config.epochs", 3)
    assert ended.value.code == 2
    errors: Any = capsys.readouterr().err
    assert "give either steps or epochs" in errors
    assert "Traceback" not in errors
