"""Checkpoints of StridedTransformer, github.com/Vegetebird/StridedTransformer-Pose3D."""

from typing import Any

from ..layers import JOINTS
from ..strided_transformer import Config
from .release import CheckpointHints, Release, State, count_layers


def _config(state: State, hints: CheckpointHints) -> Config:
    strides, layers = hints.strides or (), count_layers(state, "strided")
    if len(strides) != layers:
        raise ValueError(f"expected {layers} strides, one for each strided layer, got {strides}.")
    inputs: Any = state["embed.0.weight"].shape[1] // JOINTS
    return Config(
        frames=state["position"].shape[-2],
        strides=strides,
        width=state["embed.0.weight"].shape[0],
        hidden=state["plain.0.expand.weight"].shape[0],
        depth=count_layers(state, "plain"),
        heads=hints.heads,
        inputs=inputs,
    )


RELEASE = Release(
    kind="StridedTransformer",
    key="Transformer_reduce.model.pos_embedding_1",
    config=_config,
    needs={
        "heads": "they share the channels",
        "strides": "a convolution looks alike whatever its stride",
    },
    unused=r"Transformer(_reduce)?\.model\.norm\.",
    renames=(
        (r"^encoder\.", "embed."),
        (r"^Transformer\.pos_embedding$", "position"),
        (r"^Transformer\.model\.layers\.", "plain."),
        (r"^Transformer_reduce\.model\.layers\.", "strided."),
        (r"^fcn_1\.", "full_head."),
        (r"^fcn\.", "center_head."),
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
