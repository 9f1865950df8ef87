"""The verb `train`: a plan by name gives the defaults, options change it."""

import os
from collections.abc import Sequence
from pathlib import Path

import tyro
from tqdm import tqdm

from ..files import check_writable
from ..runtime.memory import keep_freed_memory
from ..training.config import PRESETS, TrainConfig, load_config
from ..training.hardware import HardwareConfig
from ..training.train import train
from ._terminal import prepare_training, progress_bar

USUAL = "open"
"""Of this plan are the options that `train --help` lists."""


def run(arguments: Sequence[str]) -> None:
    """Read the arguments of `train`, and train.

    Raises:
        ValueError: If there is no such plan, or it does not come first.
    """
    first = arguments[0] if arguments and not arguments[0].startswith("-") else USUAL
    usual, usually = load_config(first, _model(arguments)), HardwareConfig()

    def verb(
        recipe: tyro.conf.Positional[str],
        *,
        data: Path,
        out: Path,
        model: str | None = None,
        threads: int = 0,
        plan: TrainConfig = usual,
        machine: HardwareConfig = usually,
    ) -> None:
        """Train weights; a run folder with a checkpoint is gone on with.

        Args:
            recipe: A plan's name, or a .toml or .json file with one.
            data: What the plan's data are in: a file, or a folder.
            out: Run folder: weights, checkpoint, log, curves.
            model: Another network than the plan's: tcpformer, hybrid, pose-transformer,
                poseformerv2 or strided-transformer.
            threads: CPU threads; 0 takes them all.
            plan: What is done.
            machine: How it is done.
        """
        if recipe != first:  # it decides what options there are, and what they are by default
            raise ValueError(f"the plan comes first: tcpformer train {recipe} --data ...")
        prepare_training(threads)
        keep_freed_memory()
        if _speaks():
            check_writable(out)
            going_on = (out / "checkpoint.pt").exists()
            print(f"{'going on with' if going_on else 'beginning'} {out}: {plan.network}")
        with progress_bar("training", "step") as progress:
            train(
                plan,
                data,
                out,
                machine,
                report=lambda row: tqdm.write(", ".join(map(_said, row.items()))),
                progress=progress,
            )
        if _speaks():
            print(out / "weights")

    plans = f"Plans: {', '.join(PRESETS)}."
    tyro.cli(
        verb,
        prog="tcpformer train",
        description=f"Train weights; a run folder with a checkpoint is gone on with. {plans}",
        args=arguments,
        config=(tyro.conf.AvoidSubcommands,),
    )


def _speaks() -> bool:
    """Of several processes one speaks."""
    return os.environ.get("RANK", "0") == "0"


def _said(item: tuple[str, object]) -> str:
    key, value = item
    return f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"


def _model(arguments: Sequence[str]) -> str | None:
    """The value of --model, which decides what other options there are."""
    for word, following in zip(arguments, [*arguments[1:], None], strict=True):
        if word == "--model":
            return following
        if word.startswith("--model="):
            return word.removeprefix("--model=")
    return None
