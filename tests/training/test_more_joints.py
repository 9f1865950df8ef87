"""Networks of more joints that start from weights of fewer."""

from typing import Any

import pytest
import torch

from tcpformer.models import build, hybrid, pose_transformer, tcpformer
from tcpformer.skeleton import BODY_26
from tcpformer.training.more_joints import add_joints

SIZES: dict[str, Any] = {"frames": 9, "width": 16, "heads": 2, "representation": 24}
CONFIGS: dict[str, Any] = {
    "tcpformer": tcpformer.Config(depth=2, **SIZES),
    "hybrid": hybrid.Config(
        depth=1, pose_embedding=True, pose_layers=1, rotary_poses=True, **SIZES
    ),
    "pose-transformer": pose_transformer.Config(layers=1, channels=8, **SIZES),
}


def grown(name: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    torch.manual_seed(0)
    model = build(CONFIGS[name])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    return model.eval(), add_joints(model, 26).eval()


def clips() -> torch.Tensor:
    return torch.randn(2, 9, 26, 3, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_add_joints_keeps_the_pose_of_a_pose_transformer() -> None:
    model, more = grown("pose-transformer")
    torch.testing.assert_close(more(clips())[:, :, :17], model(clips()[:, :, :17]))


@torch.no_grad()
@pytest.mark.parametrize("name", CONFIGS)
def test_add_joints_starts_new_joints_as_their_parents(name: str) -> None:
    """With the input of its parent, a new joint gets the answer of its parent."""
    _, more = grown(name)
    x = clips()
    x[:, :, 17:] = x[:, :, BODY_26.parents[17:]]
    y = more(x)
    torch.testing.assert_close(y[:, :, 17:], y[:, :, BODY_26.parents[17:]], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_add_joints_refuses_fewer_joints(name: str) -> None:
    _, more = grown(name)
    with pytest.raises(ValueError, match="fewer than 26 joints"):
        add_joints(more, 26)
