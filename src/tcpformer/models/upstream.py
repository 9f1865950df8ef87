"""Released checkpoints: what they were trained on, how they are read, and their names beside ours.

Not everything that a checkpoint is lies in its file: whoever loads it says the rest (`Said`).
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from . import build, poseformerv2, strided_transformer, tcpformer

PICKLED = (".tr", ".pth", ".pt", ".bin")
State = Mapping[str, Tensor]
Renames = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """What some weights expect and what they give."""

    skeleton: Literal["h36m", "h36m-nose", "mpi-inf-3dhp"] = "h36m"
    """The joints, in and out."""
    rule: Literal["aimed", "screen"] = "aimed"
    """How pixels become input; see `normalize`."""
    unit: Literal["metres", "screen"] = "metres"
    """Of the output. "screen": half image widths, so a person far away is small."""
    fps: float = 50.0
    """Frame rate of the motion that the weights were trained on."""
    spacing: int = 1
    """Frames, at that rate, from one frame of a clip to the next."""

    def __post_init__(self) -> None:
        known = {
            "skeleton": ("h36m", "h36m-nose", "mpi-inf-3dhp"),
            "rule": ("aimed", "screen"),
            "unit": ("metres", "screen"),
        }
        for name, allowed in known.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}.")
        if not (self.fps > 0 and self.spacing >= 1):
            raise ValueError(f"fps and spacing must be positive, got {self.fps}, {self.spacing}.")


RELEASED = {
    "h36m": WeightsSpec(skeleton="h36m-nose", rule="screen", unit="screen"),
    "h36m-cpn": WeightsSpec(skeleton="h36m-nose", rule="screen"),
    "3dhp": WeightsSpec(skeleton="mpi-inf-3dhp", rule="screen", fps=25.0),
}
"""What checkpoints were trained on, which they do not say. "h36m": by MotionBERT's protocol, as
TCPFormer was; "h36m-cpn": by VideoPose3D's, as both baselines were. The 3DHP ones give millimetres
over 1024; so near to metres that the person's height sets the rest right. Of their sequences some
have 50 frames a second, most 25."""


@dataclass(frozen=True, kw_only=True)
class CheckpointHints:
    """What its loader says of a checkpoint: needed where its shapes do not tell."""

    heads: int = 8
    frames: int | None = None
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Release:
    """How the released checkpoints of one kind of network are written."""

    kind: str
    mark: str
    """A key that they all have, and no others."""
    sizes: Callable[[State, CheckpointHints], Any]
    """The config, from the shapes of renamed weights and what was said."""
    untold: Mapping[str, str]
    """What must be said, and why the shapes do not tell it."""
    renames: Renames
    """Patterns of their names and ours, applied in this order."""
    dead: str = r"(?!)"
    """Pattern of keys that are saved but never applied; by itself it matches nothing."""


def read_released(path: Path, said: CheckpointHints) -> tuple[Any, dict[str, Tensor]]:
    """The config and the weights, under our names, of a released checkpoint.

    Raises:
        ValueError: If it is no checkpoint of plain tensors, of no known network, or something has
            to be said of it.
    """
    if path.suffix not in PICKLED:
        raise ValueError(f"{path}: expected a checkpoint file ({', '.join(PICKLED)}) or a folder.")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of pickles it then refuses
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the pickled bytes make it raise
        raise ValueError(  # and its words tell how to run them
            f"{path}: not a checkpoint of plain tensors, or damaged; nothing in it was run. If a "
            "trusted tool reads it, save its state dict alone with torch.save."
        ) from error
    return translate(_bare(content, path), said, path)


def translate(
    state: State, said: CheckpointHints, path: str | Path
) -> tuple[Any, dict[str, Tensor]]:
    """The config and the weights, under our names and in our shapes, of released weights.

    Raises:
        ValueError: If they are of no known network, or something has to be said of them.
    """
    state = {re.sub(r"^module\.", "", key): value for key, value in state.items()}
    release = next((r for r in RELEASES if r.mark in state), None)
    if release is None:
        raise ValueError(
            f"{path}: the weights of no known network ({', '.join(r.kind for r in RELEASES)}); "
            f"its first keys are {list(state)[:3]}."
        )
    renamed = {
        rename(key, release.renames): value
        for key, value in state.items()
        if not re.match(release.dead, key)
    }
    config = config_of(renamed, said, path, release)
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in build(config).state_dict().items()}
    for key, value in renamed.items():  # upstream keeps axes of length 1
        shape = shapes.get(key)
        if shape is not None and value.shape != shape and value.numel() == shape.numel():
            renamed[key] = value.reshape(shape)
    return config, renamed


def rename(key: str, renames: Renames) -> str:
    """Turn a key of a released checkpoint into ours."""
    for pattern, ours in renames:
        key = re.sub(pattern, ours, key)
    return key


def config_of(state: State, said: CheckpointHints, path: str | Path, release: Release) -> Any:
    """Read the sizes of a network from the shapes of its renamed weights.

    Raises:
        ValueError: If the weights are not whole, or something was not said, or not rightly.
    """
    for name, why in release.untold.items():
        if getattr(said, name) is None:
            raise ValueError(
                f"{path}: say {name} (--{name}), which the shapes of a {release.kind} do not "
                f"tell: {why}."
            )
    try:
        return release.sizes(state, said)
    except (KeyError, IndexError) as error:
        raise ValueError(
            f"{path}: not the whole weights of a {release.kind} ({type(error).__name__}: {error})."
        ) from error
    except ValueError as error:
        options = ", ".join(f"--{name}" for name in release.untold)
        raise ValueError(
            f"{path}: {error} What was said of it may be wrong ({options})."
        ) from error


def _bare(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint: under one of the usual names, or the checkpoint itself."""
    for key in ("model", "model_pos", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path}: expected a dictionary of tensors, got {type(content).__name__}.")
    odd = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if odd:
        raise ValueError(f"{path}: expected tensors only, but {odd[:5]} are none.")
    return {str(key): value for key, value in content.items()}


def _layers(state: State, name: str) -> int:
    """How many numbered parts a network has under this name."""
    return len({key.split(".")[1] for key in state if key.startswith(f"{name}.")})


def _tcpformer(state: State, said: CheckpointHints) -> tcpformer.Config:
    return tcpformer.Config(
        frames=3 * state["proxy"].shape[-3],
        depth=_layers(state, "mixers"),
        width=state["embed.weight"].shape[0],
        heads=said.heads,
        representation=state["features.weight"].shape[0],
        local_branch=any(".local." in key for key in state),
    )


def _poseformerv2(state: State, said: CheckpointHints) -> poseformerv2.Config:
    inputs: Any = state["embed_joint.weight"].shape[1]
    return poseformerv2.Config(
        frames=said.frames or 0,
        kept_frames=state["frame_position"].shape[-2],
        kept_coefficients=state["coefficient_position"].shape[-2],
        width=state["embed_joint.weight"].shape[0],
        depth=_layers(state, "joint_blocks"),
        heads=said.heads,
        inputs=inputs,
    )


def _strided_transformer(state: State, said: CheckpointHints) -> strided_transformer.Config:
    strides, layers = said.strides or (), _layers(state, "strided")
    if len(strides) != layers:
        raise ValueError(f"expected {layers} strides, one for each strided layer, got {strides}.")
    inputs: Any = state["embed.0.weight"].shape[1] // strided_transformer.JOINTS
    return strided_transformer.Config(
        frames=state["position"].shape[-2],
        strides=strides,
        width=state["embed.0.weight"].shape[0],
        hidden=state["plain.0.expand.weight"].shape[0],
        depth=_layers(state, "plain"),
        heads=said.heads,
        inputs=inputs,
    )


TCPFORMER = Release(
    kind="TCPFormer",
    mark="center_pose",
    sizes=_tcpformer,
    untold={"heads": "they share the channels"},
    renames=(
        (r"^joints_embed", "embed"),
        (r"^pos_embed$", "joint_position"),
        (r"^center_pose$", "proxy"),
        (r"^center_pos_embed$", "proxy_position"),
        (r"^rep_logit\.fc", "features"),
        (r"^layers\.", "mixers."),
        (r"^temporal_layers\.", "exchanges."),
        (r"\batt_spatial", "joint_first.0"),
        (r"\batt_temporal", "joint_first.1"),
        (r"\bgraph_spatial", "time_first.0"),  # upstream's name; it attends over time
        (r"\bgraph_temporal", "time_first.1"),  # and this one over joints
        (r"(_first\.\d)\.layer_scale_1", r"\1.0.scale.gain"),
        (r"(_first\.\d)\.layer_scale_2", r"\1.1.scale.gain"),
        (r"(_first\.\d)\.norm1", r"\1.0.norm"),
        (r"(_first\.\d)\.norm2", r"\1.1.norm"),
        (r"(_first\.\d)\.mixer", r"\1.0.body"),
        (r"(_first\.\d)\.mlp", r"\1.1.body"),
        (r"local_attention_list", "local.attentions"),
        (r"local_norms", "local.norms"),
        (r"loacl_mlps", "local.mlps"),  # sic
        (r"cross_temporal\.", ""),
        (r"norm_full", "norm_pose"),
        (r"norm_center", "norm_proxy"),
        (r"center_full", "pum"),
        (r"full_center", "pim"),
        (r"\.wq\b", ".query"),
        (r"\.wk\b", ".key"),
        (r"\.wv\b", ".value"),
        (r"layer_scale_1", "pum.scale.gain"),
        (r"layer_scale_2", "pum.mlp.scale.gain"),
        (r"\bnorm_1\b", "pum.mlp.norm"),
        (r"\bmlp_1\b", "pum.mlp.body"),
        (r"layer_scale_3", "pim.scale.gain"),
        (r"layer_scale_4", "pim.mlp.scale.gain"),
        (r"\bnorm_2\b", "pim.mlp.norm"),
        (r"\bmlp_2\b", "pim.mlp.body"),
        (r"layer_scale_7", "self_attention.0.scale.gain"),
        (r"layer_scale_8", "self_attention.1.scale.gain"),
        (r"norm_sa_self", "self_attention.0.norm"),
        (r"map_sa_self", "self_attention.0.body"),
        (r"norm_mlp_self", "self_attention.1.norm"),
        (r"mlp_sa_self", "self_attention.1.body"),
        (r"layer_scale_5", "pam.scale.gain"),
        (r"layer_scale_6", "pam.mlp.scale.gain"),
        (r"\bnorm_sa_1\b", "pam.norm"),
        (r"\bnorm_sa_2\b", "pam.mlp.norm"),
        (r"\bmlp_sa\b", "pam.mlp.body"),
        (r"\bmap_sum\b", "pam"),
        (r"\batt_weight\b", "pam.trust"),
        (r"\bfc1\b", "expand"),
        (r"\bfc2\b", "contract"),
    ),
)
POSEFORMERV2 = Release(
    kind="PoseFormerV2",
    mark="Freq_embedding.weight",
    sizes=_poseformerv2,
    untold={
        "heads": "they share the channels",
        "frames": "the cosine transform makes as many tokens of a clip of any length",
    },
    renames=(
        (r"^Joint_embedding", "embed_joint"),
        (r"^Freq_embedding", "embed_coefficient"),
        (r"^Spatial_pos_embed$", "joint_position"),
        (r"^Temporal_pos_embed$", "frame_position"),
        (r"^Temporal_pos_embed_$", "coefficient_position"),
        (r"^Spatial_blocks", "joint_blocks"),
        (r"^blocks", "mixed_blocks"),
        (r"^Spatial_norm", "joint_norm"),
        (r"^Temporal_norm", "norm"),
        (r"^weighted_mean\.", "coefficient_mean."),
        (r"^weighted_mean_\.", "frame_mean."),
        (r"\.norm1\.", ".attention.norm."),
        (r"\.attn\.", ".attention.body."),
        (r"\.norm2\.", ".mlp.norm."),
        (r"\.norm3\.", ".frequency_mlp.norm."),
        (r"\.mlp1?\.fc1\.", ".mlp.body.expand."),
        (r"\.mlp1?\.fc2\.", ".mlp.body.contract."),
        (r"\.mlp2\.fc1\.", ".frequency_mlp.body.expand."),
        (r"\.mlp2\.fc2\.", ".frequency_mlp.body.contract."),
    ),
)
STRIDED_TRANSFORMER = Release(
    kind="StridedTransformer",
    mark="Transformer_reduce.model.pos_embedding_1",
    sizes=_strided_transformer,
    untold={
        "heads": "they share the channels",
        "strides": "a convolution looks alike whatever its stride",
    },
    dead=r"Transformer(_reduce)?\.model\.norm\.",
    renames=(
        (r"^encoder\.", "embed."),
        (r"^Transformer\.pos_embedding$", "position"),
        (r"^Transformer\.model\.layers\.", "plain."),
        (r"^Transformer_reduce\.model\.layers\.", "strided."),
        (r"^fcn_1\.", "full_head."),
        (r"^fcn\.", "centre_head."),
        (r"^Transformer_reduce\.model\.pos_embedding_1$", "strided_positions.0"),
        (r"^Transformer_reduce\.model\.pos_embedding_2$", "strided_positions.1"),
        (r"^Transformer_reduce\.model\.pos_embedding_3$", "strided_positions.2"),
        (r"\.self_attn\.linears\.0\.", ".attention.query."),
        (r"\.self_attn\.linears\.1\.", ".attention.key."),
        (r"\.self_attn\.linears\.2\.", ".attention.value."),
        (r"\.self_attn\.linears\.3\.", ".attention.proj."),
        (r"\.feed_forward\.w_1\.", ".expand."),
        (r"\.feed_forward\.w_2\.", ".contract."),
        (r"\.sublayer\.0\.norm\.", ".attention_norm."),
        (r"\.sublayer\.1\.norm\.", ".norm."),
        (r"\.a_2$", ".gain"),
        (r"\.b_2$", ".bias"),
    ),
)
RELEASES = (TCPFORMER, POSEFORMERV2, STRIDED_TRANSFORMER)
