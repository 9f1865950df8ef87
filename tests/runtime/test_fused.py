"""The frozen form: the same function, in both numbers, at every shape."""

from typing import Any

import pytest
import textbook
import torch

from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.runtime import fast_attention
from tcpformer.runtime import fused as frozen


def network(frames: int = 36, *, local_branch: bool = False) -> TCPFormer:
    """Random in every number, so that nothing that is folded is without effect."""
    torch.manual_seed(0)
    config = Config(
        frames=frames,
        depth=2,
        width=16,
        heads=2,
        representation=16,
        local_branch=local_branch,
    )
    model = TCPFormer(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def clips(n: int, frames: int = 36) -> torch.Tensor:
    return torch.rand(n, frames, 17, 3, generator=torch.Generator().manual_seed(1)) - 0.5


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("frames", [9, 36])
def test_it_says_what_the_textbook_says(n: int, frames: int) -> None:
    model, x = network(frames), clips(n, frames)
    wanted = textbook.forward(model, x)
    assert wanted.std() > 0.1
    torch.testing.assert_close(model.freeze()(x), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "ours",
    [
        {"pose_embedding": True},
        {"frame_position": True},
        {"pose_layers": 2},
        {"pose_layers": 2, "rotary_poses": True},
    ],
)
def test_what_is_ours_and_not_the_papers(ours: dict[str, Any]) -> None:
    torch.manual_seed(0)
    config = Config(frames=9, depth=1, width=16, heads=2, **ours)
    model, x = TCPFormer(config).eval().requires_grad_(False), clips(2, 9)
    for name, p in model.named_parameters():  # what starts at 0 or all but closed
        if name.endswith(("frame_position", "poses.position", "gain")):
            p.normal_()
    assert (model(x) - model(x.flip(1))).abs().max() > 0.1
    torch.testing.assert_close(model.freeze()(x), model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("change", [{"NARROW": True}, {"NARROW": False}, {"FUSES": False}])
def test_whichever_library_multiplies(
    change: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1224 tokens: an MLP takes them in two parts, the second one smaller, where it takes parts."""
    model, x = network(), clips(2)
    for name, value in change.items():
        monkeypatch.setattr(frozen, name, value)
    assert x[..., 0].numel() % frozen.TOKENS > 0
    torch.testing.assert_close(model.freeze()(x), model(x), atol=1e-4, rtol=0)


def test_bfloat16_is_near_and_answers_in_float32() -> None:
    model, x = network(), clips(2)
    exact, coarse = model(x), model.freeze(torch.bfloat16)(x)
    assert coarse.dtype == torch.float32
    error = (coarse - exact).square().mean().sqrt() / exact.std()
    assert 1e-4 < error < 0.05


def test_the_local_branch_is_left_out() -> None:
    model, x = network(local_branch=True), clips(1)
    torch.testing.assert_close(model.freeze()(x), model(x, skip_local=True), atol=1e-4, rtol=0)


def test_it_does_not_learn_and_does_not_follow() -> None:
    model, x = network(), clips(1)
    made = model.freeze()
    before = made(x)
    model.head.weight.add_(1.0)
    assert torch.equal(made(x), before)
    assert not any(parameter.requires_grad for parameter in made.parameters())


def test_a_stage_of_the_ablation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"only the whole network can be frozen, got modules='pum"):
        TCPFormer(Config(frames=9, depth=1, width=8, heads=1, modules="pum")).freeze()


def test_clips_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(batch, 36, 17, 3\), got \(1, 9, 17, 3\)"):
        network().freeze()(clips(1, 9))


@pytest.mark.parametrize(("queries", "keys"), [(5, 7), (40, 60), (1100, 1000)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_kind_of_attention_agrees(queries: int, keys: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 4) for n in (queries, keys, keys))
    wanted = (q @ k.mT).softmax(dim=-1) @ v
    found = fast_attention.attention(q.to(dtype), k.to(dtype), v.to(dtype)).float()
    torch.testing.assert_close(found, wanted, atol=1e-5 if dtype == torch.float32 else 0.05, rtol=0)


@pytest.mark.parametrize("size", [-30.0, 30.0])
def test_scores_beyond_the_exponential_are_not_lost(size: float) -> None:
    """All scores of the first row are 900 or -900: its exponentials are infinite, or none."""
    q, k = torch.zeros(1, 1, 40, 4), torch.zeros(1, 1, 40, 4)
    q[..., 0, 0], k[..., 0] = size, 30.0
    v = torch.randn(1, 1, 40, 4, generator=torch.Generator().manual_seed(0))
    parts = [part.bfloat16() for part in (q, k, v)]
    assert fast_attention.in_pieces(*parts) is None
    found = fast_attention.attention(*parts).float()
    torch.testing.assert_close(found, v.mean(2, keepdim=True).expand_as(v), atol=0.02, rtol=0)
