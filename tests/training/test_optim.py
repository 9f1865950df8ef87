"""Optimizers, the schedule of the learning rate, and the average of the weights."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from trainings import OWN, STRIDED, TINY, same

from tcpformer.models import build
from tcpformer.training.config import TrainConfig
from tcpformer.training.optim import (
    Muon,
    is_hidden,
    lr_factor,
    optimizer_for,
    orthogonalize,
    update_average,
)
from tcpformer.training.presets import PRESETS


@pytest.mark.parametrize("shape", [(64, 64), (192, 64), (64, 256)])
def test_orthogonalize_moves_singular_values_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(3, *shape)))
    assert values.quantile(0.05) > 0.5  # a random square matrix may be nearly singular
    assert values.max() < 1.3


def test_orthogonalize_keeps_directions_of_an_orthogonal_matrix() -> None:
    u, _, v = torch.linalg.svd(torch.randn(2, 48, 48))
    out = orthogonalize(u @ v)
    turned = u.mT @ out @ v.mT
    off = turned - torch.diag_embed(turned.diagonal(dim1=-2, dim2=-1))
    assert off.abs().max() < 1e-3


def test_orthogonalize_ignores_the_scale() -> None:
    x = torch.randn(1, 40, 64)
    torch.testing.assert_close(orthogonalize(1e-6 * x), orthogonalize(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "hidden"),
    [((64, 64), True), ((256, 64), True), ((64, 3), False), ((64,), False), ((9, 64, 64), False)],
)
def test_is_hidden(shape: tuple[int, ...], hidden: bool) -> None:
    assert is_hidden(torch.zeros(shape)) is hidden


def test_muon_steps_small_maps_like_adamw() -> None:
    torch.manual_seed(0)
    mine, theirs = nn.Linear(8, 8), nn.Linear(8, 8)
    theirs.load_state_dict(mine.state_dict())
    ours = Muon(mine.parameters(), lr=0.01, weight_decay=0.1)
    adamw = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(5):
        x = torch.randn(4, 8)
        for net, optimizer in ((mine, ours), (theirs, adamw)):
            optimizer.zero_grad()
            net(x).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(mine.weight, theirs.weight)
    torch.testing.assert_close(mine.bias, theirs.bias)


def test_muon_step_size_follows_the_learning_rate() -> None:
    net = nn.Linear(64, 128, bias=False)
    before = net.weight.detach().clone()
    net(torch.randn(300, 64)).square().mean().backward()
    Muon(net.parameters(), lr=1.0, weight_decay=0.0).step()
    step = (net.weight - before).square().mean().sqrt().item()
    assert step == pytest.approx(0.2, rel=0.15)


def test_muon_fits_a_linear_map() -> None:
    torch.manual_seed(0)
    net, wanted = nn.Linear(40, 40, bias=False), torch.randn(40, 40) / 40**0.5
    optimizer = Muon(net.parameters(), lr=0.05, weight_decay=0.0)
    for step in range(150):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 150)
        x = torch.randn(64, 40)
        optimizer.zero_grad()
        (net(x) - x @ wanted.T).square().mean().backward()
        optimizer.step()
    assert (net.weight - wanted).square().mean() < 0.01 * wanted.square().mean()


def test_muon_resumes_bit_for_bit() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(40, 40), nn.Linear(40, 3))
    optimizer = Muon(net.parameters(), lr=0.01)
    batches = [torch.randn(16, 40) for _ in range(6)]

    def steps(net: nn.Module, optimizer: Muon, some: list[torch.Tensor]) -> None:
        for x in some:
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()

    steps(net, optimizer, batches[:3])
    other = deepcopy(net)
    again = Muon(other.parameters(), lr=0.01)
    again.load_state_dict(deepcopy(optimizer.state_dict()))
    steps(net, optimizer, batches[3:])
    steps(other, again, batches[3:])
    for one, other_one in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, other_one)


@pytest.mark.parametrize(
    ("preset", "kind", "decays"),
    [("h36m-81", "AdamW", [0.01]), ("3dhp-9", "Adam", [0]), ("open", "Muon", [0.01, 0.0])],
)
def test_optimizer_for_presets(preset: str, kind: str, decays: list[float]) -> None:
    model = build(TINY)
    optimizer = optimizer_for(model, PRESETS[preset])
    assert type(optimizer).__name__ == kind
    assert [group["weight_decay"] for group in optimizer.param_groups] == decays
    assert all(group.get("amsgrad", False) == (kind == "Adam") for group in optimizer.param_groups)
    all_params = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in all_params} == {id(p) for p in model.parameters()}
    if len(decays) == 2:
        assert all(p.ndim <= 1 for p in optimizer.param_groups[1]["params"])


def test_update_average() -> None:
    """Parameters and statistics of batch norms are averaged; counts are copied."""
    mean, model = build(STRIDED), build(STRIDED)
    for tensor in (*mean.parameters(), *mean.buffers()):
        tensor.data.zero_()
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data.fill_(8)
    update_average(mean, model, 0.75)
    assert {x.item() for p in mean.parameters() for x in p.unique()} == {2.0}
    floats = [b for b in mean.buffers() if b.is_floating_point()]
    assert {x.item() for b in floats for x in b.unique()} == {2.0}
    counts = [b for b in mean.buffers() if not b.is_floating_point()]
    assert floats
    assert {x.item() for b in counts for x in b.unique()} == {8}
    update_average(mean, model, 0.0)
    assert same(mean, model)


def rates(config: TrainConfig, steps: int, per_epoch: int = 10**9) -> np.ndarray:
    return np.array([lr_factor(step, steps, config, step // per_epoch) for step in range(steps)])


def test_lr_factor_rises_stays_and_falls() -> None:
    found = rates(replace(OWN, warmup=100, cooldown=0.3), 1000)
    np.testing.assert_allclose(found[:100], (np.arange(100) + 1) / 100)
    np.testing.assert_array_equal(found[99:700], 1.0)
    np.testing.assert_allclose(found[700:], (1000 - np.arange(700, 1000)) / 300)
    assert lr_factor(1000, 1000, replace(OWN, cooldown=0.3)) == 0.0


def test_lr_factor_with_cosine_cooldown() -> None:
    found = rates(replace(OWN, cooldown=1.0, cooldown_schedule="cosine"), 100)
    np.testing.assert_allclose(found, (1 + np.cos(np.pi * np.arange(100) / 100)) / 2)
    found = rates(replace(OWN, warmup=10, cooldown=0.5, cooldown_schedule="cosine"), 100)
    np.testing.assert_allclose(found[:10], (np.arange(10) + 1) / 10)
    np.testing.assert_array_equal(found[10:50], 1.0)
    np.testing.assert_allclose(found[50:], (1 + np.cos(np.pi * np.arange(50) / 50)) / 2)


def test_lr_factor_decays_by_epoch() -> None:
    found = rates(PRESETS["h36m-243"], 900, per_epoch=10)
    np.testing.assert_allclose(found, 0.99 ** (np.arange(900) // 10))


def test_lr_factor_is_constant_by_default() -> None:
    assert set(rates(OWN, 50)) == {1.0}
