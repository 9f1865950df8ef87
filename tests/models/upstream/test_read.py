"""Released checkpoints: they load whole or give one error, and no code in them runs."""

import argparse
import os
import pickle
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from baselines import HINTS, checkpoint
from baselines import golden as baseline
from paths import GOLDEN
from safetensors.torch import save_file

from tcpformer.models import poseformerv2, strided_transformer
from tcpformer.models.checkpoint import load_model, load_weights
from tcpformer.models.tcpformer import Config
from tcpformer.models.upstream.read import CONTAINERS, SUFFIXES, read_released, translate
from tcpformer.models.upstream.release import CheckpointHints

State = dict[str, torch.Tensor]
HEADS = 4


def released(frames: int) -> State:
    """Return the state of a checkpoint, under the names and in the shapes of the released code."""
    return dict(_released(frames))


@cache
def _released(frames: int) -> State:
    with np.load(GOLDEN / f"tcpformer_L2_d32_T{frames}.npz") as data:
        return {key[6:]: torch.from_numpy(data[key]) for key in data if key.startswith("state/")}


def golden(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    with np.load(GOLDEN / f"tcpformer_L2_d32_T{frames}.npz") as data:
        return torch.from_numpy(data["input"]), torch.from_numpy(data["output"])


# TCPFormer


@pytest.mark.parametrize(
    ("under", "prefix", "suffix"),
    [
        ("model", "module.", ".pth.tr"),
        ("state_dict", "", ".pth"),
        ("", "module.", ".pt"),
        ("", "", ".bin"),
    ],
)
@torch.inference_mode()
def test_load_model_gives_the_released_output(
    tmp_path: Path, under: str, prefix: str, suffix: str
) -> None:
    state = {prefix + key: value for key, value in released(9).items()}
    content = {"epoch": 3, "lr": 1e-4, under: state, "optimizer": None} if under else state
    torch.save(content, tmp_path / f"best{suffix}")
    model = load_model(tmp_path / f"best{suffix}", heads=HEADS)
    given, output = golden(9)
    assert not model.training
    torch.testing.assert_close(model(given), output, atol=5e-6, rtol=0)


# Whatever a training program adds

PREFIXES = (
    "", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "network.",
    "net.", "model.module.", "model._orig_mod.", "network._orig_mod.module.", "lifter.backbone.",
)  # fmt: skip


def beside() -> dict[str, Any]:
    """Return what programs save beside the weights."""
    return {
        "epoch": 3,
        "lr": 1e-4,
        "min_mpjpe": np.float64(38.2),
        "best": {"mpjpe": np.float32(1), "history": np.zeros(3), "dtype": np.dtype("f4")},
        "args": argparse.Namespace(lr=1e-4, out=Path("out"), gpus={0, 1}),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []},
        "random": [torch.get_rng_state(), np.arange(5), random.getstate()],
        "wandb_id": None,
    }


@cache
def plain() -> tuple[Any, State]:
    """Return what the plain state dict gives."""
    return translate(released(9), CheckpointHints(heads=HEADS), "plain")


def equals_plain(path: Path) -> None:
    """Check that a file gives the config and the weights of the plain state dict."""
    config, found = read_released(path, CheckpointHints(heads=HEADS))
    assert config == plain()[0]
    assert found.keys() == plain()[1].keys()
    assert all(torch.equal(found[key], value) for key, value in plain()[1].items())


def in_turn() -> list[tuple[str, str, str, bool]]:
    """Return containers, prefixes, suffixes and forms, so that each meets many of the others."""
    counts = len(PREFIXES), len(CONTAINERS) + 1, len(SUFFIXES)
    return [
        (
            ("", *CONTAINERS)[n % counts[1]],
            PREFIXES[(n + n // counts[1]) % counts[0]],
            (*SUFFIXES[:-1], ".pth.tr")[n % counts[2]],
            n % 2 == 0,
        )
        for n in range(3 * counts[1])
    ]


@pytest.mark.parametrize(("under", "prefix", "suffix", "legacy"), in_turn())
def test_read_released_of_containers_prefixes_suffixes_and_forms(
    tmp_path: Path, under: str, prefix: str, suffix: str, legacy: bool
) -> None:
    state = {prefix + key: value for key, value in released(9).items()}
    content = {**beside(), under: state} if under else state
    torch.save(content, tmp_path / f"a{suffix}", _use_new_zipfile_serialization=not legacy)
    equals_plain(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("name", ["best.safetensors", "model.safetensors"])
@pytest.mark.parametrize("prefix", PREFIXES[:4])
def test_read_released_of_safetensors(tmp_path: Path, prefix: str, name: str) -> None:
    save_file({prefix + k: v.contiguous() for k, v in released(9).items()}, tmp_path / name)
    equals_plain(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        lambda state: {"model": {"state_dict": state}},
        lambda state: {"checkpoint": 1, "state_dict": {"model": state}},
        lambda state: {"model": state, "ema": {k: v + 1 for k, v in state.items()}},
        lambda state: {"model": "TCPFormer", "state_dict": state},
        lambda state: {"n_averaged": torch.ones(1), **{f"module.{k}": v for k, v in state.items()}},
        lambda state: {"loss.weight": torch.ones(2), **{f"model.{k}": v for k, v in state.items()}},
        lambda state: {k.replace("layers.0.", "layers.0._orig_mod."): v for k, v in state.items()},
        lambda state: {
            **{f"teacher.{k}": v + 1 for k, v in state.items()},
            **{f"model.{k}": v for k, v in state.items()},
        },
        lambda state: {**state, "epoch": np.int64(3), "note": None},
        lambda state: {k: torch.nn.Parameter(v.clone()) for k, v in state.items()},
    ],
    ids=["nested", "nested 2", "ema", "name", "SWA", "loss", "compiled part", "teacher", "flat",
         "parameters"],
)  # fmt: skip
def test_read_released_of_what_programs_add(
    tmp_path: Path, content: Callable[[State], object]
) -> None:
    torch.save(content(released(9)), tmp_path / "a.ckpt")
    equals_plain(tmp_path / "a.ckpt")


@pytest.mark.parametrize("name", HINTS)
@pytest.mark.parametrize("prefix", ["module.", "model._orig_mod."])
def test_read_released_of_the_baselines(tmp_path: Path, name: str, prefix: str) -> None:
    state = baseline(name)[0]
    torch.save(
        {**beside(), "model_pos": {prefix + k: v for k, v in state.items()}}, tmp_path / "a.pth"
    )
    torch.save(state, tmp_path / "b.pth")
    hints = CheckpointHints(**HINTS[name])
    (config, found), (wanted, weights) = (read_released(tmp_path / f"{x}.pth", hints) for x in "ab")
    assert config == wanted
    assert all(torch.equal(found[key], value) for key, value in weights.items())


def test_read_released_refuses_several_networks(tmp_path: Path) -> None:
    state = released(9)
    both = {f"{who}.{key}": value for who in ("student", "teacher") for key, value in state.items()}
    torch.save(both, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"one network, got 2, under \['student\.', 'teacher\.'\]"):
        load_model(tmp_path / "a.pth")


def test_read_released_names_a_whole_network(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"torch\.nn\.\S*Linear object; save its state dict"):
        load_model(tmp_path / "a.pth")


def test_read_released_refuses_damaged_safetensors(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    (tmp_path / "b.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="no known network"):
        load_model(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"b\.safetensors: not a whole safetensors file"):
        load_model(tmp_path / "b.safetensors")


@pytest.mark.parametrize("frames", [9, 27])
@torch.inference_mode()
def test_load_model_reads_sizes_from_shapes(tmp_path: Path, frames: int) -> None:
    torch.save(released(frames), tmp_path / "a.pth")
    wanted = Config(
        frames=frames, depth=2, width=32, heads=HEADS, representation=64, local_branch=True
    )
    model = load_model(tmp_path / "a.pth", heads=HEADS)
    assert model.config == wanted
    given, output = golden(frames)
    torch.testing.assert_close(model(given), output, atol=5e-6, rtol=0)


def test_load_model_without_local_branch(tmp_path: Path) -> None:
    state = {k: v for k, v in released(9).items() if "local_" not in k and "loacl_" not in k}
    torch.save(state, tmp_path / "a.pth")
    assert len(state) < len(released(9))
    assert not load_model(tmp_path / "a.pth", heads=HEADS).config.local_branch


@torch.inference_mode()
def test_load_model_heads_change_the_output(tmp_path: Path) -> None:
    torch.save(released(9), tmp_path / "a.pth")
    given, output = golden(9)
    other = load_model(tmp_path / "a.pth", heads=2 * HEADS)
    assert (other(given) - output).abs().max() > 1e-4


def test_load_weights_has_no_spec(tmp_path: Path) -> None:
    torch.save(released(9), tmp_path / "a.pth")
    weights = load_weights(tmp_path / "a.pth", heads=HEADS)
    assert weights.spec is None
    assert weights.name.startswith("a.pth sha256:")


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
        (_with_extra, r"unknown: mixers\.1\.gcn\.bias\.$"),
        (_reshaped, r"of another shape: head\.weight\.$"),
        (_another, r"no known network .*PoseFormerV2.*blocks_st"),
    ],
)
def test_load_model_names_keys_that_differ(
    tmp_path: Path, change: Callable[[State], State], words: str
) -> None:
    torch.save({"model": change(released(9))}, tmp_path / "a.pth.tr")
    with pytest.raises(ValueError, match=words) as caught:
        load_model(tmp_path / "a.pth.tr", heads=HEADS)
    assert str(tmp_path / "a.pth.tr") in str(caught.value)


def test_load_model_names_few_of_many_keys(tmp_path: Path) -> None:
    state = {k: v for k, v in released(9).items() if not k.startswith("temporal_layers.")}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"missing: exchanges\.0.* and \d+ more") as caught:
        load_model(tmp_path / "a.pth", heads=HEADS)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("heads", [5, 3, 0, -1, 64])
def test_load_model_refuses_bad_heads(tmp_path: Path, heads: int) -> None:
    torch.save(released(9), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=rf"heads.*{heads}.*--heads"):
        load_model(tmp_path / "a.pth", heads=heads)


class Code:
    """Code that runs when it is unpickled, and makes a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_load_model_runs_no_code(tmp_path: Path, how: str) -> None:
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
def test_load_model_refuses_damaged_file(tmp_path: Path, content: bytes) -> None:
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
def test_load_model_refuses_other_content(tmp_path: Path, content: object, words: str) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=words):
        load_model(tmp_path / "a.pt")


def test_load_model_refuses_other_suffix(tmp_path: Path) -> None:
    (tmp_path / "weights.zip").write_bytes(b"")
    with pytest.raises(ValueError, match=r"expected a checkpoint file \(\.tr, \.pth"):
        load_model(tmp_path / "weights.zip")


def test_load_model_of_nothing_lists_sources(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights at .*'default'.*model\.safetensors"):
        load_model(tmp_path / "nowhere")


# The baselines


@pytest.mark.parametrize(
    ("name", "config"),
    [
        (
            "poseformerv2",
            poseformerv2.Config(
                frames=27, kept_frames=3, kept_coefficients=3, width=8, depth=2, heads=8
            ),
        ),
        (
            "strided_transformer",
            strided_transformer.Config(
                frames=27, strides=(3, 3, 3), width=32, hidden=64, depth=2, heads=8
            ),
        ),
    ],
)
def test_load_weights_recognizes_the_baseline(tmp_path: Path, name: str, config: Any) -> None:
    weights = load_weights(checkpoint(name, tmp_path), **HINTS[name])
    assert weights.model.config == config
    assert weights.spec is None
    assert not weights.model.training


@pytest.mark.parametrize("name", HINTS)
def test_load_model_needs_hints(tmp_path: Path, name: str) -> None:
    missing = next(iter(HINTS[name]))
    with pytest.raises(
        ValueError, match=rf"do not determine {missing}: .*give {missing} \(--{missing}\)"
    ) as caught:
        load_model(checkpoint(name, tmp_path))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hints", "words"),
    [
        ("strided_transformer", {"strides": (3, 9)}, r"expected 3 strides.*got \(3, 9\)"),
        ("strided_transformer", {"strides": (3, 3, 9)}, r"frames \(27\) their product.*--strides"),
        (
            "strided_transformer",
            {"strides": (3, 3, 3), "frames": 81},
            "has frames=27, got frames=81",
        ),
        ("strided_transformer", {"strides": (3, 3, 3), "heads": 5}, r"heads \(5\).*--heads"),
        ("poseformerv2", {"frames": 26}, r"must be odd.*got 26.*--frames"),
        ("poseformerv2", {"frames": 1}, r"at most frames \(1\)"),
        (
            "poseformerv2",
            {"frames": 27, "strides": (27,)},
            r"has strides=None, got strides=\(27,\)",
        ),
    ],
)
def test_load_model_refuses_wrong_hints(
    tmp_path: Path, name: str, hints: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        load_model(checkpoint(name, tmp_path), **hints)


def test_load_model_of_tcpformer_checks_hints(tmp_path: Path) -> None:
    torch.save(released(9), tmp_path / "a.pth")
    assert load_model(tmp_path / "a.pth", heads=HEADS, frames=9).config.frames == 9
    with pytest.raises(ValueError, match="has frames=9, got frames=27"):
        load_model(tmp_path / "a.pth", heads=HEADS, frames=27)
    with pytest.raises(ValueError, match="has strides=None"):
        load_model(tmp_path / "a.pth", heads=HEADS, strides=(3, 3))


def test_load_model_without_unused_weights(tmp_path: Path) -> None:
    name, dead = (
        "strided_transformer",
        ("Transformer.model.norm.", "Transformer_reduce.model.norm."),
    )
    state = {key: value for key, value in baseline(name)[0].items() if not key.startswith(dead)}
    assert len(state) == len(baseline(name)[0]) - 4
    torch.save(state, tmp_path / "a.pth")
    load_model(tmp_path / "a.pth", **HINTS[name])


@pytest.mark.parametrize("name", HINTS)
def test_load_model_names_an_extra_key(tmp_path: Path, name: str) -> None:
    path = checkpoint(name, tmp_path, **{"refine.norm.weight": torch.zeros(3)})
    with pytest.raises(ValueError, match=r"unknown: refine\.norm\.weight\.$"):
        load_model(path, **HINTS[name])


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("poseformerv2", "Temporal_pos_embed_"),
        ("poseformerv2", "Joint_embedding.weight"),
        ("strided_transformer", "Transformer.pos_embedding"),
    ],
)
def test_load_model_refuses_missing_sizes(tmp_path: Path, name: str, lacking: str) -> None:
    state = baseline(name)[0]
    del state[lacking]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a\.pth: not the whole weights of a \w+ \(KeyError"):
        load_model(tmp_path / "a.pth", **HINTS[name])
