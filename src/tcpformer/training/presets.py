"""Training configurations by name, and in TOML or JSON files."""

import json
import re
import tomllib
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ..models import model_kind, name_of, published_config, tcpformer
from ..models.checkpoint import upgrade_config
from ..optional import missing_extra
from .config import OLD_NAMES, PACKAGED_NETWORK, Network, TrainConfig

_OPEN = TrainConfig(
    network=PACKAGED_NETWORK,
    camera_domain="mixed",
    balance_activities=True,
    limb_swap_prob=0.4,
    tilt_prob=0.12,
    frame_step=(2, 7),
    batch_size=16,
    grad_accum_steps=24,
    optimizer="muon",
    steps=3500,
    lr=2e-3,
    warmup=50,
    cooldown=0.7,
    velocity_weight=1.0,
    grad_clip_norm=1.0,
    ema_decay=0.99,
)
_OWN = TrainConfig(
    network=PACKAGED_NETWORK,
    data="own",
    frame_step=(1, 4),
    steps=500,
    lr=2e-4,
    warmup=50,
    cooldown=0.3,
    velocity_weight=1.0,
    grad_clip_norm=1.0,
    ema_decay=0.999,
    init_from="default",
)


def _released(frames: int, batch_size: int, grad_accum_steps: int = 1, **how: Any) -> TrainConfig:
    return TrainConfig(
        network=tcpformer.Config(frames=frames, local_branch=True),
        normalization="screen",
        val_subjects=("S8",),
        batch_size=batch_size,
        grad_accum_steps=grad_accum_steps,
        epochs=90,
        lr=5e-4,
        lr_decay=0.99,
        decay_all=True,
        velocity_weight=20.0,
        **how,
    )


_3DHP: dict[str, Any] = {"data": "3dhp", "hop": 9, "optimizer": "adam-amsgrad", "seed": 1}
PRESETS: dict[str, TrainConfig] = {
    "open": _OPEN,
    "own": _OWN,
    "h36m-81": _released(81, 8, 2, data="h36m-sh"),
    "h36m-243": _released(243, 4, 4, data="h36m-sh"),
    "3dhp-9": _released(9, 32, **_3DHP),
    "3dhp-27": _released(27, 16, **_3DHP),
    "3dhp-81": _released(81, 8, **_3DHP),
}
"""By name: the packaged weights, fine-tuning them on your own data, and the published data sets.

The latter are trained as the authors' code does, except that S8 is left out and selects the best
weights, unless ``checkpoint_selection`` is "test".
"""


_SHOWN = 1000
"""Characters of an error that a message quotes; lists of fields are long."""


def load_config(source: str, model: str | None = None) -> TrainConfig:
    """Return a preset by name, or read a TOML or JSON file, which may start from one ("preset").

    Args:
        source: Name or path; the run.json of a run, also of version 0.1, is such a file.
        model: Another network instead, in its published size for that clip length, or its
            smallest.

    Raises:
        ValueError: If there is no such preset, or the file has unknown or invalid fields.
    """
    if source in PRESETS:
        config = PRESETS[source]
    elif Path(source).suffix in (".toml", ".json") and Path(source).is_file():
        config = _from_file(Path(source))
    else:
        raise ValueError(
            f"no configuration {source!r}: expected one of {list(PRESETS)}, or a .toml or .json "
            "file."
        )
    if model is None or model == name_of(config.network):
        return config
    return with_network(config, published_config(model, config.network.frames))


def with_network(config: TrainConfig, network: Network) -> TrainConfig:
    """Replace the network; clips keep their duration, unless their frames are consecutive."""
    smallest, largest = config.frame_step
    if largest > 1:
        ratio = config.network.frames / network.frames
        smallest, largest = (max(round(step * ratio), 1) for step in config.frame_step)
    return replace(config, network=network, frame_step=(smallest, largest))


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return plain data; `config_from_dict` is the inverse."""
    return asdict(config) | {"network": {"model": name_of(config.network)} | asdict(config.network)}


def config_from_dict(content: Any) -> TrainConfig:
    """Build a configuration from plain data; fields that it lacks come from "preset" if given.

    Raises:
        ValueError: If a field is unknown or of another type.
    """
    content = dict(_table(content, "a configuration"))
    preset = content.pop("preset", None)
    if preset is not None and (not isinstance(preset, str) or preset not in PRESETS):
        raise ValueError(f"no preset {preset!r}: expected one of {list(PRESETS)}.")
    for old in sorted(OLD_NAMES.keys() & content.keys()):
        raise ValueError(f"{old} is now {OLD_NAMES[old]}.")
    base = None if preset is None else PRESETS[preset]
    start = {} if base is None else {f.name: getattr(base, f.name) for f in fields(base)}
    if "network" in content:
        network = dict(_table(content["network"], "network"))
        usual = None if base is None else base.network
        name = network.pop("model", "tcpformer" if usual is None else name_of(usual))
        if not isinstance(name, str):
            raise ValueError(f"network.model must be a text, got {name!r}.")
        known = asdict(usual) if usual is not None and name == name_of(usual) else {}
        content["network"] = _convert(known | network, model_kind(name).config, name)
    return _convert(start | content, TrainConfig, "a configuration")


def config_from_version_0_1(content: Any) -> TrainConfig:
    """Build a configuration from the plan that a run of version 0.1 wrote.

    Raises:
        ValueError: If it is not such a plan, or of an ablation.
    """
    old = dict(_table(content, "a plan"))
    variant = _table(old.pop("variant", {}), "variant")
    if any(value != _AS_RELEASED.get(key) for key, value in variant.items()):
        raise ValueError(
            "this run is an ablation of version 0.1; run `python -m research.ablations`."
        )
    config = {OLD_NAMES.get(key, key): value for key, value in old.items()}
    if config.get("normalization") == "aimed":
        config["normalization"] = "centered-camera"
    network = dict(_table(config["network"], "network")) if "network" in config else None
    if network is not None:
        name = network.pop("model", "tcpformer")
        if isinstance(name, str):  # checked later
            name, network = upgrade_config(name, network)
        config["network"] = {"model": name} | network
    return config_from_dict(config)


_AS_RELEASED = {
    "proxy_init": "gaussian",
    "pum": "attention",
    "pim": "attention",
    "mixing": "(0, 1)",
    "joints": "alike",
}
"""What the field "variant" held in version 0.1 unless the run was an ablation."""


def _from_file(path: Path) -> TrainConfig:
    try:
        read = tomllib.loads if path.suffix == ".toml" else json.loads
        content = read(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # the parsers' errors are ValueErrors too
        raise ValueError(f"{path}: not {path.suffix[1:].upper()} ({_brief(error)}).") from error
    try:
        content = _table(content, "a configuration")
        if "plan" in content:  # the run.json of version 0.1
            return config_from_version_0_1(content["plan"])
        return config_from_dict(content.get("config", content))
    except ValueError as error:
        raise ValueError(f"{path}: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    """Return the text of an error, cut where it quotes much of a file."""
    text = str(error)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _table(content: Any, what: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{what} must be a table of names and values, got {content!r}.")
    return content


def _convert(content: dict[str, Any], kind: type[Any], what: str) -> Any:
    """Build a dataclass from plain data, checking names and types.

    Raises:
        ImportError: If msgspec is not installed.
        ValueError: If a name is unknown or a value of another type.
    """
    try:
        import msgspec
    except ImportError as error:
        raise missing_extra("Reading a configuration", "msgspec", "research") from error
    known = {f.name for f in fields(kind)}
    if unknown := ", ".join(sorted(content.keys() - known)):
        raise ValueError(f"{what} has no {unknown}; it has {', '.join(sorted(known))}.")
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        if error.__cause__ is not None:  # what __post_init__ raised
            raise ValueError(str(error.__cause__)) from error
        reason, _, path = str(error).partition(" - at `$.")
        name = re.split(r"\W", path)[0]
        hint = get_type_hints(kind)[name]
        choices = f": expected one of {list(get_args(hint))}" if "enum" in reason else ""
        raise ValueError(f"{name}: {reason}{choices}, got {content[name]!r}.") from error
