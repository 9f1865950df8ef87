"""Attention maps: those of the forward pass, and their picture."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from einops import rearrange
from torch import Tensor, nn

from research.attention_maps import LayerMaps, attention_maps, draw_attention, main
from research.variants import Config as VariantConfig
from research.variants import VariantTCPFormer
from tcpformer.models.tcpformer import Config, ProxyAttention, TCPFormer

FRAMES, HEADS = 9, 4


@pytest.fixture
def model() -> TCPFormer:
    torch.manual_seed(0)
    model = TCPFormer(Config(frames=FRAMES, depth=3, width=16, heads=HEADS, representation=8))
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, 0.1)
        if name.endswith(("qkv.weight", "query.weight")):
            nn.init.normal_(parameter, std=0.5)  # maps far from uniform
    return model


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, FRAMES, 17, 3, generator=torch.Generator().manual_seed(1))


def three(maps: LayerMaps) -> list[Tensor]:
    return [maps.self_attention, maps.proxy, maps.mix]


def test_attention_maps_have_rows_that_sum_to_1(model: TCPFormer, x: Tensor) -> None:
    layers = attention_maps(model, x)
    assert len(layers) == 3
    for m in (m for maps in layers for m in three(maps)):
        assert m.shape == (2, 17, HEADS, FRAMES, FRAMES)
        assert m.dtype == torch.float32
        assert not m.requires_grad
        assert (m >= 0).all()
        torch.testing.assert_close(m.sum(dim=-1), torch.ones(2, 17, HEADS, FRAMES))
        assert m.std() > 0.01


@torch.no_grad()
def test_mix_is_what_pam_applies(model: TCPFormer, x: Tensor) -> None:
    passed: list[tuple[ProxyAttention, Tensor, Tensor]] = []

    def keep(pam: ProxyAttention, given: tuple[Tensor, ...], out: Tensor) -> None:
        passed.append((pam, given[0], out))

    for pam in [m for m in model.modules() if isinstance(m, ProxyAttention)]:
        pam.register_forward_hook(keep)
    layers = attention_maps(model, x)
    for maps, (pam, pose, out) in zip(layers, passed, strict=True):
        value = pam.qkv(pam.norm(pose)).chunk(3, dim=-1)[2]
        v = rearrange(value, "b t j (h d) -> b j h t d", h=HEADS)
        y = pam.proj(rearrange(maps.mix @ v, "b j h t d -> b t j (h d)"))
        wanted = pam.mlp(pose + pam.scale(y))
        torch.testing.assert_close(wanted, out, atol=1e-5, rtol=1e-5)


def test_attention_maps_permute_with_frames(model: TCPFormer, x: Tensor) -> None:
    order = torch.randperm(FRAMES)
    for one, other in zip(
        attention_maps(model, x), attention_maps(model, x[:, order]), strict=True
    ):
        for m, permuted in zip(three(one), three(other), strict=True):
            wanted = m[..., order, :][..., order]
            torch.testing.assert_close(permuted, wanted, atol=1e-5, rtol=0)


def test_averaged(model: TCPFormer, x: Tensor) -> None:
    maps = attention_maps(model, x)[1]
    for m, whole, one in zip(three(maps), maps.averaged(), maps.averaged(joint=4), strict=True):
        np.testing.assert_allclose(whole, m.numpy().mean(axis=(0, 1, 2)), atol=1e-6)
        np.testing.assert_allclose(one, m.numpy()[:, 4].mean(axis=(0, 1)), atol=1e-6)


def test_attention_maps_leave_no_hooks(model: TCPFormer, x: Tensor) -> None:
    def hooks() -> int:
        return sum(len(m._forward_pre_hooks) + len(m._forward_hooks) for m in model.modules())

    before = model(x)
    attention_maps(model, x)
    assert torch.equal(model(x), before)
    assert hooks() == 0
    with pytest.raises(ValueError, match="expected clips"):
        attention_maps(model, x[:, :3])
    assert hooks() == 0


def test_attention_maps_refuse_a_network_without_pam(x: Tensor) -> None:
    config = VariantConfig(frames=FRAMES, depth=1, width=8, heads=1, modules="pum+pim")
    with pytest.raises(ValueError, match="expected a network with PAM"):
        attention_maps(VariantTCPFormer(config), x)


def test_draw_attention_shows_the_weights(tmp_path: Path) -> None:
    """The same colors for one layer's weights and for another's a hundredth of them."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "maps.png"
    maps = np.stack([np.eye(5), np.zeros((5, 5)), np.zeros((5, 5))])
    draw_attention({1: maps, 7: 0.01 * maps}, path)
    picture = cv2.imread(str(path))
    assert picture is not None
    h, w, _ = picture.shape
    first, second = slice(0, int(0.35 * w)), slice(int(0.36 * w), int(0.62 * w))
    for half in (picture[: h // 2], picture[h // 2 :]):
        assert share_of_bright(half[:, first]) == pytest.approx(1 / 5, abs=0.02)
        assert share_of_bright(half[:, second]) == 0
    assert list(tmp_path.iterdir()) == [path]


def share_of_bright(picture: np.ndarray) -> float:
    """Return the share of the brightest color among pixels of either end of the scale."""
    bright, dark = (
        (abs(picture.astype(int) - bgr) < 10).all(axis=-1).sum()
        for bgr in ((37, 231, 253), (84, 1, 68))
    )
    assert dark > 10_000
    return float(bright / (bright + dark))


def test_draw_attention_refuses_no_maps(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="at least one layer"):
        draw_attention({}, tmp_path / "maps.png")
    assert not list(tmp_path.iterdir())


def test_draw_attention_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tcpformer\[research\]'"):
        draw_attention({1: np.ones((3, 2, 2))}, tmp_path / "maps.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--joint", "LWrist"], None),
        (["--joint", "Tail"], "joint must be one of"),
        (["--layers", "7"], "layers must be from 1 to"),
    ],
)
def test_main_draws_attention_of_keypoints(
    options: list[str], words: str | None, walking: Path, tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "attention.png"
    arguments = [str(walking), "--weights", str(tiny), "--out", str(out), *options]
    if words is not None:
        with pytest.raises(ValueError, match=words):
            main(arguments)
        assert not out.exists()
        return
    main(arguments)
    assert out.read_bytes().startswith(b"\x89PNG")
