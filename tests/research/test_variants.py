"""The paper's variants: every row of its tables is a network that trains, saves and loads."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, get_args

import pytest
import torch
from torch import nn

from research.attention_maps import attention_maps
from research.variants import TABLES, Init, Mixing, Row, Variant, build
from tcpformer.models.tcpformer import Config, TCPFormer

SIZES: dict[str, Any] = {"depth": 1, "width": 8, "heads": 2, "representation": 8}
BASE = Config(frames=18, **SIZES)
NO_PAM = Config(frames=18, modules="pum+pim", **SIZES)
ROWS = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}
X = torch.randn(2, 18, 17, 3, generator=torch.Generator().manual_seed(1))


def made(config: Config, variant: Variant, seed: int = 0) -> TCPFormer:
    """A network of which every branch speaks."""
    torch.manual_seed(seed)
    model = build(config, variant)
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, 0.1)
    return model


@pytest.mark.parametrize("name", ROWS)
def test_every_row_trains_all_that_it_may(name: str) -> None:
    row = ROWS[name]
    model = made(row.config(BASE), row.variant)
    y = model(X)
    assert y.shape == X.shape
    y.pow(2).sum().backward()
    still = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    fixed = {"exchanges.0.pam.trust"} if row.variant.mixing == "0 fixed" else set()
    assert still == fixed


@pytest.mark.parametrize("name", ROWS)
@torch.inference_mode()
def test_every_row_survives_saving(name: str) -> None:
    row = ROWS[name]
    said = json.loads(json.dumps(asdict(row.variant)))
    model, again = made(row.config(BASE), row.variant), made(row.config(BASE), Variant(**said), 1)
    assert not torch.equal(model(X), again(X))
    again.load_state_dict(model.state_dict())
    assert torch.equal(model(X), again(X))


def test_no_change_is_the_network_itself() -> None:
    torch.manual_seed(0)
    plain = TCPFormer(BASE).state_dict()
    torch.testing.assert_close(
        made(BASE, Variant()).state_dict() | gains(plain), plain, rtol=0, atol=0
    )


def gains(state: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in state.items() if k.endswith(".gain")}


def test_a_network_has_one_error_in_all_tables() -> None:
    seen: dict[object, tuple[float, float]] = {}
    for row in ROWS.values():
        key = (row.modules, row.frames_per_proxy, row.variant)
        assert seen.setdefault(key, (row.p1, row.p2)) == (row.p1, row.p2)
    assert seen["all", 3, Variant()] == (37.9, 31.7)
    assert len(ROWS) == 18
    assert len(seen) == 18 - 3  # the whole network three times, the one without PAM twice


def test_proxies_have_the_paper_s_lengths() -> None:
    base = Config(frames=243)
    lengths = {row.config(base).proxy_length for row in TABLES["proxy"].values()}
    assert lengths == {27, 81, 243}
    assert TABLES["modules"]["+ PAM"].config(base) == base


@pytest.mark.parametrize(
    ("init", "fourth"), [("gaussian", 3.0), ("uniform", 1.8), ("laplace", 6.0)]
)
def test_proxies_differ_in_the_shape_of_their_distribution_only(init: Init, fourth: float) -> None:
    torch.manual_seed(0)
    config = Config(frames=9, proxy_frames=200, depth=1, width=64, heads=1, representation=8)
    proxy = build(config, Variant(proxy_init=init)).proxy.detach()
    assert proxy.mean().abs() < 0.01
    assert (proxy.std() - 1).abs() < 0.01
    assert proxy.pow(4).mean().item() == pytest.approx(fourth, rel=0.03)


def draws(mixing: Mixing) -> Iterator[float]:
    torch.manual_seed(0)
    config = Config(frames=3, depth=40, width=1, heads=1, representation=1)
    for name, parameter in build(config, Variant(mixing=mixing)).named_parameters():
        if name.endswith("trust"):
            yield parameter.item()


@pytest.mark.parametrize(
    ("mixing", "low", "high"),
    [("(0, 1)", 0, 1), ("(-1, 0)", -1, 0), ("(-1, 1)", -1, 1), ("0", 0, 0), ("0 fixed", 0, 0)],
)
def test_mixing_starts_where_it_says(mixing: Mixing, low: float, high: float) -> None:
    drawn = list(draws(mixing))
    assert len(drawn) == 40
    assert low <= min(drawn) <= low + 0.2 * (high - low)
    assert high - 0.2 * (high - low) <= max(drawn) <= high


@pytest.mark.parametrize(("mixing", "moves"), [("0", True), ("0 fixed", False)])
def test_mixing_is_trained_unless_fixed(mixing: Mixing, moves: bool) -> None:
    model = made(BASE, Variant(mixing=mixing))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(X).pow(2).sum().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    weight = attention_maps(model, X)[0].weight
    assert (abs(weight - 0.5) > 1e-4) == moves


@pytest.mark.parametrize(
    "change", [{"proxy_init": "laplace"}, {"mixing": "0"}, {"joints": "apart"}]
)
def test_one_seed_gives_the_same_other_weights(change: dict[str, Any]) -> None:
    plain, changed = made(BASE, Variant()), made(BASE, Variant(**change))
    own = {
        "proxy_init": "proxy",
        "mixing": "exchanges.0.pam.trust",
        "joints": "joint_position",
    }[next(iter(change))]
    differ = {k for k, v in plain.state_dict().items() if not v.equal(changed.state_dict()[k])}
    assert differ == {own}


@pytest.mark.parametrize(("joints", "alike"), [("alike", True), ("apart", False)])
@torch.inference_mode()
def test_joints_are_exchangeable_at_the_start_unless_told_apart(joints: Any, alike: bool) -> None:
    """With proxies that are alike too: each joint draws its own."""
    model, order = made(BASE, Variant(joints=joints)), torch.randperm(17)
    model.proxy.data = model.proxy.data[:, :1].expand_as(model.proxy).clone()
    gap = (model(X[:, :, order]) - model(X)[:, :, order]).abs().max()
    assert (gap < 1e-4) == alike


@pytest.mark.parametrize("operators", [{}, {"pum": "mlp"}, {"pim": "mlp"}])
@torch.inference_mode()
def test_only_an_mlp_along_time_knows_the_order(operators: dict[str, Any]) -> None:
    model, order = made(NO_PAM, Variant(**operators)), torch.arange(17, -1, -1)
    gap = (model(X[:, order]) - model(X)[:, order]).abs().max()
    assert (gap > 1e-4) == bool(operators)


@pytest.mark.parametrize(
    ("config", "variant", "words"),
    [
        (BASE, {"pum": "mlp"}, "modules='pum\\+pim', got 'all'"),
        (BASE, {"pim": "mlp"}, "modules='pum\\+pim', got 'all'"),
        (NO_PAM, {"mixing": "0"}, "modules='all', got 'pum\\+pim'"),
    ],
)
def test_refuses_what_would_do_nothing(config: Config, variant: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(config, Variant(**variant))


def test_knows_its_choices() -> None:
    variant = Variant()
    object.__setattr__(variant, "mixing", "(0,1)")  # around the type check of the tests
    with pytest.raises(ValueError, match=r"mixing must be one of .*'\(0, 1\)'.*, got '\(0,1\)'"):
        variant.__post_init__()


def test_a_row_refuses_a_clip_that_it_cannot_split() -> None:
    with pytest.raises(ValueError, match="multiple of 9, got 12"):
        TABLES["proxy"]["T/9, Gaussian"].config(Config(frames=12))


def test_every_choice_is_in_a_table() -> None:
    variants = [row.variant for row in ROWS.values()]
    assert {v.proxy_init for v in variants} == set(get_args(Init))
    assert {v.mixing for v in variants} == set(get_args(Mixing))
    assert all(isinstance(row, Row) for row in ROWS.values())
