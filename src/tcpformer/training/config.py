"""How a network is trained, as data: `Plan`, the published recipes, and plans in files.

A plan says all that changes the weights; `machine.Machine` says how the work is done, and changes
them by rounding at most.
"""

import json
import tomllib
from dataclasses import asdict, dataclass, field, replace
from math import inf, isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import tyro

from research.variants import AS_RELEASED, Variant

from ..models import MODELS, model_kind, name_of, published_config
from ..models.tcpformer import Config as TCPFormerConfig
from .typed import check_names, checked, table

_CONFIGS = tuple(Annotated[m.config, tyro.conf.subcommand(k)] for k, m in MODELS.items())
_KNOWN: Any = Union[_CONFIGS]  # noqa: UP007 - the bar knows no tuples
Network = Annotated[Any, tyro.conf.arg(constructor=_KNOWN)]
"""The config of any of `MODELS`; the command line needs to be told their types."""
Data = Literal["mocap", "own", "h36m-sh", "h36m-cpn", "3dhp"]
PUBLISHED_DATA = ("h36m-sh", "h36m-cpn", "3dhp")
VALIDATION_SPLIT = {"validation": "val", "test": "test"}
"""By `Plan.select`: the part of motion capture or of one's own data that weights are judged by."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run. Every field changes the weights."""

    network: Network = field(default_factory=lambda: _PACKAGED)
    variant: Variant = AS_RELEASED
    """What an ablation changes in TCPFormer besides."""
    data: Data = "mocap"
    """Motion capture seen by virtual cameras, one's own folder, or a published data set."""
    footage: Literal["benchmark-like", "as-filmed", "mixed"] = "benchmark-like"
    """How motion capture is seen: by cameras and a detector like the open benchmark's, as people
    film and the packaged detector errs, or half of a batch so and so (docs/data_engine.md)."""
    by_activity: bool = False
    """Draw what is rare in motion capture more often; see `data.mocap.Mocap.draw`."""
    grafts: float = 0.0
    """Share of the clips of motion capture that get arms or legs of another motion."""
    tilts: float = 0.0
    """Share of the clips of motion capture in which people are tilted, upside down too."""
    ground_truth: bool = False
    """Train on exact 2D, projected from the truth, instead of detections (Human3.6M)."""
    rule: Literal["aimed", "screen"] = "aimed"
    """How pixels become input; see `normalize`. The published data sets are on "screen"."""
    holdout: tuple[str, ...] = ()
    """Subjects of a published data set that are not trained on; by default they choose the best
    weights."""
    select: Literal["validation", "test", "last"] = "validation"
    """The best weights: by people held out, by the test set as released, or simply the last."""
    spacing: tuple[int, int] = (1, 1)
    """Fewest and most frames of the data from one of a clip to the next; 1 for published data."""
    stride: int = 0
    """Frames from the start of a clip to the start of the next; 0 is a third of a clip. Clips of
    motion capture start anywhere."""
    batch: int = 16
    """Clips of a batch, in each process."""
    accumulate: int = 1
    """Batches whose gradients are added up before a step."""
    steps: int = 0
    """Steps in all; 0 where epochs are given."""
    epochs: int = 0
    """Times that all clips of filmed data are seen; 0 where steps are given."""
    optimizer: Literal["adamw", "adam-amsgrad", "muon"] = "adamw"
    """Under the second, Adam with amsgrad, no weight decays; muon takes the rates of adamw."""
    rate: float = 1e-3
    """Highest learning rate."""
    weight_decay: float = 0.01
    """Under adamw and muon."""
    decay_all: bool = False
    """Let biases, norms and gains decay too."""
    warmup: int = 0
    """Steps over which the rate rises from 0."""
    decay: float = 1.0
    """Factor on the rate after every epoch."""
    cooldown: float = 0.0
    """Share of the steps, at the end, over which the rate falls to 0."""
    shape: Literal["linear", "cosine"] = "linear"
    """Of that fall."""
    scaled_weight: float = 0.5
    """Weight of the scale-free position loss."""
    velocity_weight: float = 0.5
    """Weight of the loss on steps from frame to frame."""
    clip_gradient: float = 0.0
    """Largest norm of a step's gradient; 0 for no limit."""
    average: float = 0.0
    """Decay of the moving average of the weights, which is what is saved; 0 for none."""
    seed: int = 0
    split: str = "train"
    """Part of motion capture or of one's own data trained on."""
    init: str | None = None
    """Weights to start from; their clips may be of another length, see `begin`."""

    def __post_init__(self) -> None:
        name_of(self.network)
        _check_bounds(self)
        _check_data(self)
        _check_start(self)


def _check_bounds(plan: TrainConfig) -> None:
    for name, (least, most) in _BOUNDS.items():
        if not least <= getattr(plan, name) <= most:
            upto = f" and at most {most}" if isfinite(most) else ""
            raise ValueError(f"{name} must be at least {least}{upto}, got {getattr(plan, name)}.")
    if not 1 <= plan.spacing[0] <= plan.spacing[1]:
        raise ValueError(f"spacing must be (fewest, most), from 1 on, got {plan.spacing}.")
    if bool(plan.steps) == bool(plan.epochs):
        raise ValueError(
            f"say either steps or epochs, the other 0, got {plan.steps} and {plan.epochs}."
        )


_BOUNDS = {
    **dict.fromkeys(("batch", "accumulate"), (1, inf)),
    **dict.fromkeys(("steps", "epochs", "stride", "warmup", "seed"), (0, inf)),
    **dict.fromkeys(("rate", "weight_decay", "scaled_weight", "velocity_weight"), (0, inf)),
    **dict.fromkeys(("decay", "cooldown", "average", "grafts", "tilts"), (0, 1)),
    "clip_gradient": (0, inf),
}


def _check_data(plan: TrainConfig) -> None:
    """Refuse what the data do not have, rather than ignore it."""
    data, published = plan.data, plan.data in PUBLISHED_DATA
    usual = "screen" if published else "aimed"
    if data != "mocap" and (plan.by_activity or plan.grafts or plan.tilts):
        raise ValueError(f"by_activity, grafts and tilts are for mocap; data is {data!r}.")
    if data != "mocap" and plan.footage != "benchmark-like":
        raise ValueError(
            f"only mocap is seen {plan.footage!r}; for {data} say footage='benchmark-like'."
        )
    if data == "mocap" and (plan.epochs or plan.stride):
        raise ValueError("clips of motion capture start anywhere: say steps; epochs=0, stride=0.")
    if data != "own" and plan.rule != usual:
        raise ValueError(f"{data} is trained on by the rule {usual!r}, got {plan.rule!r}.")
    if not published and (plan.holdout or plan.ground_truth):
        raise ValueError(f"holdout and ground_truth are for {PUBLISHED_DATA}; data is {data!r}.")
    if published and (plan.spacing != (1, 1) or plan.split != "train"):
        raise ValueError(
            f"{data} has spacing (1, 1), split 'train'; got {plan.spacing}, {plan.split!r}."
        )
    if data == "3dhp" and plan.ground_truth:
        raise ValueError("3dhp has exact 2D alone; leave ground_truth out.")


def _check_start(plan: TrainConfig) -> None:
    if plan.data in PUBLISHED_DATA and plan.select == "validation" and not plan.holdout:
        raise ValueError("say who is held out to select by: holdout = ['S8'], for example.")
    if VALIDATION_SPLIT.get(plan.select) in plan.split.split("+"):
        raise ValueError(
            f"split {plan.split!r} holds the people that select={plan.select!r} means."
        )
    if plan.variant != AS_RELEASED and not isinstance(plan.network, TCPFormerConfig):
        raise ValueError(f"variants are TCPFormer's; the network is {plan.network}.")
    if plan.variant != AS_RELEASED and plan.init is not None:
        raise ValueError("a variant says how a network starts: leave out init, or the variant.")


_PACKAGED = TCPFormerConfig(
    frames=27,
    proxy_frames=9,
    depth=4,
    width=64,
    heads=4,
    representation=256,
    pose_embedding=True,
    pose_layers=4,
    rotary_poses=True,
)
_OPEN = TrainConfig(
    network=_PACKAGED,
    footage="mixed",
    by_activity=True,
    grafts=0.4,
    tilts=0.12,
    spacing=(2, 7),
    batch=16,
    accumulate=24,
    optimizer="muon",
    steps=3500,
    rate=2e-3,
    warmup=50,
    cooldown=0.7,
    velocity_weight=1.0,
    clip_gradient=1.0,
    average=0.99,
)
_RELEASED = TrainConfig(
    network=TCPFormerConfig(local_branch=True),
    data="h36m-sh",
    rule="screen",
    holdout=("S8",),
    epochs=90,
    rate=5e-4,
    decay=0.99,
    decay_all=True,
    velocity_weight=20.0,
)
_RELEASED_3DHP = replace(_RELEASED, data="3dhp", stride=9, optimizer="adam-amsgrad", seed=1)


def _released(plan: TrainConfig, frames: int, batch: int, accumulate: int = 1) -> TrainConfig:
    network = replace(plan.network, frames=frames)
    return replace(plan, network=network, batch=batch, accumulate=accumulate)


PRESETS: dict[str, TrainConfig] = {
    "open": _OPEN,
    "own": replace(
        _OPEN,
        data="own",
        footage="benchmark-like",
        by_activity=False,
        grafts=0.0,
        tilts=0.0,
        spacing=(1, 4),
        accumulate=1,
        optimizer="adamw",
        steps=500,
        rate=2e-4,
        cooldown=0.3,
        average=0.999,
        init="default",
    ),
    "h36m-81": _released(_RELEASED, 81, batch=8, accumulate=2),
    "h36m-243": _released(_RELEASED, 243, batch=4, accumulate=4),
    "3dhp-9": _released(_RELEASED_3DHP, 9, batch=32),
    "3dhp-27": _released(_RELEASED_3DHP, 27, batch=16),
    "3dhp-81": _released(_RELEASED_3DHP, 81, batch=8),
}
"""By name. Published data: as released, but S8, held out, chooses the weights, if not "test"."""


def load_config(source: str, model: str | None = None) -> TrainConfig:
    """A preset by name, or a plan in a TOML or JSON file, which may start from one ("preset").

    Args:
        source: Name or path; the run.json of a run is such a file.
        model: Another network in its place, in its published size for such clips, or its smallest.

    Raises:
        ValueError: If there is no such plan, or the file holds what no plan has.
    """
    if source in PRESETS:
        plan = PRESETS[source]
    elif Path(source).suffix in (".toml", ".json") and Path(source).is_file():
        plan = _from_file(Path(source))
    else:
        raise ValueError(
            f"no plan {source!r}: expected one of {list(PRESETS)}, or a .toml or .json file."
        )
    if model is None or model == name_of(plan.network):
        return plan
    return with_network(plan, published_config(model, plan.network.frames))


def with_network(plan: TrainConfig, network: Network) -> TrainConfig:
    """The plan for another network; its clips span the same seconds, or stay frames in a row."""
    least, most = plan.spacing
    if most > 1:
        stretch = plan.network.frames / network.frames
        least, most = (max(round(gap * stretch), 1) for gap in plan.spacing)
    return replace(plan, network=network, spacing=(least, most), variant=AS_RELEASED)


def config_from_dict(content: Any) -> TrainConfig:
    """A plan from plain data, as `as_data` gives it; what is not said is as in the preset named.

    Raises:
        ValueError: If a key is unknown or a value not of its kind.
    """
    content = table(content, "a plan")
    start = content.pop("preset", None)
    if start is not None and start not in PRESETS:
        raise ValueError(f"no preset {start!r}: expected one of {list(PRESETS)}.")
    base = PRESETS[start] if start is not None else None
    check_names(TrainConfig, content, "a plan")
    parts = {key: content.pop(key) for key in ("network", "variant") if key in content}
    changes = checked(TrainConfig, content)
    if "network" in parts:
        changes["network"] = _network(table(parts["network"], "network"), base)
        if not isinstance(changes["network"], TCPFormerConfig):
            changes["variant"] = AS_RELEASED  # a preset's is of its own network
    if "variant" in parts:
        variant = table(parts["variant"], "variant")
        check_names(Variant, variant, "variant")
        changes["variant"] = Variant(**checked(Variant, variant))
    return replace(base, **changes) if base else TrainConfig(**changes)


def config_to_dict(plan: TrainConfig) -> dict[str, Any]:
    """A plan as plain data: the inverse of `plan_from`."""
    return asdict(plan) | {"network": {"model": name_of(plan.network)} | asdict(plan.network)}


def _from_file(path: Path) -> TrainConfig:
    try:
        read = tomllib.loads if path.suffix == ".toml" else json.loads
        content = read(path.read_text())
    except ValueError as error:  # also what both parsers raise
        raise ValueError(f"{path}: not {path.suffix[1:].upper()} ({error}).") from error
    try:
        content = table(content, "a plan")
        return config_from_dict(content.get("plan", content))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _network(content: dict[str, Any], base: TrainConfig | None) -> Network:
    usual = name_of(base.network) if base else "tcpformer"
    model = content.pop("model", usual)
    config = model_kind(model).config
    check_names(config, content, model)
    content = checked(config, content)
    if base and model == usual:
        return replace(base.network, **content)
    return config(**content)
