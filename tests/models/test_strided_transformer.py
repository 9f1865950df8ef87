"""The Strided Transformer: equal to the released code; its norm, strides and two outputs."""

from pathlib import Path
from typing import Any

import pytest
import torch
from baselines import HINTS, checkpoint, golden, untouched

from tcpformer.models.checkpoint import load_model
from tcpformer.models.strided_transformer import (
    PRESETS,
    Attention,
    Config,
    Layer,
    Norm,
    StridedTransformer,
)

COUNTS = {27: 4_014_438, 351: 4_346_214}
"""As published (4.01 M, 4.34 M): with four dead vectors, norms that are saved and never applied."""
TINY = Config(frames=15, strides=(3, 5), depth=2, width=8, hidden=12, heads=2)


@pytest.fixture
def released(tmp_path: Path) -> StridedTransformer:
    return load_model(checkpoint("strided_transformer", tmp_path), **HINTS["strided_transformer"])


def test_forward_equals_released_code(released: StridedTransformer) -> None:
    arrays = golden("strided_transformer")[1]
    with torch.inference_mode():
        full, center = released.both(arrays["input"])
        torch.testing.assert_close(released(arrays["input"]), arrays["output"], atol=5e-6, rtol=0)
        torch.testing.assert_close(center, arrays["output"], atol=5e-6, rtol=0)
        torch.testing.assert_close(full, arrays["output_full"], atol=5e-6, rtol=0)


def test_forward_is_the_same_in_training_on_cpu(released: StridedTransformer) -> None:
    """Training on a CPU forms the attention maps."""
    arrays = golden("strided_transformer")[1]
    torch.testing.assert_close(released(arrays["input"]), arrays["output"], atol=5e-6, rtol=0)


@pytest.mark.parametrize("frames", PRESETS)
def test_parameter_count_is_published(frames: int) -> None:
    config = PRESETS[frames]
    with torch.device("meta"):
        model = StridedTransformer(config)
    dead = 2 * 2 * config.width
    assert sum(p.numel() for p in model.parameters()) + dead == COUNTS[frames]


def test_backward_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    model = StridedTransformer(TINY)
    full, center = model.both(torch.randn(4, 15, 17, 2))
    (full.square().sum() + center.square().sum()).backward()
    assert not [name for name in untouched(model) if not name.endswith("key.bias")]


def test_attention_ignores_the_key_bias() -> None:
    """It adds the same to all logits of a query: its gradient is rounding error."""
    torch.manual_seed(0)
    attention, x = Attention(TINY).eval(), torch.randn(2, 15, 8)
    with torch.no_grad():
        before = attention(x)
        attention.key.bias.add_(3)
        torch.testing.assert_close(attention(x), before, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["plain.0", "plain.1", "strided.0", "strided.1", "strided.2"])
def test_forward_depends_on_every_layer(
    released: StridedTransformer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = golden("strided_transformer")[1]
    layer = released.get_submodule(name)
    stride = int(getattr(layer, "stride"))  # noqa: B009  # a module's attributes have no type
    monkeypatch.setattr(layer, "forward", lambda x: x[:, ::stride])
    with torch.inference_mode():
        assert (released(arrays["input"]) - arrays["output"]).abs().max() > 1e-3


def test_norm_divides_by_unbiased_deviation_plus_eps() -> None:
    x = torch.tensor([[[-2.0, 0.0, 2.0], [-2e-6, 0.0, 2e-6]]])
    wanted = torch.tensor([[[-1.0, 0.0, 1.0], [-2 / 3, 0.0, 2 / 3]]])
    torch.testing.assert_close(Norm(3)(x), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("stride", [1, 3, 5])
@torch.inference_mode()
def test_layer_keeps_every_stride_th_token(stride: int) -> None:
    """Attention and convolution give 0 here."""
    layer = Layer(TINY, stride).eval()
    for part in (layer.attention.proj, layer.contract):
        for parameter in part.parameters():
            parameter.zero_()
    x = torch.randn(2, 15, 8)
    torch.testing.assert_close(layer(x), x[:, ::stride])


@torch.inference_mode()
def test_layer_reads_neighbors_of_kept_tokens() -> None:
    torch.manual_seed(0)
    layer = Layer(TINY, 5).eval()
    for parameter in layer.attention.proj.parameters():
        parameter.zero_()
    x = torch.randn(1, 15, 8)
    before = layer(x)
    read = set()
    for frame in range(15):
        moved = x.clone()
        moved[:, frame] += torch.randn(8)
        if not torch.allclose(layer(moved)[:, 1], before[:, 1], atol=1e-6):
            read.add(frame)
    assert read == {4, 5, 6}


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    model, x = StridedTransformer(TINY), torch.randn(2, 15, 17, 2)
    with torch.no_grad():
        model.eval()
        assert torch.equal(model(x), model(x))
        attention = model.plain[0].get_submodule("attention").train()
        y = torch.randn(2, 15, 8)
        assert not torch.equal(attention(y), attention(y))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"frames": 27}, r"frames \(27\) their product, got \(3, 9, 13\)"),
        ({"frames": 18, "strides": (3, 6)}, "strides must be odd"),
        ({"frames": 1, "strides": ()}, r"got \(\)"),
        ({"frames": 9, "strides": (-3, -3)}, r"got \(-3, -3\)"),
        ({"depth": 0}, r"depth must be at least 1 and at most \d+, got 0"),
        ({"heads": 7}, r"heads \(7\) must divide width \(256\)"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\), got -0.1"),
        ({"layer_dropout": 1.0}, r"layer_dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_config_refuses_bad_sizes(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config(**fields)
