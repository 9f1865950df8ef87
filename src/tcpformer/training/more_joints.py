"""Weights of 17 joints as the start of a network of more: new joints begin as their parents."""

from dataclasses import replace

import torch
from torch import Tensor

from ..models import Network, build, joints_of
from ..skeleton import BODY_26

# Ends of the keys of state dicts, by where the joints are: in rows, outputs or inputs.
_ROWS = ("joint_position", "proxy_position")
_OUTPUTS = tuple(f"{x}.{y}" for x in ("embed_pose", "split", "skip") for y in ("weight", "bias"))
_INPUTS = ("embed_pose.weight", "poses.embed.weight", "skip.weight")


def add_joints(model: Network, joints: int) -> Network:
    """Return a network of more joints that starts from the weights of one of fewer.

    A new joint's tokens, and all that is computed for it, are those of its parent in `BODY_26`; the
    maps that read whole poses do not read it yet.

    Raises:
        ValueError: If the network has as many joints or more, or has no field ``joints``.
    """
    old = joints_of(model.config)
    if not hasattr(model.config, "joints") or not old < joints <= len(BODY_26.joints):
        raise ValueError(
            f"expected a network of fewer than {joints} joints, at most {len(BODY_26.joints)}, "
            f"got {model.config}."
        )
    result = build(replace(model.config, joints=joints))
    like = torch.tensor([i if i < old else BODY_26.parents[i] for i in range(joints)])
    shapes = {key: value.shape for key, value in result.state_dict().items()}
    state = {
        key: value if value.shape == shapes[key] else _grow(key, value, like, old)
        for key, value in model.state_dict().items()
    }
    result.load_state_dict(state)
    return result


def _grow(key: str, value: Tensor, like: Tensor, old: int) -> Tensor:
    """Return a tensor with the rows of more joints, and inputs of them that count nothing."""
    if key == "proxy":
        return value[:, like]
    if key.endswith(_ROWS):
        return value[like]
    if key.endswith(_OUTPUTS):
        value = value.unflatten(0, (old, -1))[like].flatten(0, 1)
    if key.endswith(_INPUTS):
        new = torch.zeros(len(value), 3 * (len(like) - old), dtype=value.dtype)
        value = torch.cat([value, new], dim=1)
    return value
