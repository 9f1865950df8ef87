"""Presets: the published ones number by number, and configurations in files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trainings import MOCAP, POSEFORMER, STRIDED

from tcpformer.models import body_of
from tcpformer.models.checkpoint import load_model
from tcpformer.models.hybrid import Config as Hybrid
from tcpformer.models.tcpformer import Config
from tcpformer.training.config import TrainConfig
from tcpformer.training.presets import PRESETS, config_from_dict, config_to_dict, load_config


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
def test_presets_train_as_released(name: str, frames: int, batch: int, accumulate: int) -> None:
    config = PRESETS[name]
    assert config.network == Config(
        frames=frames, depth=16, width=128, heads=8, representation=512, local_branch=True
    )
    assert (config.batch_size, config.grad_accum_steps) == (batch, accumulate)
    assert (config.lr, config.lr_decay, config.epochs, config.steps) == (5e-4, 0.99, 90, 0)
    assert (config.n_mpjpe_weight, config.velocity_weight) == (0.5, 20.0)
    assert (config.warmup, config.cooldown, config.grad_clip_norm, config.ema_decay) == (
        0,
        0.0,
        0.0,
        0.0,
    )
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
def test_presets_change_by_one_option_where_paper_and_code_differ(
    preset: str, option: dict[str, Any]
) -> None:
    before, after = (
        config_to_dict(PRESETS[preset]),
        config_to_dict(config_from_dict({"preset": preset, **option})),
    )
    assert [key for key in before if before[key] != after[key]] == list(option)


def test_preset_own_starts_from_the_packaged_weights() -> None:
    config = PRESETS["own"]
    assert config.init_from is not None
    packaged = body_of(load_model(config.init_from)).config
    assert replace(packaged, uncertainty=False) == config.network  # the head is left out


def test_only_preset_open_has_a_mixed_camera_domain() -> None:
    assert PRESETS["open"].camera_domain == "mixed"
    assert TrainConfig(steps=1).camera_domain == "benchmark-like"
    others = [name for name, config in PRESETS.items() if config.camera_domain != "benchmark-like"]
    assert others == ["open"]


@pytest.mark.parametrize(
    "config",
    [
        *PRESETS.values(),
        replace(MOCAP, network=STRIDED),
        replace(MOCAP, network=POSEFORMER),
    ],
)
def test_load_config_reads_what_config_to_dict_returns(config: TrainConfig, tmp_path: Path) -> None:
    """Alone, and in the run.json of a run."""
    for content in (config_to_dict(config), {"config": config_to_dict(config), "hardware": {}}):
        (tmp_path / "config.json").write_text(json.dumps(content))
        assert load_config(str(tmp_path / "config.json")) == config


def test_load_config_changes_a_preset_by_toml(tmp_path: Path) -> None:
    file = tmp_path / "wide.toml"
    file.write_text(
        'preset = "h36m-81"\nlr = 3e-4\nval_subjects = ["S1", "S5"]\n[network]\nwidth = 192'
    )
    config, base = load_config(str(file)), PRESETS["h36m-81"]
    network = replace(base.network, width=192)
    assert config == replace(base, lr=3e-4, val_subjects=("S1", "S5"), network=network)


def test_load_config_without_preset(tmp_path: Path) -> None:
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
        ({"steps": "100"}, "steps: Expected `int`, got `str`, got '100'"),
        ({"steps": 5.0}, "steps: Expected `int`, got `float`, got 5.0"),
        ({"steps": True}, "steps: Expected `int`, got `bool`, got True"),
        ({"lr": "fast"}, "lr: Expected `float`, got `str`, got 'fast'"),
        ({"ground_truth": 1}, "ground_truth: Expected `bool`, got `int`, got 1"),
        ({"cooldown_schedule": "square"}, r"cooldown_schedule: .* expected one of \['linear', 'co"),
        ({"frame_step": 2}, "frame_step: Expected `array`, got `int`, got 2"),
        ({"frame_step": [1, 2, 3]}, "frame_step: Expected `array` of length 2, got 3"),
        ({"val_subjects": ["S8", 7]}, "val_subjects: Expected `str`, got `int`"),
        ({"init_from": 3}, r"init_from: Expected `str \| null`, got `int`, got 3"),
        ({"network": {"frames": 9.0}}, "frames: Expected `int`, got `float`, got 9.0"),
        ({"network": {"hidden": 3}}, "tcpformer has no hidden; it has depth, frames"),
        ({"network": {"frames": 10}}, "frames must be a multiple of 3 here, got 10"),
        ({"network": {"model": "mlp"}}, "no model 'mlp': expected one of"),
        ({"network": "tcpformer"}, "network must be a table of names and values"),
        ({"stepz": 3}, "a configuration has no stepz; it has"),
        ({"rate": 1e-3}, "rate is now lr"),
        ({"preset": "h36m-9"}, "no preset 'h36m-9': expected one of"),
        ({"camera_domain": "real"}, r"camera_domain: .* expected one of \['benchmark-like', 'as-f"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"preset": ["own"]}, r"no preset \['own'\]"),
        ({"network": {"model": {}}}, r"network.model must be a text, got \{\}"),
        ({"lr": float("inf")}, "lr must be at least 0, got inf"),
        ({"weight_decay": float("nan")}, "weight_decay must be at least 0, got nan"),
    ],
)
def test_config_from_dict_refuses(content: dict[str, Any], words: str, tmp_path: Path) -> None:
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
        ("a.json", "[1, 2]", "a configuration must be a table"),
        ("a.json", '{"config": 3}', "a configuration must be a table"),
        ("a.json", "[" * 100_000, "a.json: not JSON"),
        ("a.toml", f"a = {'[' * 100_000}", "a.toml: not TOML"),
        ("a.json", '{"plan": {"variant": 3}}', "a.json: variant must be a table"),
        ("a.json", '{"plan": {"network": {"model": []}}}', "a.json: network.model must be a text"),
        ("a.json", '{"plan": {"network": {"frames": "9"}}}', "a.json: frames: Expected `int`"),
    ],
)
def test_load_config_refuses_a_malformed_file(
    name: str, content: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        load_config(str(tmp_path / name))


def test_load_config_quotes_little_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"steps": ["x" * 100_000]}))
    with pytest.raises(ValueError, match=r"a\.json: steps: Expected `int`") as caught:
        load_config(str(tmp_path / "a.json"))
    assert len(str(caught.value)) < 1100 + len(str(tmp_path))


@pytest.mark.parametrize("name", ["h36m-82", "nowhere.toml", "config.yaml"])
def test_load_config_refuses_an_unknown_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"no configuration .*: expected one of"):
        load_config(name)


OLD_PLAN = {
    "network": {
        "model": "tcpformer", "frames": 9, "depth": 1, "width": 8, "heads": 2,
        "representation": 8, "modules": "all", "pose_layers": 1, "spread": False,
    },
    "variant": {"joints": "alike", "mixing": "(0, 1)"},
    "data": "mocap", "rule": "aimed", "spacing": [2, 2], "batch": 4, "steps": 6, "average": 0.9,
}  # fmt: skip


def test_load_config_reads_run_json_of_version_0_1(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"plan": OLD_PLAN, "machine": {}}))
    config = load_config(str(tmp_path / "run.json"))
    network = Hybrid(frames=9, depth=1, width=8, heads=2, representation=8, pose_layers=1)
    assert config == replace(MOCAP, network=network)


def test_load_config_refuses_an_ablation_of_version_0_1(tmp_path: Path) -> None:
    plan = OLD_PLAN | {"variant": {"mixing": "0"}}
    (tmp_path / "run.json").write_text(json.dumps({"plan": plan}))
    with pytest.raises(ValueError, match=r"python -m research\.ablations"):
        load_config(str(tmp_path / "run.json"))
