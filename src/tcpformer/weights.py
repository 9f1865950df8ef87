"""What weights are and where packaged ones lie; reading their numbers is not here.

Nothing here needs PyTorch: a base installation lifts without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

PACKAGED = Path(__file__).parent / "packaged"
WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"
MOST_FPS = 1000.0
"""Of a spec, frames per second; its motion is resampled to that rate."""
SkeletonName = Literal["h36m", "body26", "h36m-nose", "mpi-inf-3dhp"]
Normalization = Literal["centered-camera", "screen"]
Unit = Literal["metres", "screen"]


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """What weights expect as input and give as output."""

    skeleton: SkeletonName = "h36m"
    """The joints of input and output."""
    normalization: Normalization = "centered-camera"
    """How pixels become input; see `lifting.normalize`."""
    unit: Unit = "metres"
    """Of the output. "screen" is half an image width, so a distant person is small."""
    fps: float = 50.0
    """Frame rate of the motion that the weights were trained on."""
    frame_step: int = 1
    """Frames, at that rate, from one frame of a clip to the next."""
    last_frames: int = 0
    """Frames at the end of a clip that the weights were trained on, for live use; 0 if on all."""

    def __post_init__(self) -> None:
        known = {"skeleton": SkeletonName, "normalization": Normalization, "unit": Unit}
        for name, values in known.items():
            value, allowed = getattr(self, name), get_args(values)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
        if not 0 < self.fps <= MOST_FPS or not 1 <= self.frame_step <= MOST_FPS:
            raise ValueError(
                f"fps and frame_step must be positive and at most {MOST_FPS:g}, got {self.fps}, "
                f"{self.frame_step}."
            )
        if not 0 <= self.last_frames <= MOST_FPS:
            raise ValueError(f"last_frames must be from 0 to {MOST_FPS:g}, got {self.last_frames}.")


RELEASED = {
    "h36m": WeightsSpec(skeleton="h36m-nose", normalization="screen", unit="screen"),
    "h36m-cpn": WeightsSpec(skeleton="h36m-nose", normalization="screen"),
    "3dhp": WeightsSpec(skeleton="mpi-inf-3dhp", normalization="screen", fps=25.0),
}
"""By training protocol, which released checkpoints do not name: "h36m" is MotionBERT's, as of
TCPFormer; "h36m-cpn" is VideoPose3D's, as of both baselines. The 3DHP ones give millimetres over
1024, which is near to metres; the person's height corrects the rest. Some of their sequences have
50 frames a second, most 25."""


@dataclass(frozen=True)
class Weights:
    """A network and what is known about it."""

    model: Any
    """A network of `models.MODELS`, or one that another runtime computes."""
    spec: WeightsSpec | None
    """None if the file does not tell."""
    name: str
    """Source and the first digits of the sha256 of the weights file."""


def packaged_names() -> tuple[str, ...]:
    """Return the names of the weights that come with the package."""
    return tuple(sorted(path.parent.name for path in PACKAGED.glob(f"*/{WEIGHTS_FILE}")))


def weights_spec(weights: Weights, checkpoint_protocol: str | None) -> WeightsSpec:
    """Return the spec of weights: their own, or of the protocol that the caller names.

    Raises:
        ValueError: If both or neither are known, or the protocol is not in `RELEASED`.
    """
    if weights.spec is not None:
        if checkpoint_protocol is not None:
            raise ValueError(
                f"{weights.name} has a spec of its own; omit checkpoint_protocol, "
                f"got {checkpoint_protocol!r}."
            )
        return weights.spec
    if checkpoint_protocol not in RELEASED:
        raise ValueError(
            f"{weights.name} does not tell its training protocol, and the data sets differ in "
            "joint order, normalization and unit: give checkpoint_protocol "
            f"(--checkpoint-protocol), one of {list(RELEASED)}, got {checkpoint_protocol!r}."
        )
    return RELEASED[checkpoint_protocol]


_OLD_SPEC = {"rule": "normalization", "spacing": "frame_step"}
"""Fields of a spec in version 0.1 -> their names now."""


def read_spec(fields: Mapping[str, Any] | None) -> WeightsSpec | None:
    """Return the spec that a file of any version describes.

    Raises:
        ValueError: If a value is wrong.
        TypeError: If a field is unknown.
    """
    if fields is None:
        return None
    known = {_OLD_SPEC.get(key, key): v for key, v in fields.items() if key != "close"}
    if known.get("normalization") == "aimed":
        known["normalization"] = "centered-camera"
    return WeightsSpec(**known)
