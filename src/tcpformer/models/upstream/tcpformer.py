"""Checkpoints of TCPFormer, github.com/AsukaCamellia/TCPFormer."""

from ..tcpformer import Config
from .release import CheckpointHints, Release, State, count_layers


def _config(state: State, hints: CheckpointHints) -> Config:
    return Config(
        frames=3 * state["proxy"].shape[-3],
        depth=count_layers(state, "mixers"),
        width=state["embed.weight"].shape[0],
        heads=hints.heads,
        representation=state["features.weight"].shape[0],
        local_branch=any(".local." in key for key in state),
    )


RELEASE = Release(
    kind="TCPFormer",
    key="center_pose",
    config=_config,
    needs={"heads": "they share the channels"},
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
        (r"\batt_weight\b", "pam.mix_logit"),
        (r"\bfc1\b", "expand"),
        (r"\bfc2\b", "contract"),
    ),
)
