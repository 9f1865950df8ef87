"""Weight surgery: weights of another shape, two networks as one, and means of weights.

    python -m research.surgery convert WEIGHTS NETWORK OUT    NETWORK: weights, or a configuration
    python -m research.surgery join TCPFORMER POSES OUT [--share 0.5] [--keep 1.0]
    python -m research.surgery mean WEIGHTS WEIGHTS OUT
    python -m research.surgery hang BODY MORE OUT

WEIGHTS are a packaged name or a folder (RUN/weights). `tcpformer train open --config.init-from OUT`
trains the result.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from tcpformer.models import Network, body_of, build, name_of, whole_body
from tcpformer.models.checkpoint import load_model, load_weights, save_model
from tcpformer.models.hybrid import Config, HybridTCPFormer
from tcpformer.models.pose_transformer import Config as PoseConfig
from tcpformer.models.pose_transformer import PoseTransformer
from tcpformer.models.tcpformer import Config as PaperConfig
from tcpformer.models.tcpformer import TCPFormer
from tcpformer.training.presets import load_config
from tcpformer.training.train import without_uncertainty
from tcpformer.weights import Weights, WeightsSpec

TCPFormers = TCPFormer | HybridTCPFormer
_ADDITIONS = {
    "pose_embedding": "embed_pose.",
    "frame_position": "frame_position",
    "pose_layers": "pose_to_joint.",
}
"""Fields of `Config` that extend a network -> its weights that start at 0, without effect."""


def convert_model(model: Network, config: Any) -> Network:
    """Return a network of another config that computes the same function, as far as it can.

    Raises:
        ValueError: If there is no way from one to the other.
    """
    model = without_uncertainty(model)
    if type(config) in (PaperConfig, Config) and isinstance(model, TCPFormers):
        return extend(model, config)
    if type(config) is Config and isinstance(model, PoseTransformer):
        return add_joint_layers(model, config)
    if type(config) is PoseConfig and isinstance(model, PoseTransformer):
        if config.layers > model.config.layers:
            return add_layers(model, config)
        return change_clip_length(model, config)
    raise _no_way(model, config)


def extend(model: TCPFormers, config: PaperConfig) -> TCPFormers:
    """Return the same function in a network of other clips, or with additions of `Config`.

    No weight depends on the clip length, but the proxy may be as long as a third of it. Attention
    to repeated proxy frames equals attention to one of them, so the proxy is repeated where it must
    be longer; a clip whose frames are all repeated is then lifted as before. The weights that read
    an addition start at 0; its `pose_layers` start at random. Those that exist are kept as in
    `change_clip_length`. An uncertainty head is left out.

    Raises:
        ValueError: If anything else differs, the ratio of the proxies' lengths is not whole, or
            frames have learned positions and the clip length changes.
    """
    model = without_uncertainty(model)
    new, old = _as_hybrid(config), _as_hybrid(model.config)
    factor, left = divmod(new.proxy_length, old.proxy_length)
    additions = [x for x in _ADDITIONS if getattr(new, x) and not getattr(old, x)]
    ignored = ["frames", "proxy_frames", *additions]
    if "pose_layers" in additions:
        ignored.append("rotary_poses")
    ordered = old.frame_position or (old.pose_layers and not old.rotary_poses)
    differs = replace(new, **{x: getattr(old, x) for x in ignored}) != old
    if differs or left or not factor or (new.frames != old.frames and ordered):
        raise _no_way(model, config)
    result = build(config)
    state = result.state_dict() | model.state_dict()
    state["proxy"] = state["proxy"].repeat(factor, 1, 1)
    for key, value in state.items():
        if key.startswith(tuple(_ADDITIONS[x] for x in additions)):
            state[key] = torch.zeros_like(value)
    if "pose_layers" in additions:
        state["head.weight"] = _head(state["head.weight"], 0 * state["head.weight"])
    result.load_state_dict(state)
    return result


def join_models(
    model: TCPFormers, poses: PoseTransformer, share: float = 0.5, keep: float = 1.0
) -> HybridTCPFormer:
    """Return one network that outputs the weighted mean of two.

    Joint tokens that had no pose layers beside them do not read these yet. Existing pose layers
    are replaced, and joint tokens read the new ones by the same map.

    Args:
        model: A TCPFormer, alone or with pose layers of the same size.
        share: Weight of ``model`` in the mean, 0 to 1.
        keep: Factor on what the joint layers contribute beside pose layers that existed before;
            without those, ``share`` is the factor.

    Raises:
        ValueError: If ``poses`` has another size than the pose layers of ``model`` can have.
    """
    model, added = without_uncertainty(model), poses.config
    before = _as_hybrid(model.config)
    config = replace(before, pose_layers=added.layers, rotary_poses=added.rotary)
    had_poses = bool(before.pose_layers)
    if config.pose_transformer != added or (had_poses and config != before):
        raise ValueError(f"expected pose layers that fit {model.config}, got {added}.")
    result = extend(model, config)
    assert isinstance(result, HybridTCPFormer)
    state = result.state_dict()
    state |= {f"poses.{key}": value for key, value in poses.poses.state_dict().items()}
    factor = keep if had_poses else share
    by_joints = factor * model.head.weight[:, : config.representation]
    state["head.weight"] = _head(by_joints, (1 - share) * poses.head.weight)
    state["head.bias"] = torch.lerp(poses.head.bias, model.head.bias, factor)
    result.load_state_dict(state)
    return result


def add_joint_layers(poses: PoseTransformer, config: Config) -> HybridTCPFormer:
    """Return the same function in a TCPFormer whose joint layers, at random, are not read yet.

    Raises:
        ValueError: If ``config`` has other pose layers.
    """
    if not config.pose_layers or config.pose_transformer != poses.config:
        raise _no_way(poses, config)
    result = HybridTCPFormer(config)
    state = result.state_dict() | poses.state_dict()
    state["head.weight"] = _head(0 * poses.head.weight, poses.head.weight)
    result.load_state_dict(state)
    return result


def change_clip_length(poses: PoseTransformer, config: PoseConfig) -> PoseTransformer:
    """Return the same weights for another clip length, to which rotary attention must adapt.

    What a frame computes by itself stays; the angles of rotary attention follow the length.

    Raises:
        ValueError: If anything else differs, or frames have learned positions.
    """
    if not config.rotary or replace(poses.config, frames=config.frames) != config:
        raise _no_way(poses, config)
    result = PoseTransformer(config)
    result.load_state_dict(poses.state_dict())
    return result


def add_layers(poses: PoseTransformer, config: PoseConfig) -> PoseTransformer:
    """Return almost the same function with more layers, spread evenly between those there are.

    A new layer is near the identity, as `layers.LayerScale` starts.

    Raises:
        ValueError: If anything else differs.
    """
    if replace(poses.config, layers=config.layers) != config:
        raise _no_way(poses, config)
    result = PoseTransformer(config)
    old = poses.poses.layers
    at = [round((i + 1) * config.layers / len(old)) - 1 for i in range(len(old))]
    state = {k: v for k, v in poses.state_dict().items() if not k.startswith("poses.layers.")}
    result.load_state_dict(state, strict=False)
    for layer, place in zip(old, at, strict=True):
        result.poses.layers[place].load_state_dict(layer.state_dict())
    return result


def average_models(first: nn.Module, second: nn.Module) -> nn.Module:
    """Set the weights of the first network to the mean of both, and return it.

    Half way between the start and the end of a training, errors are often lower than at both
    (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).

    Raises:
        ValueError: If the shapes differ.
    """
    one, other = first.state_dict(), second.state_dict()
    if {k: v.shape for k, v in one.items()} != {k: v.shape for k, v in other.items()}:
        raise ValueError("expected two networks of one shape.")
    first.load_state_dict({key: (one[key] + other[key]) / 2 for key in one})
    return first


def hang_more(body: Network, more: PoseTransformer) -> whole_body.WholeBody:
    """Return a network of a whole body from one of 17 joints and one of all.

    It lifts the body as the first does, and the joints that hang on it as the second does beside
    its own; the second does not read the answer of the first yet, and nothing is corrected.
    """
    body, more = without_uncertainty(body), without_uncertainty(more)
    name = name_of(body.config)
    result = build(whole_body.Config(body=body.config, body_model=name, more=more.config))
    state = result.state_dict() | {f"body.{k}": v for k, v in body.state_dict().items()}
    for key, value in more.state_dict().items():
        own = state[f"more.{key}"]
        if own.shape != value.shape:  # it reads the answer of the body too
            value = torch.cat([value, own.new_zeros(len(own), own.shape[1] - value.shape[1])], 1)
        state[f"more.{key}"] = value
    result.load_state_dict(state)
    return result


def _as_hybrid(config: PaperConfig) -> Config:
    return config if isinstance(config, Config) else Config.extending(config)


def _head(by_joints: Tensor, by_poses: Tensor) -> Tensor:
    """Return a last map that reads joint and pose layers, from one for each."""
    return torch.cat([by_joints, by_poses], dim=1)


def _no_way(model: Network, config: Any) -> ValueError:
    return ValueError(f"cannot convert {model.config} to {config}.")


# The command line


def convert(weights: str, network: str, out: Path, /) -> None:
    """Convert weights to the network of other weights, or of a training configuration."""
    loaded = _load_body(weights)
    is_config = network in ("open", "own") or network.endswith((".toml", ".json"))
    config = load_config(network).network if is_config else body_of(load_model(network)).config
    model = convert_model(loaded.model, config)
    save_model(model.eval(), out, spec=loaded.spec)


def join(
    tcpformer: str, poses: str, out: Path, /, *, share: float = 0.5, keep: float = 1.0
) -> None:
    """Join a TCPFormer and a pose transformer into one network that outputs their mean."""
    one, other = (_load_body(weights) for weights in (tcpformer, poses))
    if not (isinstance(one.model, TCPFormers) and isinstance(other.model, PoseTransformer)):
        raise SystemExit(f"expected a TCPFormer and a PoseTransformer, got {tcpformer}, {poses}.")
    if _duration(one.spec) != _duration(other.spec):
        raise SystemExit(f"expected weights of one spec, got {one.spec} and {other.spec}.")
    joined = join_models(one.model, other.model, share, keep)
    save_model(joined.eval(), out, spec=other.spec)


def mean(first: str, second: str, out: Path, /) -> None:
    """Average the weights of two networks of one shape."""
    one, other = (_load_body(weights) for weights in (first, second))
    if one.spec != other.spec:
        raise SystemExit(f"expected weights of one spec, got {one.spec} and {other.spec}.")
    save_model(average_models(one.model, other.model).eval(), out, spec=one.spec)


def hang(body: str, more: str, out: Path, /) -> None:
    """Join a body and a pose transformer of all joints into one network of a whole body."""
    below, all_joints = _load_body(body), load_weights(more)
    if not (isinstance(all_joints.model, PoseTransformer) and all_joints.spec):
        raise SystemExit(f"expected a pose transformer of 26 joints, got {more}.")
    save_model(hang_more(below.model, all_joints.model).eval(), out, spec=all_joints.spec)


def _load_body(weights: str) -> Weights:
    """Load weights; of a whole body, those of the body alone."""
    loaded = load_weights(weights)
    return replace(loaded, model=body_of(loaded.model))


def _duration(spec: WeightsSpec | None) -> tuple[object, ...]:
    """Return what must agree; packaged weights state the same seconds by half the rate."""
    if spec is None:
        return ()
    return spec.skeleton, spec.normalization, spec.unit, spec.frame_step / spec.fps


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    verbs: dict[str, Any] = {"convert": convert, "join": join, "mean": mean, "hang": hang}
    tyro.extras.subcommand_cli_from_dict(verbs, prog="python -m research.surgery", args=arguments)


if __name__ == "__main__":
    main()
