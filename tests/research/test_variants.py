"""The paper's variants: every row of its tables is a network that trains, saves and loads."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import nn

from research.attention_maps import attention_maps
from research.variants import TABLES, Config, Init, Mixing, VariantTCPFormer
from tcpformer.models.checkpoint import load_model, save_model
from tcpformer.models.tcpformer import TCPFormer

SIZES: dict[str, Any] = {"depth": 1, "width": 8, "heads": 2, "representation": 8}
BASE = Config(frames=18, **SIZES)
NO_PAM = Config(frames=18, modules="pum+pim", **SIZES)
ROWS = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}
X = torch.randn(2, 18, 17, 3, generator=torch.Generator().manual_seed(1))


def made(config: Config, seed: int = 0, **changes: Any) -> VariantTCPFormer:
    """Build a network with an effect of every branch."""
    torch.manual_seed(seed)
    model = VariantTCPFormer(replace(config, **changes))
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, 0.1)
    return model


@pytest.mark.parametrize("name", ROWS)
def test_every_row_trains_all_its_weights(name: str) -> None:
    row = ROWS[name]
    model = made(row.config(BASE))
    y = model(X)
    assert y.shape == X.shape
    y.pow(2).sum().backward()
    still = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    fixed = {"exchanges.0.pam.mix_logit"} if row.changes.get("mixing") == "0 fixed" else set()
    assert still == fixed


@pytest.mark.parametrize("name", ROWS)
@torch.inference_mode()
def test_every_row_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    model = made(ROWS[name].config(BASE)).eval()
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.config == model.config
    assert torch.equal(model(X), loaded(X))


def test_variant_without_changes_is_tcpformer() -> None:
    torch.manual_seed(0)
    plain = TCPFormer(BASE).state_dict()
    torch.testing.assert_close(made(BASE).state_dict() | gains(plain), plain, rtol=0, atol=0)


def gains(state: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in state.items() if k.endswith(".gain")}


def test_tables_agree_on_the_error_of_a_network() -> None:
    errors: dict[Config, tuple[float, float]] = {}
    for row in ROWS.values():
        key = row.config(BASE)
        assert errors.setdefault(key, (row.p1, row.p2)) == (row.p1, row.p2)
    assert errors[BASE] == (37.9, 31.7)
    assert len(ROWS) == 18
    assert len(errors) == 18 - 3  # the whole network three times, the one without PAM twice


def test_proxies_have_the_lengths_of_the_paper() -> None:
    base = Config(frames=243)
    lengths = {row.config(base).proxy_length for row in TABLES["proxy"].values()}
    assert lengths == {27, 81, 243}
    assert TABLES["modules"]["+ PAM"].config(base) == base


@pytest.mark.parametrize(
    ("init", "fourth"), [("gaussian", 3.0), ("uniform", 1.8), ("laplace", 6.0)]
)
def test_proxy_init_sets_the_shape_of_the_distribution(init: Init, fourth: float) -> None:
    torch.manual_seed(0)
    config = Config(frames=9, proxy_frames=200, depth=1, width=64, heads=1, representation=8)
    proxy = VariantTCPFormer(replace(config, proxy_init=init)).proxy.detach()
    assert proxy.mean().abs() < 0.01
    assert (proxy.std() - 1).abs() < 0.01
    assert proxy.pow(4).mean().item() == pytest.approx(fourth, rel=0.03)


def draws(mixing: Mixing) -> Iterator[float]:
    torch.manual_seed(0)
    config = Config(frames=3, depth=40, width=1, heads=1, representation=1)
    for name, parameter in VariantTCPFormer(replace(config, mixing=mixing)).named_parameters():
        if name.endswith("mix_logit"):
            yield parameter.item()


@pytest.mark.parametrize(
    ("mixing", "low", "high"),
    [("(0, 1)", 0, 1), ("(-1, 0)", -1, 0), ("(-1, 1)", -1, 1), ("0", 0, 0), ("0 fixed", 0, 0)],
)
def test_mixing_sets_the_start(mixing: Mixing, low: float, high: float) -> None:
    drawn = list(draws(mixing))
    assert len(drawn) == 40
    assert low <= min(drawn) <= low + 0.2 * (high - low)
    assert high - 0.2 * (high - low) <= max(drawn) <= high


@pytest.mark.parametrize(("mixing", "moves"), [("0", True), ("0 fixed", False)])
def test_mixing_is_trained_unless_fixed(mixing: Mixing, moves: bool) -> None:
    model = made(BASE, mixing=mixing)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(X).pow(2).sum().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    weight = attention_maps(model, X)[0].weight
    assert (abs(weight - 0.5) > 1e-4) == moves


@pytest.mark.parametrize(
    "change", [{"proxy_init": "laplace"}, {"mixing": "0"}, {"joint_start": "apart"}]
)
def test_variants_of_one_seed_share_other_weights(change: dict[str, Any]) -> None:
    plain, changed = made(BASE), made(BASE, **change)
    own = {
        "proxy_init": "proxy",
        "mixing": "exchanges.0.pam.mix_logit",
        "joint_start": "joint_position",
    }[next(iter(change))]
    differ = {k for k, v in plain.state_dict().items() if not v.equal(changed.state_dict()[k])}
    assert differ == {own}


@pytest.mark.parametrize(("joints", "alike"), [("alike", True), ("apart", False)])
@torch.inference_mode()
def test_joints_are_exchangeable_at_the_start_unless_apart(joints: Any, alike: bool) -> None:
    """With proxies that are alike too: each joint draws its own."""
    model, order = made(BASE, joint_start=joints), torch.randperm(17)
    model.proxy.data = model.proxy.data[:, :1].expand_as(model.proxy).clone()
    gap = (model(X[:, :, order]) - model(X)[:, :, order]).abs().max()
    assert (gap < 1e-4) == alike


@pytest.mark.parametrize("operators", [{}, {"pum": "mlp"}, {"pim": "mlp"}])
@torch.inference_mode()
def test_only_an_mlp_along_time_depends_on_the_order(operators: dict[str, Any]) -> None:
    model, order = made(NO_PAM, **operators), torch.arange(17, -1, -1)
    gap = (model(X[:, order]) - model(X)[:, order]).abs().max()
    assert (gap > 1e-4) == bool(operators)


@pytest.mark.parametrize(
    ("config", "change", "words"),
    [
        (BASE, {"pum": "mlp"}, r"modules='pum\+pim', got 'all'"),
        (BASE, {"pim": "mlp"}, r"modules='pum\+pim', got 'all'"),
        (NO_PAM, {"mixing": "0"}, r"modules='all', got 'pum\+pim'"),
        (NO_PAM, {"local_branch": True}, r"local_branch needs all modules"),
        (BASE, {"mixing": "(0,1)"}, r"mixing must be one of .*'\(0, 1\)'.*, got '\(0,1\)'"),
    ],
)
def test_config_refuses(config: Config, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(config, **change)


def test_row_refuses_a_clip_that_it_cannot_divide() -> None:
    with pytest.raises(ValueError, match="multiple of 9, got 12"):
        TABLES["proxy"]["T/9, Gaussian"].config(Config(frames=12))


def test_every_choice_is_in_a_table() -> None:
    configs = [row.config(BASE) for row in ROWS.values()]
    assert {config.proxy_init for config in configs} == set(get_args(Init))
    assert {config.mixing for config in configs} == set(get_args(Mixing))
