"""Weights on disk: ours (safetensors and JSON in a folder) and the released checkpoints.

`load_model` gives a network; `load_weights` also its `Convention`: what goes in and comes out.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..files import atomic_write
from . import MODELS, Network, build, name_of
from .upstream import PICKLED, RELEASED, CheckpointHints, WeightsSpec, read_released

PACKAGED = Path(__file__).parents[1] / "packaged"
WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"
BEFORE_OTHERS = "tcpformer"
"""What a config without a word on its architecture describes: it was written when there was one."""


@dataclass(frozen=True)
class Weights:
    """A network and what is known about it; ``convention`` is None where nothing says it."""

    model: Network
    convention: WeightsSpec | None
    name: str
    """Source and the first digits of the sha256 of the weights file."""


def load_model(
    source: str | Path,
    *,
    heads: int = 8,
    frames: int | None = None,
    strides: tuple[int, ...] | None = None,
    device: str = "cpu",
) -> Network:
    """Load a network, in evaluation mode.

    Args:
        source: A packaged name, a folder that `save_model` wrote or the safetensors file in it,
            or a released checkpoint (.pth.tr, .pth, .pt, .bin) of any network in `MODELS`.
        heads: Attention heads of a released checkpoint, whose shapes do not tell.
        frames: Clip length, where the shapes do not tell: of a released PoseFormerV2.
        strides: Of the strided layers, which shapes do not tell: of a released StridedTransformer.
        device: Where the network goes.

    Raises:
        FileNotFoundError: If there is nothing at ``source``.
        ValueError: If it does not hold a whole network, naming the keys that differ; or something
            must be said of it that was not, or was said wrongly.
    """
    return load_weights(source, heads=heads, frames=frames, strides=strides, device=device).model


def load_weights(
    source: str | Path,
    *,
    heads: int = 8,
    frames: int | None = None,
    strides: tuple[int, ...] | None = None,
    device: str = "cpu",
) -> Weights:
    """`load_model`, with what else the file says. Arguments and errors are the same."""
    path, said = _find(source), CheckpointHints(heads=heads, frames=frames, strides=strides)
    if path.is_dir():
        model, convention = _load_ours(path)
        file = path / WEIGHTS_FILE
    else:
        model, convention, file = _filled(*read_released(path, said), path), None, path
    _agree(said, model.config, path)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    return Weights(model.to(device).eval(), convention, f"{Path(source).name} sha256:{digest}")


def save_model(
    model: Network, folder: str | Path, *, convention: WeightsSpec | None = None
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
        "architecture": name_of(model.config),
        "model": asdict(model.config),
        "convention": asdict(convention) if convention is not None else None,
    }
    with atomic_write(folder / WEIGHTS_FILE) as beside:
        save_file(state, beside)
    with atomic_write(folder / CONFIG_FILE) as beside:
        beside.write_text(json.dumps(about, indent=2) + "\n")


def packaged_names() -> tuple[str, ...]:
    """The names of the weights that come with the package."""
    return tuple(sorted(path.parent.name for path in PACKAGED.glob(f"*/{WEIGHTS_FILE}")))


def _find(source: str | Path) -> Path:
    path = Path(source)
    if str(source) in packaged_names():
        return PACKAGED / str(source)
    if path.name == WEIGHTS_FILE and path.is_file():
        return path.parent
    if path.exists():
        return path
    raise FileNotFoundError(
        f"no weights at {str(source)!r}: expected one of {list(packaged_names())}, a folder with "
        f"{WEIGHTS_FILE} and {CONFIG_FILE}, or a checkpoint file ({', '.join(PICKLED)})."
    )


def _load_ours(folder: Path) -> tuple[Network, WeightsSpec | None]:
    try:
        about = json.loads((folder / CONFIG_FILE).read_text())
        if about.get("architecture", BEFORE_OTHERS) not in MODELS:
            raise ValueError(f"no model {about['architecture']!r} in MODELS: {list(MODELS)}")
        described = MODELS[about.get("architecture", BEFORE_OTHERS)].config
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in about["model"].items()}
        config = described(**fields)
        convention = read_spec(about["convention"])
        state = load_file(folder / WEIGHTS_FILE)
    except (OSError, AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(
            f"{folder}: expected {WEIGHTS_FILE} and {CONFIG_FILE} as save_model writes them "
            f"({type(error).__name__}: {error})."
        ) from error
    return _filled(config, state, folder), convention


def read_spec(said: Mapping[str, Any] | None) -> WeightsSpec | None:
    """A convention as a file says it."""
    known = {k: v for k, v in (said or {}).items() if k != "close"}  # of the seventh version
    return WeightsSpec(**known) if said is not None else None


def _agree(said: CheckpointHints, config: Any, path: Path) -> None:
    """Refuse what was said and is not so, rather than ignore it."""
    for name in ("frames", "strides"):
        wanted, found = getattr(said, name), getattr(config, name, None)
        if wanted is not None and wanted != found:
            raise ValueError(
                f"{path}: its {name} are {found}, but {wanted} was said; leave it out."
            )


def _filled(config: Any, state: Mapping[str, Tensor], path: str | Path) -> Network:
    """A network with exactly these weights, or an error that names the keys that differ."""
    model = build(config)
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


def weights_spec(weights: Weights, trained_on: str | None) -> WeightsSpec:
    """What the weights say, or else what the caller says; never a guess."""
    if weights.convention is not None:
        if trained_on is not None:
            raise ValueError(f"{weights.name} says what it was trained on; leave trained_on out.")
        return weights.convention
    if trained_on not in RELEASED:
        raise ValueError(
            f"{weights.name} does not say what it was trained on, and the data sets differ in "
            f"joint order, normalisation and unit: say trained_on (--trained-on), one of "
            f"{list(RELEASED)}, got {trained_on!r}."
        )
    return RELEASED[trained_on]
