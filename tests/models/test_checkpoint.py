"""Weights of ours: what is saved loads whole, what does not load says so in one error."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_configs import TINY as TINY_MODELS

from tcpformer.models import MODELS, build, inputs_of
from tcpformer.models.checkpoint import (
    CONFIG_FILE,
    PACKAGED,
    WEIGHTS_FILE,
    WeightsSpec,
    load_model,
    load_weights,
    packaged_names,
    save_model,
)
from tcpformer.models.tcpformer import Config, TCPFormer

State = dict[str, torch.Tensor]
TINY = Config(frames=9, depth=1, width=8, heads=2, representation=12)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    save_model(TCPFormer(TINY), tmp_path / "ours", convention=WeightsSpec(spacing=5))
    return tmp_path / "ours"


def test_the_name_tells_two_files_apart(tmp_path: Path) -> None:
    """The same path, other numbers: another fingerprint; the same numbers: the same."""
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
    "convention",
    [
        None,
        WeightsSpec(),
        WeightsSpec(skeleton="mpi-inf-3dhp", rule="screen", unit="screen", fps=25.0, spacing=3),
    ],
)
@pytest.mark.parametrize("local", [False, True])
@torch.inference_mode()
def test_load_undoes_save(tmp_path: Path, convention: WeightsSpec | None, local: bool) -> None:
    config = Config(frames=9, depth=2, width=12, heads=3, representation=20, local_branch=local)
    model = TCPFormer(config)
    save_model(model, tmp_path / "made" / "anew", convention=convention)
    loaded = load_weights(tmp_path / "made" / "anew")
    assert loaded.convention == convention
    assert loaded.model.config == config
    x = torch.randn(2, 9, 17, 3)
    assert torch.equal(loaded.model(x), model.eval()(x))
    assert files(tmp_path) == [CONFIG_FILE, WEIGHTS_FILE]


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_every_kind_of_network_is_saved_and_loaded(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    model = build(MODELS[name].config(**TINY_MODELS[name]))
    x = torch.randn(8, 9, 17, inputs_of(model))
    model.train()(x)  # a batch norm counts what it has seen, and that is kept too
    save_model(model, tmp_path)
    loaded = load_model(tmp_path, frames=9)
    assert loaded.config == model.config
    assert torch.equal(loaded(x), model.eval()(x))
    assert all(torch.equal(a, model.state_dict()[k]) for k, a in loaded.state_dict().items())


def test_an_architecture_that_is_not_said_is_the_first_there_was(ours: Path) -> None:
    about = json.loads((ours / CONFIG_FILE).read_text())
    assert about.pop("architecture") == "tcpformer"
    (ours / CONFIG_FILE).write_text(json.dumps(about))
    assert load_model(ours).config == TINY


def test_clips_of_another_length_than_said_are_refused(ours: Path) -> None:
    with pytest.raises(ValueError, match="frames are 9, but 27 was said; leave it out"):
        load_model(ours, frames=27)


def test_a_folder_and_the_file_in_it_are_the_same_weights(ours: Path) -> None:
    a, b = load_model(ours).state_dict(), load_model(ours / WEIGHTS_FILE).state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_half_precision_loads_as_single(ours: Path) -> None:
    exact = load_model(ours).state_dict()
    half = {key: value.half() for key, value in load_file(ours / WEIGHTS_FILE).items()}
    save_file(half, ours / WEIGHTS_FILE)
    loaded = load_model(ours).state_dict()
    for key, value in loaded.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, exact[key], atol=1e-7, rtol=1e-3)


def test_the_packaged_weights_load_and_say_what_they_expect() -> None:
    assert "default" in packaged_names()
    for name in packaged_names():
        weights = load_weights(name)
        assert weights.convention is not None
        assert weights.name.startswith(f"{name} sha256:")
        assert files(PACKAGED / name) == [CONFIG_FILE, WEIGHTS_FILE]


def _about(ours: Path, part: str, **changes: object) -> str:
    about = json.loads((ours / CONFIG_FILE).read_text())
    about[part] |= changes
    return json.dumps(about)


@pytest.mark.parametrize(
    "broken",
    [
        lambda ours: "",
        lambda ours: "{",
        lambda ours: "[1, 2]",
        lambda ours: "{}",
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"convention"', '"conviction"'),
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"tcpformer"', '"videopose3d"'),
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"tcpformer"', '["tcpformer"]'),
        lambda ours: (ours / CONFIG_FILE).read_text().replace('"tcpformer"', '"poseformerv2"'),
        lambda ours: _about(ours, "model", dropout=0.1),
        lambda ours: _about(ours, "model", frames=10),
        lambda ours: _about(ours, "model", depth="two"),
        lambda ours: _about(ours, "convention", rule="guess"),
        lambda ours: _about(ours, "convention", skeleton="coco"),
        lambda ours: _about(ours, "convention", unit="feet"),
        lambda ours: _about(ours, "convention", spacing=0),
        lambda ours: _about(ours, "convention", fps=-1),
        lambda ours: _about(ours, "convention", fps="fifty"),
    ],
)
def test_a_broken_description_is_refused(ours: Path, broken: Callable[[Path], str]) -> None:
    (ours / CONFIG_FILE).write_text(broken(ours))
    with pytest.raises(ValueError, match="as save_model writes them") as caught:
        load_model(ours)
    assert str(ours) in str(caught.value)


def test_weights_of_the_seventh_version_may_name_closer_clips(ours: Path) -> None:
    before = load_weights(ours).convention
    (ours / CONFIG_FILE).write_text(_about(ours, "convention", close=2))
    assert load_weights(ours).convention == before


@pytest.mark.parametrize("name", [WEIGHTS_FILE, CONFIG_FILE])
def test_a_folder_with_half_of_it_is_refused(ours: Path, name: str) -> None:
    (ours / name).unlink()
    with pytest.raises(ValueError, match=rf"ours: expected {WEIGHTS_FILE} and {CONFIG_FILE}"):
        load_model(ours)


def test_cut_off_weights_are_refused(ours: Path) -> None:
    content = (ours / WEIGHTS_FILE).read_bytes()
    (ours / WEIGHTS_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="as save_model writes them"):
        load_model(ours)


def test_a_description_of_other_weights_names_the_keys(ours: Path) -> None:
    (ours / CONFIG_FILE).write_text(_about(ours, "model", depth=2))
    with pytest.raises(ValueError, match=r"missing: exchanges\.1"):
        load_model(ours)


def test_if_saving_fails_the_old_weights_stay(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in ours.iterdir()}

    def breaks(state: State, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("tcpformer.models.checkpoint.save_file", breaks)
    with pytest.raises(OSError, match="disk full"):
        save_model(TCPFormer(TINY), ours)
    assert {path.name: path.read_bytes() for path in ours.iterdir()} == before
