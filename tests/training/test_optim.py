"""Muon: orthogonal steps for hidden maps, AdamW's for the rest, and a state that can be kept."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from tcpformer.training.muon import Muon, is_hidden, orthogonal


@pytest.mark.parametrize("shape", [(64, 64), (192, 64), (64, 256)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(3, *shape)))
    assert values.quantile(0.05) > 0.5  # a square of chance has a direction of next to nothing
    assert values.max() < 1.3


def test_an_orthogonal_matrix_keeps_its_directions() -> None:
    u, _, v = torch.linalg.svd(torch.randn(2, 48, 48))
    out = orthogonal(u @ v)
    turned = u.mT @ out @ v.mT
    off = turned - torch.diag_embed(turned.diagonal(dim1=-2, dim2=-1))
    assert off.abs().max() < 1e-3


def test_the_size_of_the_gradient_does_not_matter() -> None:
    x = torch.randn(1, 40, 64)
    torch.testing.assert_close(orthogonal(1e-6 * x), orthogonal(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "hidden"),
    [((64, 64), True), ((256, 64), True), ((64, 3), False), ((64,), False), ((9, 64, 64), False)],
)
def test_who_is_hidden(shape: tuple[int, ...], hidden: bool) -> None:
    assert is_hidden(torch.zeros(shape)) is hidden


def test_what_is_no_hidden_map_goes_as_under_adamw() -> None:
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


def test_steps_are_of_the_size_of_the_rate() -> None:
    net = nn.Linear(64, 128, bias=False)
    before = net.weight.detach().clone()
    net(torch.randn(300, 64)).square().mean().backward()
    Muon(net.parameters(), lr=1.0, weight_decay=0.0).step()
    step = (net.weight - before).square().mean().sqrt().item()
    assert step == pytest.approx(0.2, rel=0.15)


def test_it_learns_what_a_map_does() -> None:
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


def test_a_kept_state_goes_on_to_the_same_bits() -> None:
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
    for one, same in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)
