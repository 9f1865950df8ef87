"""Weights on disk: ours (safetensors and JSON in a folder) and the released checkpoints.

`load_model` gives a network; `load_weights` also its `Convention`: what goes in and comes out.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .files import replacing
from .models.tcpformer import Config, TCPFormer

PACKAGED = Path(__file__).parent / "packaged"
PICKLED = (".tr", ".pth", ".pt", ".bin")
WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"


@dataclass(frozen=True, kw_only=True)
class Convention:
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
    "h36m": Convention(skeleton="h36m-nose", rule="screen", unit="screen"),
    "3dhp": Convention(skeleton="mpi-inf-3dhp", rule="screen"),
}
"""What the released checkpoints were trained on, which they do not say themselves. The 3DHP ones
give millimetres over 1024; so near to metres that the person's height sets the rest right."""


@dataclass(frozen=True)
class Weights:
    """A network and what is known about it; ``convention`` is None where nothing says it."""

    model: TCPFormer
    convention: Convention | None
    name: str
    """Source and the first digits of the sha256 of the weights file."""


def load_model(source: str | Path, *, heads: int = 8, device: str = "cpu") -> TCPFormer:
    """Load a network, in evaluation mode.

    Args:
        source: A packaged name, a folder that `save_model` wrote or the safetensors file in it,
            or a released checkpoint (.pth.tr, .pth, .pt, .bin).
        heads: Attention heads of a released checkpoint, whose shapes do not tell.
        device: Where the network goes.

    Raises:
        FileNotFoundError: If there is nothing at ``source``.
        ValueError: If it does not hold a whole network of this kind; names the keys that differ.
    """
    return load_weights(source, heads=heads, device=device).model


def load_weights(source: str | Path, *, heads: int = 8, device: str = "cpu") -> Weights:
    """`load_model`, with what else the file says. Arguments and errors are the same."""
    path = _find(source)
    if path.is_dir():
        model, convention = _load_ours(path)
        file = path / WEIGHTS_FILE
    else:
        model, convention, file = _load_released(path, heads), None, path
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    return Weights(model.to(device).eval(), convention, f"{Path(source).name} sha256:{digest}")


def save_model(
    model: TCPFormer, folder: str | Path, *, convention: Convention | None = None
) -> None:
    """Write a network into a folder; `load_model` is the inverse.

    Args:
        model: The network; its numbers are kept in the precision that they have.
        folder: Made if missing; weights of the same name in it are replaced.
        convention: What the weights expect and give; without it the one who lifts must say.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous().cpu() for key, value in model.state_dict().items()}
    about = {
        "model": asdict(model.config),
        "convention": asdict(convention) if convention is not None else None,
    }
    with replacing(folder / WEIGHTS_FILE) as beside:
        save_file(state, beside)
    with replacing(folder / CONFIG_FILE) as beside:
        beside.write_text(json.dumps(about, indent=2) + "\n")


def packaged() -> tuple[str, ...]:
    """The names of the weights that come with the package."""
    return tuple(sorted(path.parent.name for path in PACKAGED.glob(f"*/{WEIGHTS_FILE}")))


def _find(source: str | Path) -> Path:
    path = Path(source)
    if str(source) in packaged():
        return PACKAGED / str(source)
    if path.name == WEIGHTS_FILE and path.is_file():
        return path.parent
    if path.exists():
        return path
    raise FileNotFoundError(
        f"no weights at {str(source)!r}: expected one of {list(packaged())}, a folder with "
        f"{WEIGHTS_FILE} and {CONFIG_FILE}, or a checkpoint file ({', '.join(PICKLED)})."
    )


def _load_ours(folder: Path) -> tuple[TCPFormer, Convention | None]:
    try:
        about = json.loads((folder / CONFIG_FILE).read_text())
        config = Config(**about["model"])
        said = about["convention"]
        convention = Convention(**said) if said is not None else None
        state = load_file(folder / WEIGHTS_FILE)
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(
            f"{folder}: expected {WEIGHTS_FILE} and {CONFIG_FILE} as save_model writes them "
            f"({type(error).__name__}: {error})."
        ) from error
    return _filled(config, {k: v.float() for k, v in state.items()}, folder), convention


def _load_released(path: Path, heads: int) -> TCPFormer:
    if path.suffix not in PICKLED:
        raise ValueError(f"{path}: expected a checkpoint file ({', '.join(PICKLED)}) or a folder.")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of pickles it then refuses
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the pickled bytes make it raise
        raise ValueError(  # and its words tell how to run them
            f"{path}: not a checkpoint of plain tensors; nothing in it was run. If a trusted tool "
            "reads it, save its state dict alone with torch.save."
        ) from error
    state = {rename(key): value for key, value in _bare(content, path).items()}
    config = config_of(state, heads, path)
    shapes = {key: value.shape for key, value in TCPFormer(config).state_dict().items()}
    for key, value in state.items():  # upstream keeps leading axes of length 1
        shape = shapes.get(key)
        if shape is not None and value.shape != shape and value.numel() == shape.numel():
            state[key] = value.reshape(shape)
    return _filled(config, state, path)


def _bare(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint: under "model", "state_dict", or the checkpoint itself."""
    for key in ("model", "state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path}: expected a dictionary of tensors, got {type(content).__name__}.")
    odd = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if odd:
        raise ValueError(f"{path}: expected tensors only, but {odd[:5]} are none.")
    return {str(key): value.float() for key, value in content.items()}


def config_of(state: Mapping[str, Tensor], heads: int, path: str | Path) -> Config:
    """Read the sizes of a network from the shapes of its weights.

    Raises:
        ValueError: If the keys are not those of a TCPFormer, or the heads cannot be so many.
    """
    layers = {key.split(".")[1] for key in state if key.startswith("mixers.")}
    least = {"proxy": 3, "embed.weight": 2, "features.weight": 2}
    lacking = [key for key, axes in least.items() if key not in state or state[key].ndim < axes]
    if not layers or lacking:
        raise ValueError(
            f"{path}: not the weights of a TCPFormer; without {lacking or 'layers'}. Its first "
            f"keys are {list(state)[:3]}."
        )
    try:
        return Config(
            frames=3 * state["proxy"].shape[-3],
            depth=len(layers),
            width=state["embed.weight"].shape[0],
            heads=heads,
            representation=state["features.weight"].shape[0],
            local_branch=any(".local." in key for key in state),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error} Say how many heads it has (--heads).") from error


def _filled(config: Config, state: Mapping[str, Tensor], path: Path) -> TCPFormer:
    """A network with exactly these weights, or an error that names the keys that differ."""
    model = TCPFormer(config)
    own = model.state_dict()
    differ = {
        "missing": sorted(set(own) - set(state)),
        "not known": sorted(set(state) - set(own)),
        "of another shape": sorted(
            k for k in set(own) & set(state) if own[k].shape != state[k].shape
        ),
    }
    if any(differ.values()):
        what = "; ".join(f"{say}: {_few(keys)}" for say, keys in differ.items() if keys)
        raise ValueError(f"{path}: the keys are not those of {config}. {what}.")
    model.load_state_dict(dict(state))
    return model


def _few(keys: list[str]) -> str:
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return ", ".join(keys[:5]) + more


def rename(key: str) -> str:
    """Turn a key of a released checkpoint into ours."""
    for pattern, ours in RENAMES:
        key = re.sub(pattern, ours, key)
    return key


RENAMES = (
    (r"^module\.", ""),
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
)
"""Released names and ours, applied in this order."""
