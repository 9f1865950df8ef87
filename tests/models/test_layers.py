"""The transformer parts: attention in all its forms, rotary positions and checks."""

from types import SimpleNamespace

import pytest
import torch

from tcpformer.models.layers import (
    Attention,
    AttentionMap,
    block,
    check_clips,
    check_sizes,
    rotate_by_position,
)


@torch.inference_mode()
def test_rotate_by_position_products_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 1, 12).expand(2, 1, 1, 9, 12).unbind()
    products = (rotate_by_position(q) @ rotate_by_position(k).mT)[0, 0]
    for shift in range(-8, 9):
        along = products.diagonal(shift)
        torch.testing.assert_close(along, along[:1].expand_as(along))
    assert products[0].std() > 0.1
    torch.testing.assert_close(rotate_by_position(q).norm(dim=-1), q.norm(dim=-1))


@pytest.mark.parametrize("places", [9, 40])
def test_attention_map_is_the_same_in_training(places: int) -> None:
    """With gradients on a CPU the map is formed; without, attention is fused."""
    q, k, v = torch.randn(3, 2, 4, places, 8).unbind()
    fused = AttentionMap(q, k).apply(v)
    formed = AttentionMap(q, k).apply(v.requires_grad_())
    torch.testing.assert_close(formed, fused, atol=1e-5, rtol=0)
    torch.testing.assert_close(AttentionMap(q, k).matrix() @ v, fused, atol=1e-5, rtol=0)


@pytest.mark.parametrize("axis", ["time", "joint"])
@torch.inference_mode()
def test_attention_stays_on_its_axis(axis: str) -> None:
    attention = Attention(8, 2, axis)  # type: ignore[arg-type]
    x = torch.randn(1, 5, 17, 8)
    moved = x.clone()
    moved[0, 2, 3] += 1.0
    changed = (attention(moved) != attention(x)).any(dim=-1)[0]
    expected = torch.zeros(5, 17, dtype=torch.bool)
    expected[slice(None) if axis == "time" else 2, 3 if axis == "time" else slice(None)] = True
    assert torch.equal(changed, expected)


@torch.inference_mode()
def test_block_starts_near_identity() -> None:
    x = torch.randn(1, 9, 17, 8)
    difference = (block(8, 2, "time")(x) - x).abs().max()
    assert 0 < difference < 1e-3


def test_check_clips_names_both_shapes() -> None:
    check_clips(torch.zeros(2, 9, 17, 3), 9)
    with pytest.raises(ValueError, match=r"\(batch, 9, 17, 2\), got \(2, 9, 17, 3\)"):
        check_clips(torch.zeros(2, 9, 17, 3), 9, 2)


def test_check_sizes_names_the_field() -> None:
    check_sizes(SimpleNamespace(depth=1, width=8, heads=4), ("depth",))
    with pytest.raises(ValueError, match=r"depth must be at least 1 and at most \d+, got 0"):
        check_sizes(SimpleNamespace(depth=0, width=8, heads=4), ("depth",))
    with pytest.raises(ValueError, match=r"heads \(3\) must divide width \(8\)"):
        check_sizes(SimpleNamespace(depth=1, width=8, heads=3), ("depth",))
