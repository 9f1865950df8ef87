"""Checkpoints of PoseFormerV2, github.com/QitaoZhao/PoseFormerV2."""

from typing import Any

from ..poseformerv2 import Config
from .release import CheckpointHints, Release, State, count_layers


def _config(state: State, hints: CheckpointHints) -> Config:
    inputs: Any = state["embed_joint.weight"].shape[1]
    return Config(
        frames=hints.frames or 0,
        kept_frames=state["frame_position"].shape[-2],
        kept_coefficients=state["coefficient_position"].shape[-2],
        width=state["embed_joint.weight"].shape[0],
        depth=count_layers(state, "joint_blocks"),
        heads=hints.heads,
        inputs=inputs,
    )


RELEASE = Release(
    kind="PoseFormerV2",
    key="Freq_embedding.weight",
    config=_config,
    needs={
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
