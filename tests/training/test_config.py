"""Plans: the released recipes number by number, files, the command line, and what is refused."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from commands import run
from trainings import MOCAP, OWN, POSEFORMER, STRIDED

from research.variants import AS_RELEASED, Variant
from tcpformer.cli import train as training
from tcpformer.models import name_of
from tcpformer.models.checkpoint import load_model
from tcpformer.models.tcpformer import Config
from tcpformer.training.config import (
    PRESETS,
    TrainConfig,
    config_from_dict,
    config_to_dict,
    load_config,
)
from tcpformer.training.hardware import HardwareConfig

# The released recipes


@pytest.mark.parametrize(
    ("name", "frames", "batch", "accumulate"),
    [
        ("h36m-81", 81, 8, 2),
        ("h36m-243", 243, 4, 4),
        ("3dhp-9", 9, 32, 1),
        ("3dhp-27", 27, 16, 1),
        ("3dhp-81", 81, 8, 1),
    ],
)
def test_the_released_recipes(name: str, frames: int, batch: int, accumulate: int) -> None:
    config = PRESETS[name]
    assert config.network == Config(
        frames=frames, depth=16, width=128, heads=8, representation=512, local_branch=True
    )
    assert (config.batch_size, config.grad_accum_steps) == (batch, accumulate)
    assert (config.lr, config.lr_decay, config.epochs, config.steps) == (5e-4, 0.99, 90, 0)
    assert (config.n_mpjpe_weight, config.velocity_weight) == (0.5, 20.0)
    assert (config.warmup, config.cooldown, config.grad_clip_norm, config.ema_decay) == (0, 0.0, 0.0, 0.0)
    assert config.decay_all
    of_3dhp = name.startswith("3dhp")
    assert config.data == ("3dhp" if of_3dhp else "h36m-sh")
    assert config.optimizer == ("adam-amsgrad" if of_3dhp else "adamw")
    assert of_3dhp or config.weight_decay == 0.01
    assert config.hop == (9 if of_3dhp else 0)  # 0 is a third of a clip
    assert config.seed == (1 if of_3dhp else 0)
    assert (config.checkpoint_selection, config.val_subjects) == ("validation", ("S8",))


@pytest.mark.parametrize(
    ("preset", "option"),
    [
        ("h36m-243", {"grad_accum_steps": 1}),  # as coded; 4 reaches the paper's 16
        ("h36m-243", {"n_mpjpe_weight": 0}),  # the paper's loss has no such term
        ("3dhp-81", {"optimizer": "adamw"}),
        ("3dhp-81", {"batch_size": 16}),
        ("h36m-243", {"checkpoint_selection": "test"}),
        ("h36m-243", {"checkpoint_selection": "last"}),
        ("h36m-243", {"ground_truth": True}),
        ("h36m-243", {"network": {"local_branch": False}}),
        ("3dhp-81", {"seed": 0}),
    ],
)
def test_where_paper_and_code_differ_one_option_changes_it(
    preset: str, option: dict[str, Any]
) -> None:
    before, after = (
        config_to_dict(PRESETS[preset]),
        config_to_dict(config_from_dict({"preset": preset, **option})),
    )
    assert [key for key in before if before[key] != after[key]] == list(option)


def test_fine_tuning_starts_from_the_packaged_weights() -> None:
    config = PRESETS["own"]
    assert config.init_from is not None
    config = load_model(config.init_from).config
    assert isinstance(config, Config)
    assert replace(config, uncertainty=False) == config.network  # the head of errors is left behind


def test_our_weights_learn_from_what_people_film_and_comparisons_do_not() -> None:
    assert PRESETS["open"].camera_domain == "mixed"
    assert TrainConfig(steps=1).camera_domain == "benchmark-like"  # what ablations and older configs mean
    others = [name for name, config in PRESETS.items() if config.camera_domain != "benchmark-like"]
    assert others == ["open"]


# Files


@pytest.mark.parametrize(
    "config",
    [
        *PRESETS.values(),
        replace(MOCAP, network=STRIDED),
        replace(MOCAP, network=POSEFORMER),
        replace(MOCAP, variant=Variant(mixing="0 fixed"), init_from=None),
    ],
)
def test_a_plan_goes_through_json(config: TrainConfig, tmp_path: Path) -> None:
    """Alone, and as it stands in the run.json of a run."""
    for content in (config_to_dict(config), {"config": config_to_dict(config), "hardware": {}}):
        (tmp_path / "config.json").write_text(json.dumps(content))
        assert load_config(str(tmp_path / "config.json")) == config


def test_a_toml_file_changes_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "wide.toml"
    file.write_text(
        'preset = "h36m-81"\nrate = 3e-4\nholdout = ["S1", "S5"]\n[network]\nwidth = 192'
    )
    config, base = load_config(str(file)), PRESETS["h36m-81"]
    network = replace(base.network, width=192)
    assert config == replace(base, lr=3e-4, val_subjects=("S1", "S5"), network=network)


def test_a_file_may_start_from_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        "steps = 5\n[network]\nmodel = 'strided-transformer'\nframes = 9\nstrides = [3, 3]"
    )
    config = load_config(str(file))
    assert config == TrainConfig(
        steps=5, network=replace(STRIDED_PUBLISHED, frames=9, strides=(3, 3))
    )


STRIDED_PUBLISHED = type(STRIDED)()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"steps": "100"}, "steps must be int, got '100'"),
        ({"steps": 5.0}, "steps must be int, got 5.0"),
        ({"steps": True}, "steps must be int, got True"),
        ({"lr": "fast"}, "rate must be float, got 'fast'"),
        ({"lr": float("nan")}, "rate must be at least 0, got nan"),
        ({"ground_truth": 1}, "ground_truth must be bool, got 1"),
        ({"cooldown_schedule": "square"}, r"shape must be one of \['linear', 'cosine'\], got 'square'"),
        ({"frame_step": 2}, r"spacing must be tuple\[int, int\], got 2"),
        ({"frame_step": [1, 2, 3]}, r"spacing must be tuple\[int, int\], got \(1, 2, 3\)"),
        ({"frame_step": [3, 2]}, r"spacing must be \(fewest, most\)"),
        ({"val_subjects": ["S8", 7]}, "holdout must be tuple"),
        ({"init_from": 3}, r"init must be str \| None, got 3"),
        ({"network": {"frames": 9.0}}, "frames must be int, got 9.0"),
        ({"network": {"frames": "27"}}, "frames must be int, got '27'"),
        ({"network": {"hidden": 3}}, "tcpformer has no hidden; it has depth, frame_position"),
        ({"network": {"model": "mlp"}}, "no model 'mlp': expected one of"),
        ({"network": "tcpformer"}, "network must be a table of names and values"),
        ({"network": {"modules": "some"}}, r"modules must be one of \['none', 'pum'"),
        ({"variant": {"colour": "red"}}, "variant has no colour"),
        ({"variant": {"mixing": "1"}}, "mixing must be one of"),
        ({"stepz": 3}, "a config has no stepz; it has"),
        ({"preset": "h36m-9"}, "no preset 'h36m-9': expected one of"),
        ({"batch_size": 0}, "batch must be at least 1, got 0"),
        ({"cooldown": 1.5}, "cooldown must be at least 0 and at most 1, got 1.5"),
        ({"steps": 0}, "say either steps or epochs"),
        ({"epochs": 2}, "say either steps or epochs"),
        ({"epochs": 2, "steps": 0}, "clips of motion capture start anywhere: say steps"),
        ({"normalization": "screen"}, "mocap is trained on by the rule 'centered-camera'"),
        ({"val_subjects": ["S8"]}, "holdout and ground_truth are for"),
        ({"ground_truth": True}, "holdout and ground_truth are for"),
        ({"data": "h36m-cpn", "normalization": "screen"}, "say who is held out"),
        ({"preset": "3dhp-9", "ground_truth": True}, "3dhp has exact 2D alone"),
        ({"preset": "3dhp-9", "frame_step": [1, 2]}, r"3dhp has spacing \(1, 1\)"),
        ({"camera_domain": "real"}, r"footage must be one of \['benchmark-like', 'as-filmed', 'mixed'\]"),
        ({"preset": "open", "data": "own"}, "by_activity, grafts and tilts are for mocap"),
        ({"data": "own", "camera_domain": "mixed"}, "for own say camera_domain='benchmark-like'"),
        ({"preset": "3dhp-9", "camera_domain": "as-filmed"}, "for 3dhp say camera_domain='benchmark-like'"),
        ({"split": "train+val"}, "holds the people that checkpoint_selection='validation' means"),
        ({"split": "train+test", "checkpoint_selection": "test"}, "holds the people that checkpoint_selection='test' means"),
        ({"preset": "own", "variant": {"mixing": "0"}}, "a variant says how a network starts"),
        (
            {"variant": {"mixing": "0"}, "network": {"model": "poseformerv2"}},
            "variants are TCPFormer's",
        ),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(
    content: dict[str, Any], words: str, tmp_path: Path
) -> None:
    whole = content if "preset" in content else {"steps": 5, **content}
    with pytest.raises(ValueError, match=words):
        config_from_dict(whole)
    (tmp_path / "config.json").write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=f"config.json: .*{words}"):
        load_config(str(tmp_path / "config.json"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", "steps = ", "not TOML"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[1, 2]", "a config must be a table"),
        ("a.json", '{"config": 3}', "a config must be a table"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(
    name: str, content: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        load_config(str(tmp_path / name))


@pytest.mark.parametrize("name", ["h36m-82", "nowhere.toml", "config.yaml"])
def test_an_unknown_plan_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"no config .*: expected one of"):
        load_config(name)


@pytest.mark.parametrize(
    "change", [{"checkpoint_seconds": -1.0}, {"keep_weights_every": -1}, {"validate_every": -1}]
)
def test_a_machine_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be"):
        HardwareConfig(**change)


# The command line


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainConfig, Path, Path, HardwareConfig]]:
    """What the command line would train."""
    seen: list[tuple[TrainConfig, Path, Path, HardwareConfig]] = []

    def note(*what: Any, **callbacks: object) -> None:
        seen.append(what)

    monkeypatch.setattr(training, "train", note)
    return seen


WHERE = ("--data", "data.pkl", "--out", "run")


def test_options_change_single_fields(
    asked: list[tuple[TrainConfig, Path, Path, HardwareConfig]],
) -> None:
    options = ("--config.network.width", 192, "--config.lr", 3e-4, "--config.val_subjects", "S1", "S5")
    run("train", "h36m-81", *WHERE, *options, "--hardware.precision", "bf16")
    config, data, out, hardware = asked[0]
    base = PRESETS["h36m-81"]
    network = replace(base.network, width=192)
    assert config == replace(base, lr=3e-4, val_subjects=("S1", "S5"), network=network)
    assert (data, out) == (Path("data.pkl"), Path("run"))
    assert hardware == HardwareConfig(precision="bf16")


@pytest.mark.parametrize(
    ("model", "preset", "frames", "spacing"),
    [
        ("poseformerv2", "h36m-81", 81, (1, 1)),
        ("strided-transformer", "open", 27, (2, 7)),
        ("strided-transformer", "h36m-81", 27, (1, 1)),  # nor for 81, but those are in a row
        ("pose-transformer", "open", 27, (2, 7)),
    ],
)
def test_another_network_by_name(
    model: str,
    preset: str,
    frames: int,
    spacing: tuple[int, int],
    asked: list[tuple[TrainConfig, Path, Path, HardwareConfig]],
) -> None:
    run("train", preset, *WHERE, f"--model={model}", "--config.network.heads", 4)
    config = asked[0][0]
    assert name_of(config.network) == model
    assert (config.network.frames, config.network.heads) == (frames, 4)
    changes = {"network": config.network, "frame_step": spacing, "variant": AS_RELEASED}
    assert config == replace(PRESETS[preset], **changes)
    content = {"preset": preset, "network": {"model": model, **asdict(config.network)}}
    content["spacing"] = list(spacing)
    assert config_from_dict(content) == config


def test_a_file_and_options_together(
    tmp_path: Path, asked: list[tuple[TrainConfig, Path, Path, HardwareConfig]]
) -> None:
    (tmp_path / "own.json").write_text(json.dumps(config_to_dict(OWN)))
    run("train", tmp_path / "own.json", *WHERE, "--config.batch_size", 2)
    assert asked[0][0] == replace(OWN, batch_size=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("h36m-82", *WHERE), "no config 'h36m-82'"),
        (("open", *WHERE, "--model", "mlp"), "no model 'mlp'"),
        (("open", *WHERE, "--config.epochs", 3), "say either steps or epochs"),
    ],
)
def test_the_command_line_refuses_in_one_sentence(
    arguments: tuple[object, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("train", *arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
