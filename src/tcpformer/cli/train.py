"""The verb `train`: a preset or a file gives the defaults, options change them."""

import os
from collections.abc import Sequence
from pathlib import Path

import tyro
from tqdm import tqdm

from ..files import check_writable
from ..training.config import OLD_NAMES, TrainConfig
from ..training.hardware import HardwareConfig
from ..training.presets import PRESETS, load_config
from ..training.train import train
from ._terminal import escape, prepare_training, progress_bar, show, show_written

DEFAULT_PRESET = "open"
"""Its options are those that `train --help` lists."""
OLD_GROUPS = {"--plan": "--config", "--machine": "--hardware"}
"""Groups of options in version 0.1 -> now."""


def run(arguments: Sequence[str]) -> None:
    """Parse the arguments of `train`, and train.

    Raises:
        ValueError: If there is no such preset, it is not the first argument, or an option has its
            name of version 0.1.
    """
    _refuse_old_options(arguments)
    first = arguments[0] if arguments and not arguments[0].startswith("-") else DEFAULT_PRESET
    default_config, default_hardware = load_config(first, _model(arguments)), HardwareConfig()

    def verb(
        preset: tyro.conf.Positional[str],
        *,
        data: Path,
        out: Path,
        model: str | None = None,
        threads: int = 0,
        config: TrainConfig = default_config,
        hardware: HardwareConfig = default_hardware,
    ) -> None:
        """Train weights.

        Args:
            preset: A preset, or a .toml or .json file.
            data: File or folder of the data that --config.data names.
            out: Run folder for weights, checkpoint, log and curves.
            model: Another network than the preset's: tcpformer, hybrid, pose-transformer,
                poseformerv2 or strided-transformer.
            threads: CPU threads; 0 takes all.
            config: What is done; it changes the weights.
            hardware: How it is done.
        """
        if preset != first:  # it determines the options and their defaults
            raise ValueError(f"the preset comes first: tcpformer train {preset} --data ...")
        prepare_training(threads)
        if _is_main_process():
            check_writable(out)
            resumes = (out / "checkpoint.pt").exists()
            show(f"{'resuming' if resumes else 'training'} {out}: {config.network}")
        with progress_bar("training", "step") as progress:
            train(
                config,
                data,
                out,
                hardware,
                report=lambda row: tqdm.write(escape(", ".join(map(_format, row.items())))),
                progress=progress,
            )
        if _is_main_process():
            show_written(out / "weights")

    presets = f"Presets: {', '.join(PRESETS)}."
    tyro.cli(
        verb,
        prog="tcpformer train",
        description=f"Train weights. Resumes if the run folder holds a checkpoint. {presets}",
        args=arguments,
        config=(tyro.conf.AvoidSubcommands,),
    )


def _refuse_old_options(arguments: Sequence[str]) -> None:
    """Refuse options of version 0.1 with one sentence that names the new one.

    Raises:
        ValueError: If there is one.
    """
    for word in arguments:
        option = word.split("=", 1)[0]
        group, _, field = option.partition(".")
        old, dot, rest = field.replace("-", "_").partition(".")
        new = f"{OLD_GROUPS.get(group, group)}.{OLD_NAMES.get(old, old)}{dot}{rest}"
        in_group = group in OLD_GROUPS or group in OLD_GROUPS.values()
        if in_group and new != f"{group}.{field.replace('-', '_')}":
            raise ValueError(f"the option {option} is now {new.replace('_', '-')}.")


def _is_main_process() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _format(item: tuple[str, object]) -> str:
    key, value = item
    return f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"


def _model(arguments: Sequence[str]) -> str | None:
    """Return the value of --model, which determines the other options."""
    for word, following in zip(arguments, [*arguments[1:], None], strict=True):
        if word == "--model":
            return following
        if word.startswith("--model="):
            return word.removeprefix("--model=")
    return None
