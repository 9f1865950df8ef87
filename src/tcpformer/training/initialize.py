"""What a training run begins with: network and optimizer."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from research.variants import build as build_variant

from ..models import Network, build
from ..models.checkpoint import load_model
from ..models.pose_transformer import Config as Poses
from ..models.pose_transformer import PoseTransformer
from ..models.tcpformer import Config, TCPFormer
from .config import TrainConfig
from .muon import Muon


def build_or_load_model(plan: TrainConfig) -> nn.Module:
    """The network before the first step.

    Raises:
        ValueError: If the weights to start from are of another network, or a second head is asked
            for.
    """
    if getattr(plan.network, "spread", False):
        raise ValueError(
            "spread is not trained along: train without it, then `tcpformer calibrate` the weights."
        )
    if plan.init is None:
        if type(plan.network) is Config:  # heirs are networks of their own
            return build_variant(plan.network, plan.variant)
        return build(plan.network)
    model = one_headed(load_model(plan.init))
    if model.config == plan.network:
        return model.train()
    if type(plan.network) is Config and type(model) is TCPFormer:
        return grown(model, plan.network)
    if type(plan.network) is Config and type(model) is PoseTransformer:
        return with_joints(model, plan.network)
    if type(plan.network) is Poses and type(model) is PoseTransformer:
        return stretched(model, plan.network)
    raise ValueError(f"cannot start {plan.network} from {model.config}.")


def one_headed(model: Network) -> Network:
    """The network without a second head: what that knows of errors ends with the first step."""
    config: Any = model.config
    if not getattr(config, "spread", False):
        return model
    result = build(replace(config, spread=False))
    own = {k: v for k, v in model.state_dict().items() if not k.startswith("spread.")}
    result.load_state_dict(own)
    return result


_FROM_ZERO = {
    "pose_embedding": "embed_pose.",
    "frame_position": "frame_position",
    "pose_layers": "listen.",
}
"""Fields of the config that add to a network without changing it, and what of them is 0 then."""


def grown(model: TCPFormer, config: Config) -> TCPFormer:
    """The same function in a network of other clips, or with whole poses or places embedded.

    No weight knows how long a clip is, but the proxy may be as long as a third of it. Attention
    over repeated proxy frames gives what attention over one of them gives, so it is repeated where
    it has to be longer; a clip whose frames are all repeated is then lifted as before. What embeds
    whole poses, and the places of frames, starts at 0; so does all that is read and heard of
    layers of whole poses, which themselves start at random. Layers of whole poses that stood there
    before are as in `stretched`. A second head is left behind.

    Raises:
        ValueError: If anything else differs, the factor between the proxies' lengths is not whole,
            or clips of another length have frames that know their places.
    """
    model = one_headed(model)
    factor, left = divmod(config.proxy_length, model.config.proxy_length)
    gains = [x for x in _FROM_ZERO if getattr(config, x) and not getattr(model.config, x)]
    how = ("rotary_poses",) if "pose_layers" in gains else ()
    lengths = ("frames", "proxy_frames")
    before = {x: getattr(model.config, x) for x in (*lengths, *gains, *how)}
    same = replace(config, **before)
    known = model.config
    ordered = known.frame_position or (known.pose_layers and not known.rotary_poses)
    if same != known or left or not factor or (config.frames != known.frames and ordered):
        raise ValueError(f"cannot start {config} from {model.config}.")
    result = TCPFormer(config)
    state = result.state_dict() | model.state_dict()
    state["proxy"] = state["proxy"].repeat(factor, 1, 1)
    for key, value in state.items():
        if key.startswith(tuple(_FROM_ZERO[x] for x in gains)):
            state[key] = torch.zeros_like(value)
    if "pose_layers" in gains:
        state["head.weight"] = _side_by_side(state["head.weight"], 0 * state["head.weight"])
    result.load_state_dict(state)
    return result


def beside(
    model: TCPFormer, poses: PoseTransformer, share: float = 0.5, kept: float = 1.0
) -> TCPFormer:
    """Two trained networks as one that answers with their mean.

    Joints that had no whole poses beside them hear nothing of these yet. Where others stood, these
    take their place, and the joints hear them as they heard those.

    Args:
        model: Layers of joints, alone or with whole poses of the same size.
        poses: Layers of whole poses.
        share: What ``model`` counts in the mean.
        kept: Of what joints say beside whole poses that stood there before; a network alone is
            scaled by ``share`` instead.

    Raises:
        ValueError: If ``poses`` are of another size than could stand, or stood, in ``model``.
    """
    model, how = one_headed(model), poses.config
    config = replace(model.config, pose_layers=how.layers, rotary_poses=how.rotary)
    stood = bool(model.config.pose_layers)
    if config.whole_poses != how or (stood and config != model.config):
        raise ValueError(f"{poses.config} cannot stand beside {model.config}.")
    result = grown(model, config)
    state = result.state_dict()
    state |= {f"poses.{key}": value for key, value in poses.poses.state_dict().items()}
    part = kept if stood else share
    by_joints = part * model.head.weight[:, : config.representation]
    state["head.weight"] = _side_by_side(by_joints, (1 - share) * poses.head.weight)
    state["head.bias"] = torch.lerp(poses.head.bias, model.head.bias, part)
    result.load_state_dict(state)
    return result


def with_joints(poses: PoseTransformer, config: Config) -> TCPFormer:
    """The same function in a TCPFormer: its own layers, at random, are not read yet.

    Raises:
        ValueError: If ``config`` has other layers of whole poses.
    """
    if not config.pose_layers or config.whole_poses != poses.config:
        raise ValueError(f"cannot start {config} from {poses.config}.")
    result = TCPFormer(config)
    state = result.state_dict() | poses.state_dict()
    by_poses = poses.head.weight
    state["head.weight"] = _side_by_side(0 * by_poses, by_poses)
    result.load_state_dict(state)
    return result


def stretched(poses: PoseTransformer, config: Poses) -> PoseTransformer:
    """The same weights for clips of another length, which rotary attention has to learn again.

    What a frame says of itself stays; how far frames turn from each other follows the length.

    Raises:
        ValueError: If anything else differs, or frames know their places.
    """
    if not config.rotary or replace(poses.config, frames=config.frames) != config:
        raise ValueError(f"cannot start {config} from {poses.config}.")
    result = PoseTransformer(config)
    result.load_state_dict(poses.state_dict())
    return result


def _side_by_side(by_joints: Tensor, by_poses: Tensor) -> Tensor:
    """A last map that reads both, of two that read one each."""
    return torch.cat([by_joints, by_poses], dim=1)


def optimizer_for(model: nn.Module, plan: TrainConfig) -> torch.optim.Optimizer:
    """As planned; biases, norms and gains do not decay unless all do."""
    if plan.optimizer == "adam-amsgrad":
        return torch.optim.Adam(model.parameters(), lr=plan.rate, amsgrad=True, fused=True)
    matrices = [p for p in model.parameters() if p.ndim > 1 or plan.decay_all]
    others = [p for p in model.parameters() if p.ndim <= 1 and not plan.decay_all]
    groups: list[dict[str, Any]] = [{"params": matrices}]
    if others:
        groups.append({"params": others, "weight_decay": 0.0})
    if plan.optimizer == "muon":
        return Muon(groups, lr=plan.rate, weight_decay=plan.weight_decay)
    return torch.optim.AdamW(groups, lr=plan.rate, weight_decay=plan.weight_decay, fused=True)
