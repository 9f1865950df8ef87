"""Folders of weights: saved ones load whole, old ones too, broken ones give one error."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_configs import TINY as TINY_MODELS

from tcpformer.models import MODELS, build, hybrid, inputs_of, joints_of, pose_transformer
from tcpformer.models.checkpoint import load_model, load_weights, save_model
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.runtime.graph import GRAPH_FILE
from tcpformer.weights import CONFIG_FILE, PACKAGED, WEIGHTS_FILE, WeightsSpec, packaged_names

State = dict[str, torch.Tensor]
TINY = Config(frames=9, depth=1, width=8, heads=2, representation=12)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    save_model(TCPFormer(TINY), tmp_path / "ours", spec=WeightsSpec(frame_step=5))
    return tmp_path / "ours"


def test_load_weights_name_depends_on_the_numbers(tmp_path: Path) -> None:
    """The same numbers give the same name, others another."""
    names = []
    for extra in (0.0, 0.0, 1.0):
        save_model(TCPFormer(TINY), tmp_path)
        state = {
            k: torch.full_like(v, extra) for k, v in load_file(tmp_path / WEIGHTS_FILE).items()
        }
        save_file(state, tmp_path / WEIGHTS_FILE)
        names.append(load_weights(tmp_path).name)
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    "spec",
    [
        None,
        WeightsSpec(),
        WeightsSpec(
            skeleton="mpi-inf-3dhp", normalization="screen", unit="screen", fps=25.0, frame_step=3
        ),
    ],
)
@pytest.mark.parametrize("local", [False, True])
@torch.inference_mode()
def test_load_weights_inverts_save_model(
    tmp_path: Path, spec: WeightsSpec | None, local: bool
) -> None:
    config = Config(frames=9, depth=2, width=12, heads=3, representation=20, local_branch=local)
    model = TCPFormer(config)
    save_model(model, tmp_path / "made" / "anew", spec=spec)
    loaded = load_weights(tmp_path / "made" / "anew")
    assert loaded.spec == spec
    assert loaded.model.config == config
    x = torch.randn(2, 9, 17, 3)
    assert torch.equal(loaded.model(x), model.eval()(x))
    assert files(tmp_path) == [CONFIG_FILE, WEIGHTS_FILE]


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_load_model_inverts_save_model_of_every_kind(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    model = build(MODELS[name].config(**TINY_MODELS[name]))
    x = torch.randn(8, 9, joints_of(model.config), inputs_of(model))
    model.train()(x)  # a batch norm counts its inputs, and that is kept too
    save_model(model, tmp_path)
    loaded = load_model(tmp_path, frames=9)
    assert loaded.config == model.config
    assert torch.equal(loaded(x), model.eval()(x))
    assert all(torch.equal(a, model.state_dict()[k]) for k, a in loaded.state_dict().items())


def test_load_model_without_architecture_is_tcpformer(ours: Path) -> None:
    about = json.loads((ours / CONFIG_FILE).read_text())
    assert about.pop("architecture") == "tcpformer"
    (ours / CONFIG_FILE).write_text(json.dumps(about))
    assert load_model(ours).config == TINY


def test_load_model_refuses_other_frames(ours: Path) -> None:
    with pytest.raises(ValueError, match="has frames=9, got frames=27; omit `frames`"):
        load_model(ours, frames=27)


def test_load_model_of_folder_equals_file(ours: Path) -> None:
    a, b = load_model(ours).state_dict(), load_model(ours / WEIGHTS_FILE).state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_load_model_of_float16_gives_float32(ours: Path) -> None:
    exact = load_model(ours).state_dict()
    half = {key: value.half() for key, value in load_file(ours / WEIGHTS_FILE).items()}
    save_file(half, ours / WEIGHTS_FILE)
    loaded = load_model(ours).state_dict()
    for key, value in loaded.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, exact[key], atol=1e-7, rtol=1e-3)


def test_load_weights_of_packaged_have_a_spec() -> None:
    assert "default" in packaged_names()
    for name in packaged_names():
        weights = load_weights(name)
        assert weights.spec is not None
        assert weights.name.startswith(f"{name} sha256:")
        assert files(PACKAGED / name) == [CONFIG_FILE, GRAPH_FILE, WEIGHTS_FILE]


def _describe(ours: Path, part: str, **changes: object) -> str:
    about = json.loads((ours / CONFIG_FILE).read_text())
    about[part] |= changes
    return json.dumps(about)


@pytest.mark.parametrize(
    "broken",
    [
        lambda ours: "",
        lambda ours: "{",
        lambda ours: "[1, 2]",
        lambda ours: "[" * 99_999,
        lambda ours: "{}",
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"spec"', '"specs"'),
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"tcpformer"', '"videopose3d"'),
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"tcpformer"', '["tcpformer"]'),
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"tcpformer"', '"poseformerv2"'),
        lambda ours: _describe(ours, "model", dropout=0.1),
        lambda ours: _describe(ours, "model", frames=10),
        lambda ours: _describe(ours, "model", depth="two"),
        lambda ours: _describe(ours, "model", depth=True),
        lambda ours: _describe(ours, "model", depth=1.0),
        lambda ours: _describe(ours, "model", depth=float("inf")),
        lambda ours: _describe(ours, "spec", normalization="guess"),
        lambda ours: _describe(ours, "spec", skeleton="coco"),
        lambda ours: _describe(ours, "spec", unit="feet"),
        lambda ours: _describe(ours, "spec", frame_step=0),
        lambda ours: _describe(ours, "spec", fps=-1),
        lambda ours: _describe(ours, "spec", fps="fifty"),
        lambda ours: _describe(ours, "spec", fps=1e9),
        lambda ours: _describe(ours, "spec", fps=float("inf")),
        lambda ours: _describe(ours, "spec", fps=float("nan")),
        lambda ours: _describe(ours, "spec", frame_step=10**9),
    ],
)
def test_load_model_refuses_broken_description(ours: Path, broken: Callable[[Path], str]) -> None:
    (ours / CONFIG_FILE).write_text(broken(ours))
    with pytest.raises(ValueError, match="as save_model writes them") as caught:
        load_model(ours)
    assert str(ours) in str(caught.value)


def test_read_spec_ignores_close(ours: Path) -> None:
    before = load_weights(ours).spec
    (ours / CONFIG_FILE).write_text(_describe(ours, "spec", close=2))
    assert load_weights(ours).spec == before


@pytest.mark.parametrize("name", MODELS)
def test_load_model_refuses_sizes_of_another_network(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A config of a few bytes; no memory may be taken for it."""
    save_model(build(MODELS[name].config(**TINY_MODELS[name])), tmp_path)
    text = (tmp_path / CONFIG_FILE).read_text()
    monkeypatch.setattr("torch.nn.Module.load_state_dict", None)  # it must not come so far
    for field in set(json.loads(text)["model"]) - {"heads", "inputs", "dropout", "layer_dropout"}:
        for size in (10**30, 10**9, 4000, 90):
            value = [size] if field == "strides" else size
            (tmp_path / CONFIG_FILE).write_text(_describe(tmp_path, "model", **{field: value}))
            with pytest.raises(ValueError, match=r"as save_model writes|not those of|layers"):
                load_model(tmp_path)
            (tmp_path / CONFIG_FILE).write_text(text)


def test_load_model_refuses_many_strides(tmp_path: Path) -> None:
    save_model(
        build(MODELS["strided-transformer"].config(**TINY_MODELS["strided-transformer"])), tmp_path
    )
    (tmp_path / CONFIG_FILE).write_text(_describe(tmp_path, "model", strides=[1] * 99_999))
    with pytest.raises(ValueError, match="at most 64 strides, got 99999"):
        load_model(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_load_model_names_numbers_that_are_not_finite(ours: Path, value: float) -> None:
    state = load_file(ours / WEIGHTS_FILE)
    state["head.bias"][1] = value
    save_file(state, ours / WEIGHTS_FILE)
    with pytest.raises(ValueError, match=r"ours: head\.bias holds NaN or infinite numbers"):
        load_model(ours)


@pytest.mark.parametrize("shape", [[10**12], [10**9, 10**9, 10**9], [0, 10**15]])
def test_load_model_refuses_declared_shapes(ours: Path, shape: list[int]) -> None:
    """Of tensors that the file does not hold."""
    data = (ours / WEIGHTS_FILE).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["head.bias"]["shape"] = shape
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + data[8 + size :]
    (ours / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(ValueError, match=r"ours: expected|of another shape: head"):
        load_model(ours)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, CONFIG_FILE])
def test_load_model_refuses_folder_with_one_file(ours: Path, name: str) -> None:
    (ours / name).unlink()
    with pytest.raises(ValueError, match=rf"ours: expected {WEIGHTS_FILE} and {CONFIG_FILE}"):
        load_model(ours)


def test_load_model_refuses_truncated_weights(ours: Path) -> None:
    content = (ours / WEIGHTS_FILE).read_bytes()
    (ours / WEIGHTS_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="as save_model writes them"):
        load_model(ours)


def test_load_model_of_other_weights_names_the_keys(ours: Path) -> None:
    (ours / CONFIG_FILE).write_text(_describe(ours, "model", depth=2))
    with pytest.raises(ValueError, match=r"missing: exchanges\.1"):
        load_model(ours)


def test_save_model_that_fails_keeps_the_old_files(
    ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in ours.iterdir()}

    def breaks(state: State) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr("tcpformer.models.checkpoint.save", breaks)
    with pytest.raises(OSError, match="disk full"):
        save_model(TCPFormer(TINY), ours)
    assert {path.name: path.read_bytes() for path in ours.iterdir()} == before


# Folders of version 0.1

OLD_KEYS = {
    "uncertainty.region_scale": "spread.reach",
    "uncertainty.prior_std": "spread.wander",
    "uncertainty.time_constant": "spread.memory",
}


def old_key(key: str) -> str:
    """Return the name that a weight had in 0.1."""
    key = OLD_KEYS.get(key, key.replace("uncertainty.", "spread."))
    for now, before in (
        ("pose_to_joint.", "listen."),
        ("poses.skip.", "poses.past."),
        (".pam.mix_logit", ".pam.trust"),
        ("center_head.", "centre_head."),
    ):
        key = key.replace(now, before)
    return key


def save_as_0_1(model: torch.nn.Module, folder: Path, architecture: str) -> None:
    """Write a folder as version 0.1 did."""
    config: dict[str, object] = asdict(model.config)  # type: ignore[arg-type]
    if "uncertainty" in config:
        config["spread"] = config.pop("uncertainty")
    if architecture == "tcpformer":
        ours = {"pose_embedding": False, "frame_position": False, "pose_layers": 0}
        ours |= {"rotary_poses": False, "spread": False}
        config = {"modules": "all", **ours, **config}
    convention = {
        "skeleton": "h36m", "rule": "aimed", "unit": "metres", "fps": 25.0, "spacing": 2,
    }  # fmt: skip
    about = {"architecture": architecture, "model": config, "convention": convention}
    (folder / CONFIG_FILE).write_text(json.dumps(about))
    state = {old_key(k): v.contiguous() for k, v in model.state_dict().items()}
    save_file(state, folder / WEIGHTS_FILE)


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("tcpformer", TINY),
        (
            "tcpformer",
            hybrid.Config.extending(
                TINY, pose_embedding=True, pose_layers=2, rotary_poses=True, uncertainty=True
            ),
        ),
        ("tcpformer", hybrid.Config.extending(TINY, frame_position=True, local_branch=True)),
        (
            "whole-poses",
            pose_transformer.Config(frames=9, layers=1, width=8, heads=2, uncertainty=True),
        ),
        (
            "strided-transformer",
            MODELS["strided-transformer"].config(**TINY_MODELS["strided-transformer"]),
        ),
    ],
)
@torch.inference_mode()
def test_load_weights_of_0_1_gives_the_same_output(
    tmp_path: Path, architecture: str, config: object
) -> None:
    model = build(config).eval()
    save_as_0_1(model, tmp_path, architecture)
    assert "mix_logit" not in "".join(load_file(tmp_path / WEIGHTS_FILE))
    loaded = load_weights(tmp_path)
    assert loaded.model.config == config
    assert loaded.spec == WeightsSpec(fps=25.0, frame_step=2)
    x = torch.randn(2, 9, 17, inputs_of(model))
    assert torch.equal(loaded.model(x), model(x))


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        ("pose-transformer", ["rotary"], [False], "rotary must be True or False, got a tuple"),
        ("hybrid", ["local_branch"], "no", "local_branch must be True or False, got the text"),
        ("poseformerv2", ["kept_frames"], 1.5, "kept_frames must be a whole number"),
        ("whole-body", ["more", "rotary"], 1, "rotary must be True or False, got the number 1"),
        ("whole-body", ["hang_on"], "abc", "hang_on"),
    ],
)
def test_load_model_refuses_fields_of_another_type(
    name: str, path: list[str], value: object, message: str, tmp_path: Path
) -> None:
    """Refuse a list that holds False, or the text "no": they would count as True."""
    save_model(build(MODELS[name].config(**TINY_MODELS[name])), tmp_path)
    about = json.loads((tmp_path / CONFIG_FILE).read_text())
    place = about["model"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / CONFIG_FILE).write_text(json.dumps(about))
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)


def test_load_model_refuses_ablation_of_0_1(tmp_path: Path) -> None:
    save_as_0_1(build(TINY), tmp_path, "tcpformer")
    (tmp_path / CONFIG_FILE).write_text(_describe(tmp_path, "model", modules="pum"))
    with pytest.raises(ValueError, match="with PUM, PIM and PAM, got modules='pum'"):
        load_model(tmp_path)


def test_load_model_quotes_little_of_a_file(tmp_path: Path) -> None:
    save_model(build(Config(frames=9, depth=1, width=8, heads=1, representation=8)), tmp_path)
    description = json.loads((tmp_path / "config.json").read_text())
    state = load_file(tmp_path / "model.safetensors")
    save_file({**state, "x" * 100_000: torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="unknown: xxx") as caught:
        load_model(tmp_path)
    assert len(str(caught.value)) < 1500
    (tmp_path / "config.json").write_text(json.dumps(description | {"architecture": "y" * 9999}))
    with pytest.raises(ValueError, match="no model 'yyy") as caught:
        load_model(tmp_path)
    assert len(str(caught.value)) < 1500


def test_load_model_quotes_the_start_of_a_long_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(build(Config(frames=9, depth=1, width=8, heads=1, representation=8)), tmp_path)
    state = load_file(tmp_path / WEIGHTS_FILE)
    save_file({**state, "more": torch.zeros(1)}, tmp_path / WEIGHTS_FILE)
    # without the types of the tests, a list of any length may stand at a field
    monkeypatch.setattr(Config, "__repr__", lambda _: "Config(" + "0, " * 1000)
    with pytest.raises(ValueError, match="the keys are not those of Config") as caught:
        load_model(tmp_path)
    assert len(str(caught.value)) < 1000 + len(str(tmp_path))
