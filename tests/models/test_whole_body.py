"""A body network and a small one for feet, hands and face, as one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tcpformer.models import (
    body_of,
    build,
    hybrid,
    joints_of,
    pose_transformer,
    tcpformer,
)
from tcpformer.models.checkpoint import load_model, save_model
from tcpformer.models.uncertainty_head import WithUncertainty
from tcpformer.models.whole_body import SMALLEST_SIGMA, Config, WholeBody
from tcpformer.skeleton import BODY_26

SIZES: dict[str, Any] = {"frames": 9, "width": 16, "heads": 2, "representation": 24}
MORE = pose_transformer.Config(layers=1, channels=8, joints=26, uncertainty=True, **SIZES)
BODIES: dict[str, Any] = {
    "hybrid": hybrid.Config(depth=1, uncertainty=True, **SIZES),
    "tcpformer": tcpformer.Config(depth=1, **SIZES),
    "pose-transformer": pose_transformer.Config(layers=1, channels=8, uncertainty=True, **SIZES),
}


def whole_body(name: str) -> WholeBody:
    torch.manual_seed(0)
    network = build(Config(body=BODIES[name], body_model=name, more=MORE))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.3)
    return network.eval()


def clips() -> torch.Tensor:
    return torch.randn(2, 9, 26, 3, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("name", BODIES)
def test_body_is_lifted_as_without_the_others(name: str) -> None:
    network, x = whole_body(name), clips()
    assert torch.equal(network(x)[:, :, :17], network.body(x[:, :, :17]))


@torch.no_grad()
def test_other_joints_hang_on_the_body() -> None:
    """Move the answer for the ankles, and the feet go along."""
    network, x = whole_body("hybrid"), clips()
    answer, more = network(x), network.more(x)
    parents = list(BODY_26.parents[17:])
    assert tuple(parents) == network.config.hang_on
    expected = answer[:, :, parents] + more[:, :, 17:] - more[:, :, parents]
    torch.testing.assert_close(answer[:, :, 17:], expected)


@torch.no_grad()
def test_uncertainty_of_the_body_is_that_of_its_own_head() -> None:
    network, x = whole_body("pose-transformer"), clips()
    for head in (network.body.uncertainty, network.more.uncertainty):
        head.contract.weight *= 0.01  # so that no variance drowns the least one
    both = WithUncertainty(network)(x)
    torch.testing.assert_close(both[:, :, :17], WithUncertainty(network.body)(x[:, :, :17]))
    parents = list(network.config.hang_on)
    variance = (2 * both[..., 3:]).exp()
    added = variance[:, :, 17:] - variance[:, :, parents]
    assert (added > 0.9 * SMALLEST_SIGMA**2).all()
    assert network.uncertainty is not None
    assert network.uncertainty.prior_std.shape == (26,)


def test_network_without_both_heads_has_no_uncertainty() -> None:
    assert whole_body("tcpformer").uncertainty is None


@torch.no_grad()
@pytest.mark.parametrize("name", BODIES)
def test_save_model_keeps_both_networks(name: str, tmp_path: Path) -> None:
    network = whole_body(name)
    save_model(network, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.config == network.config
    assert joints_of(loaded.config) == 26
    assert torch.equal(loaded(clips()), network(clips()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"body_model": "poseformerv2"}, "body_model must be one of"),
        ({"body": MORE}, "body must be a Config"),
        ({"hang_on": (0, 1)}, "hang_on must name a joint below 17"),
        ({"hang_on": (17,) * 9}, "hang_on must name a joint below 17"),
        ({"body": hybrid.Config(**{**SIZES, "frames": 27})}, "expected a body of 17 joints and 9"),
    ],
)
def test_config_refuses_networks_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**({"body": BODIES["hybrid"], "more": MORE} | changes))


def test_body_of_returns_the_network_of_the_body() -> None:
    network = whole_body("hybrid")
    assert body_of(network) is network.body
    assert body_of(network.body) is network.body
