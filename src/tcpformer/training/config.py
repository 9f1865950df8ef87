"""`TrainConfig`: everything about a training run that changes the weights."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import inf, isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from ..models import MODELS, hybrid, name_of, whole_body

if TYPE_CHECKING:
    Network = Any
else:
    try:
        import tyro
    except ImportError:  # a machine that trains without a command line
        Network = Any
    else:
        _CONFIGS = tuple(Annotated[m.config, tyro.conf.subcommand(k)] for k, m in MODELS.items())
        _ANY_CONFIG = Union[_CONFIGS]  # noqa: UP007 - tyro takes no tuple of types
        Network = Annotated[Any, tyro.conf.arg(constructor=_ANY_CONFIG)]
"""The config of a network in `MODELS`; the command line needs their types."""
Data = Literal["mocap", "own", "h36m-sh", "h36m-cpn", "3dhp"]
PUBLISHED_DATA = ("h36m-sh", "h36m-cpn", "3dhp")
VALIDATION_SPLIT = {"validation": "val", "test": "test"}
"""`TrainConfig.checkpoint_selection` -> the split of motion capture or of your own data."""
PACKAGED_NETWORK = hybrid.Config(
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
OLD_NAMES = {
    "rate": "lr",
    "decay": "lr_decay",
    "average": "ema_decay",
    "batch": "batch_size",
    "accumulate": "grad_accum_steps",
    "shape": "cooldown_schedule",
    "clip_gradient": "grad_clip_norm",
    "scaled_weight": "n_mpjpe_weight",
    "select": "checkpoint_selection",
    "init": "init_from",
    "holdout": "val_subjects",
    "spacing": "frame_step",
    "stride": "hop",
    "grafts": "limb_swap_prob",
    "tilts": "tilt_prob",
    "footage": "camera_domain",
    "rule": "normalization",
    "by_activity": "balance_activities",
    "recompute": "activation_checkpointing",
    "save_seconds": "checkpoint_seconds",
    "keep_every": "keep_weights_every",
    "score_every": "validate_every",
}
"""Fields of `TrainConfig` and `HardwareConfig` in version 0.1 -> their names now."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run. Every field changes the weights."""

    network: Network = field(default_factory=lambda: PACKAGED_NETWORK)
    data: Data = "mocap"
    """Motion capture seen by virtual cameras, a folder of your own, or a published data set."""
    camera_domain: Literal["benchmark-like", "as-filmed", "mixed"] = "benchmark-like"
    """How motion capture is projected and perturbed: with cameras and 2D errors like the open
    benchmark's, like home videos and the packaged detector's, or half of each batch by either."""
    balance_activities: bool = False
    """Draw rare activities of motion capture more often."""
    limb_swap_prob: float = 0.0
    """Share of motion capture clips that get the arms or legs of another motion, 0 to 1."""
    tilt_prob: float = 0.0
    """Share of motion capture clips in which people are tilted, even upside down, 0 to 1."""
    blur_prob: float = 0.0
    """Share of motion capture clips whose confidence tells less of the error, 0 to 1: half of them
    have 1 everywhere."""
    ground_truth: bool = False
    """Train on exact 2D, projected from the 3D truth, instead of detections (Human3.6M)."""
    normalization: Literal["centered-camera", "screen"] = "centered-camera"
    """How pixels become input, see `lifting.normalize`; published data sets need "screen"."""
    val_subjects: tuple[str, ...] = ()
    """Subjects of a published data set that are left out of training; they select the best
    weights if ``checkpoint_selection`` is "validation"."""
    checkpoint_selection: Literal["validation", "test", "last"] = "validation"
    """The best weights: by validation subjects, by the test set as released, or the last ones."""
    frame_step: tuple[int, int] = (1, 1)
    """Smallest and largest distance, in frames of the data, of consecutive frames of a clip;
    (1, 1) for published data."""
    hop: int = 0
    """Frames from the start of a clip to the start of the next; 0 is a third of a clip. Clips of
    motion capture start at random frames."""
    batch_size: int = 16
    """Clips per batch, in each process."""
    grad_accum_steps: int = 1
    """Batches whose gradients are added before a step of the optimizer."""
    steps: int = 0
    """Steps in total; 0 if epochs are given."""
    epochs: int = 0
    """Passes over all clips of recorded data; 0 if steps are given."""
    optimizer: Literal["adamw", "adam-amsgrad", "muon"] = "adamw"
    """`adam-amsgrad` ignores weight_decay; `muon` uses AdamW learning rates."""
    lr: float = 1e-3
    """Highest learning rate."""
    weight_decay: float = 0.01
    """Of adamw and muon."""
    decay_all: bool = False
    """Apply weight decay to biases, norms and gains too."""
    warmup: int = 0
    """Steps over which the learning rate rises from 0."""
    lr_decay: float = 1.0
    """Factor on the learning rate after every epoch, 0 to 1."""
    cooldown: float = 0.0
    """Share of the steps, at the end, over which the learning rate falls to 0."""
    cooldown_schedule: Literal["linear", "cosine"] = "linear"
    """How the learning rate falls during the cooldown."""
    n_mpjpe_weight: float = 0.5
    """Weight of the scale-free position loss (N-MPJPE)."""
    velocity_weight: float = 0.5
    """Weight of the loss on differences of consecutive frames."""
    last_frames: int = 0
    """Frames at the end of each clip that the loss is of, for live use, which knows no future; 0
    for all."""
    grad_clip_norm: float = 0.0
    """Largest norm of a step's gradient; 0 for no limit."""
    ema_decay: float = 0.0
    """Decay of the moving average of the weights, which is what is saved; 0 for none."""
    learning: Literal["all", "correction", "share"] = "all"
    """Weights of a "whole-body" network that learn: all, all but the body's, or those of the share
    of the correction alone; the others stay as ``init_from`` has them."""
    seed: int = 0
    split: str = "train"
    """Split of motion capture or of your own data to train on; "a+b" joins two."""
    init_from: str | None = None
    """Weights to start from, a packaged name or a folder, of the same network or of fewer joints
    (`training.more_joints`); an uncertainty head is left out. `research/surgery.py` converts
    weights of other shapes."""

    def __post_init__(self) -> None:
        name_of(self.network)
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not (least <= value <= most and value < inf):
                upto = f" and at most {most}" if isfinite(most) and not value < least else ""
                raise ValueError(f"{name} must be at least {least}{upto}, got {value}.")
        for wrong in chain(_conflicts(self), _data_conflicts(self), _published_conflicts(self)):
            raise ValueError(wrong)


_BOUNDS = {
    **dict.fromkeys(("batch_size", "grad_accum_steps"), (1, 100_000)),
    **dict.fromkeys(("steps", "warmup"), (0, 10**9)),
    **dict.fromkeys(("epochs", "hop", "last_frames"), (0, 10**6)),
    "seed": (0, 2**32 - 1),
    **dict.fromkeys(("lr", "weight_decay", "n_mpjpe_weight", "velocity_weight"), (0, inf)),
    **dict.fromkeys(("lr_decay", "cooldown", "ema_decay"), (0, 1)),
    **dict.fromkeys(("limb_swap_prob", "tilt_prob", "blur_prob"), (0, 1)),
    "grad_clip_norm": (0, inf),
}
MAX_FRAME_STEP = 10_000
MAX_BATCH_FRAMES = 1_000_000
"""Frames of a batch: of clips that take 1 GB as they are prepared."""


_MOCAP_ONLY = ("camera_domain", "balance_activities", "limb_swap_prob", "tilt_prob", "blur_prob")


def _conflicts(config: TrainConfig) -> Iterator[str]:
    """Yield what is wrong with steps and split."""
    if not 1 <= config.frame_step[0] <= config.frame_step[1] <= MAX_FRAME_STEP:
        yield (
            f"frame_step must be (smallest, largest), from 1 to {MAX_FRAME_STEP}, got "
            f"{config.frame_step}."
        )
    if config.batch_size * config.network.frames > MAX_BATCH_FRAMES:
        yield (
            f"expected a batch of at most {MAX_BATCH_FRAMES:,} frames, got batch_size="
            f"{config.batch_size} clips of {config.network.frames}; use grad_accum_steps."
        )
    whole = isinstance(config.network, whole_body.Config)
    if config.learning != "all" and not (whole and config.init_from):
        yield (
            f"learning={config.learning!r} keeps weights of a whole-body network as init_from has "
            f"them, got {name_of(config.network)!r} and init_from={config.init_from!r}."
        )
    if config.last_frames > config.network.frames:
        yield (
            f"expected last_frames of at most the {config.network.frames} frames of a clip, got "
            f"{config.last_frames}."
        )
    if bool(config.steps) == bool(config.epochs):
        yield f"give either steps or epochs, the other 0, got {config.steps} and {config.epochs}."
    selection = config.checkpoint_selection
    if VALIDATION_SPLIT.get(selection) in config.split.split("+"):
        yield (
            f"split {config.split!r} contains the people that checkpoint_selection={selection!r} "
            "measures on; choose another split."
        )


def _data_conflicts(config: TrainConfig) -> Iterator[str]:
    """Yield options that the data do not have, instead of ignoring them."""
    data = config.data
    for name in _MOCAP_ONLY:
        default = TrainConfig.__dataclass_fields__[name].default
        if data != "mocap" and getattr(config, name) != default:
            yield (
                f"{name} is for mocap; with data={data!r} it must be {default!r}, got "
                f"{getattr(config, name)!r}."
            )
    if data == "mocap" and (config.epochs or config.hop):
        yield "clips of mocap start at random frames: give steps; epochs=0, hop=0."
    expected = "screen" if data in PUBLISHED_DATA else "centered-camera"
    if data != "own" and config.normalization != expected:
        yield f"{data} needs normalization={expected!r}, got {config.normalization!r}."
    if data not in PUBLISHED_DATA and (config.val_subjects or config.ground_truth):
        yield f"val_subjects and ground_truth are for {PUBLISHED_DATA}; data is {data!r}."


def _published_conflicts(config: TrainConfig) -> Iterator[str]:
    """Yield what the protocols of published data sets exclude."""
    if config.data not in PUBLISHED_DATA:
        return
    if config.frame_step != (1, 1) or config.split != "train":
        yield (
            f"{config.data} needs frame_step=(1, 1) and split='train', got {config.frame_step} and "
            f"{config.split!r}."
        )
    if config.data == "3dhp" and config.ground_truth:
        yield "3dhp has no detections, its 2D is exact; omit ground_truth."
    if config.checkpoint_selection == "validation" and not config.val_subjects:
        yield "checkpoint_selection='validation' needs val_subjects, for example ['S8']."
