"""Weights: what loads loads whole, what does not says so in one error, and nothing in it runs."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import GOLDEN
from safetensors.torch import load_file, save_file

from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.weights import (
    CONFIG_FILE,
    PACKAGED,
    WEIGHTS_FILE,
    Convention,
    load_model,
    load_weights,
    packaged,
    save_model,
)

State = dict[str, torch.Tensor]
HEADS = 4
TINY = Config(frames=9, depth=1, width=8, heads=2, representation=12)


def released(frames: int) -> State:
    """The state of a checkpoint, under the names and in the shapes of the released code."""
    with np.load(GOLDEN / f"tcpformer_L2_d32_T{frames}.npz") as data:
        return {key[6:]: torch.from_numpy(data[key]) for key in data if key.startswith("state/")}


def golden(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    with np.load(GOLDEN / f"tcpformer_L2_d32_T{frames}.npz") as data:
        return torch.from_numpy(data["input"]), torch.from_numpy(data["output"])


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    save_model(TCPFormer(TINY), tmp_path / "ours", convention=Convention(spacing=5))
    return tmp_path / "ours"


# Released checkpoints


@pytest.mark.parametrize("under", ["model", "state_dict", ""])
@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize("suffix", [".pth.tr", ".pth", ".pt", ".bin"])
@torch.inference_mode()
def test_a_released_checkpoint_gives_its_own_output(
    tmp_path: Path, under: str, prefix: str, suffix: str
) -> None:
    state = {prefix + key: value for key, value in released(9).items()}
    content = {"epoch": 3, "lr": 1e-4, under: state, "optimizer": None} if under else state
    torch.save(content, tmp_path / f"best{suffix}")
    model = load_model(tmp_path / f"best{suffix}", heads=HEADS)
    given, output = golden(9)
    assert not model.training
    torch.testing.assert_close(model(given), output, atol=5e-6, rtol=0)


@pytest.mark.parametrize("frames", [9, 27])
@torch.inference_mode()
def test_sizes_are_read_from_shapes(tmp_path: Path, frames: int) -> None:
    torch.save(released(frames), tmp_path / "a.pth")
    wanted = Config(
        frames=frames, depth=2, width=32, heads=HEADS, representation=64, local_branch=True
    )
    model = load_model(tmp_path / "a.pth", heads=HEADS)
    assert model.config == wanted
    given, output = golden(frames)
    torch.testing.assert_close(model(given), output, atol=5e-6, rtol=0)


def test_a_checkpoint_without_local_branch_has_none(tmp_path: Path) -> None:
    state = {k: v for k, v in released(9).items() if "local_" not in k and "loacl_" not in k}
    torch.save(state, tmp_path / "a.pth")
    assert len(state) < len(released(9))
    assert not load_model(tmp_path / "a.pth", heads=HEADS).config.local_branch


@torch.inference_mode()
def test_heads_are_believed_and_matter(tmp_path: Path) -> None:
    torch.save(released(9), tmp_path / "a.pth")
    given, output = golden(9)
    other = load_model(tmp_path / "a.pth", heads=2 * HEADS)
    assert (other(given) - output).abs().max() > 1e-4


def test_a_released_checkpoint_does_not_say_what_it_expects(tmp_path: Path) -> None:
    torch.save(released(9), tmp_path / "a.pth")
    weights = load_weights(tmp_path / "a.pth", heads=HEADS)
    assert weights.convention is None
    assert weights.name.startswith("a.pth sha256:")


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


def _without(state: State) -> State:
    del state["layers.1.att_temporal.mlp.fc1.bias"]
    return state


def _with_extra(state: State) -> State:
    return state | {"layers.1.gcn.bias": torch.zeros(3)}


def _reshaped(state: State) -> State:
    return state | {"head.weight": torch.zeros(3, 65)}


def _another(state: State) -> State:
    """Names as other lifting networks have them."""
    return {
        "joints_embed.weight": state["joints_embed.weight"],
        "blocks_st.0.fc.bias": state["norm.bias"],
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without, r"missing: mixers\.1\.joint_first\.1\.1\.body\.expand\.bias\.$"),
        (_with_extra, r"not known: mixers\.1\.gcn\.bias\.$"),
        (_reshaped, r"of another shape: head\.weight\.$"),
        (_another, r"not the weights of a TCPFormer.*blocks_st"),
    ],
)
def test_other_keys_are_named(tmp_path: Path, change: Callable[[State], State], words: str) -> None:
    torch.save({"model": change(released(9))}, tmp_path / "a.pth.tr")
    with pytest.raises(ValueError, match=words) as caught:
        load_model(tmp_path / "a.pth.tr", heads=HEADS)
    assert str(tmp_path / "a.pth.tr") in str(caught.value)


def test_when_very_many_keys_differ_a_few_are_named(tmp_path: Path) -> None:
    state = {k: v for k, v in released(9).items() if not k.startswith("temporal_layers.")}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"missing: exchanges\.0.* and \d+ more") as caught:
        load_model(tmp_path / "a.pth", heads=HEADS)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("heads", [5, 3, 0, -1, 64])
def test_heads_that_cannot_be_are_refused(tmp_path: Path, heads: int) -> None:
    torch.save(released(9), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=rf"heads.*{heads}.*--heads"):
        load_model(tmp_path / "a.pth", heads=heads)


class Code:
    """Runs when it is unpickled, and leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, how: str) -> None:
    path, trace = tmp_path / "a.pth", tmp_path / "ran"
    content = {"model": released(9), "code": Code(trace)}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
        pickle.loads(pickle.dumps(Code(trace)))  # it would run
        trace.rmdir()
    with pytest.raises(ValueError, match="nothing in it was run") as caught:
        load_model(path)
    assert "weights_only" not in str(caught.value)  # torch's advice is to run it
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"these are no weights\n", b"PK\x03\x04 cut off"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.pth: not a checkpoint of plain tensors"):
        load_model(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.zeros(3)], "expected a dictionary of tensors, got list"),
        ({}, "expected a dictionary of tensors"),
        ({"model": {"proxy": "three"}}, r"tensors only, but \['proxy'\]"),
        (torch.zeros(3), "expected a dictionary of tensors, got Tensor"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    tmp_path: Path, content: object, words: str
) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=words):
        load_model(tmp_path / "a.pt")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.zip").write_bytes(b"")
    with pytest.raises(ValueError, match=r"expected a checkpoint file \(\.tr, \.pth"):
        load_model(tmp_path / "weights.zip")


def test_nothing_there_says_what_there_could_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights at .*'default'.*model\.safetensors"):
        load_model(tmp_path / "nowhere")


# Ours


@pytest.mark.parametrize(
    "convention",
    [
        None,
        Convention(),
        Convention(skeleton="mpi-inf-3dhp", rule="screen", unit="screen", fps=25.0, spacing=3),
    ],
)
@pytest.mark.parametrize("local", [False, True])
@torch.inference_mode()
def test_load_undoes_save(tmp_path: Path, convention: Convention | None, local: bool) -> None:
    config = Config(frames=9, depth=2, width=12, heads=3, representation=20, local_branch=local)
    model = TCPFormer(config)
    save_model(model, tmp_path / "made" / "anew", convention=convention)
    loaded = load_weights(tmp_path / "made" / "anew")
    assert loaded.convention == convention
    assert loaded.model.config == config
    x = torch.randn(2, 9, 17, 3)
    assert torch.equal(loaded.model(x), model.eval()(x))
    assert files(tmp_path) == [CONFIG_FILE, WEIGHTS_FILE]


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
    assert "default" in packaged()
    for name in packaged():
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

    monkeypatch.setattr("tcpformer.weights.save_file", breaks)
    with pytest.raises(OSError, match="disk full"):
        save_model(TCPFormer(TINY), ours)
    assert {path.name: path.read_bytes() for path in ours.iterdir()} == before
