"""A body network, and a small one of all joints that hangs on it and corrects it."""

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
from tcpformer.models.whole_body import Config, WholeBody
from tcpformer.skeleton import BODY_26

SIZES: dict[str, Any] = {"frames": 9, "width": 16, "heads": 2, "representation": 24}
MORE = pose_transformer.Config(layers=1, channels=8, joints=26, **SIZES)
BODIES: dict[str, Any] = {
    "hybrid": hybrid.Config(depth=1, pose_layers=1, **SIZES),
    "tcpformer": tcpformer.Config(depth=1, **SIZES),
    "pose-transformer": pose_transformer.Config(layers=1, channels=8, **SIZES),
}
PARENTS = list(BODY_26.parents[17:])


def whole_body(name: str, *, corrected: bool = True, uncertainty: bool = False) -> WholeBody:
    torch.manual_seed(0)
    config = Config(body=BODIES[name], body_model=name, more=MORE, uncertainty=uncertainty)
    network = build(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.3)
        network.correct[-1].weight.mul_(corrected)
    return network.eval()


def clips() -> torch.Tensor:
    return torch.randn(2, 9, 26, 3, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("name", BODIES)
def test_new_network_lifts_the_body_as_without_the_others(name: str) -> None:
    """Its correction starts at 0."""
    assert not build(Config(body=BODIES[name], body_model=name, more=MORE)).correct[-1].weight.any()
    network, x = whole_body(name, corrected=False), clips()
    torch.testing.assert_close(network(x)[:, :, :17], network.body(x[:, :, :17]))


@torch.no_grad()
@pytest.mark.parametrize("name", BODIES)
def test_other_joints_hang_on_the_body(name: str) -> None:
    network, x = whole_body(name, corrected=False), clips()
    answer = network(x)
    given = network.body(x[:, :, :17]).flatten(2)
    more = network.more.head(network.more.represent(x, given))
    assert tuple(PARENTS) == network.config.hang_on
    expected = answer[:, :, PARENTS] + more[:, :, 17:] - more[:, :, PARENTS]
    torch.testing.assert_close(answer[:, :, 17:], expected)


@torch.no_grad()
def test_correction_reads_the_features_of_both_networks() -> None:
    network, x = whole_body("hybrid"), clips()
    before = network(x)
    for part in (network.body.features, network.more.poses.features):
        part.bias += 0.1
        changed = (network(x) - before)[:, :, :17] - (
            network.body(x[:, :, :17]) - whole_body("hybrid").body(x[:, :, :17])
        )
        assert (changed.abs().amax(dim=(0, 1, 3)) > 1e-5).all()  # of every joint
        before = network(x)


@torch.no_grad()
def test_share_of_the_correction_follows_from_the_mean_of_the_clip() -> None:
    network, x = whole_body("hybrid"), clips()
    network.share.weight.zero_()
    answers = []
    for logit in (-100.0, 0.0, 100.0):
        network.share.bias.fill_(logit)
        answers.append(network(x))
    none, half, whole = answers
    torch.testing.assert_close(half, (none + whole) / 2)
    for answer in answers:  # what hangs on the body does not depend on it
        offsets = answer[:, :, 17:] - answer[:, :, PARENTS]
        torch.testing.assert_close(offsets, none[:, :, 17:] - none[:, :, PARENTS])
    torch.testing.assert_close(none[:, :, :17], network.body(x[:, :, :17]))
    network.share.bias.fill_(0.0)
    network.share.weight.fill_(0.1)
    logit = network.represent(x).mean(dim=(1, 2)).sum(dim=-1) * 0.1
    expected = none + logit.sigmoid()[:, None, None, None] * (whole - none)
    torch.testing.assert_close(network(x), expected)


@torch.no_grad()
def test_second_network_reads_the_answer_of_the_first() -> None:
    network, x = whole_body("hybrid"), clips()
    features = network.represent(x)[..., network.of_body :]
    network.body.head.bias += 1.0
    changed = network.represent(x)[..., network.of_body :] - features
    assert (changed.abs().amax(dim=(0, 1, 3)) > 1e-3).all()


@torch.no_grad()
def test_uncertainty_leaves_the_pose_as_it_is() -> None:
    network, x = whole_body("hybrid", uncertainty=True), clips()
    both = WithUncertainty(network)(x)
    assert torch.equal(both[..., :3], network(x))
    assert network.uncertainty is not None
    assert network.uncertainty.prior_std.shape == (26,)
    assert both[..., 3:].std() > 0


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
        ({"body": hybrid.Config(uncertainty=True, **SIZES)}, "with uncertainty=False"),
    ],
)
def test_config_refuses_networks_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**({"body": BODIES["hybrid"], "more": MORE} | changes))


def test_body_of_returns_the_network_of_the_body() -> None:
    network = whole_body("hybrid")
    assert body_of(network) is network.body
    assert body_of(network.body) is network.body
