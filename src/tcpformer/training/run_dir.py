"""The folder of a run: its configuration, log, weights and checkpoint.

Files are written beside their place and renamed, so that none is ever half written.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import torch

from ..files import atomic_write, delete_empty, delete_if_possible, open_locked
from ..models.checkpoint import recover_weights, upgrade_state
from .config import TrainConfig
from .hardware import HardwareConfig
from .presets import config_from_dict, config_from_version_0_1, config_to_dict

Row = dict[str, Any]
MAY_CHANGE = ("steps", "epochs", "cooldown")
"""Fields that may differ when a run resumes, so that one at a constant rate can be cooled down."""
LOCK = ".training.lock"
_PACKAGES = ("tcpformer", "torch", "numpy", "accelerate", "safetensors")


@dataclass(frozen=True)
class RunDir:
    """A run's folder, which `start` creates."""

    folder: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the folder, which is created if missing.

        The lock ends with the process, however it ends.

        Raises:
            OSError: If another run trains in the folder, or it cannot be written.
        """
        missing = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        lock = self.folder / LOCK
        with ExitStack() as cleanup:
            cleanup.callback(delete_empty, missing)
            self.folder.mkdir(parents=True, exist_ok=True)
            if (handle := open_locked(lock)) is None:
                raise OSError(
                    f"another run trains in {self.folder}; wait until it ends, or give another "
                    "folder."
                )
            cleanup.callback(os.close, handle)
            if os.name != "nt":  # where an open file cannot be deleted; an empty one is no harm
                cleanup.callback(delete_if_possible, lock)
            yield

    def load_checkpoint(self, config: TrainConfig, processes: int) -> Row | None:
        """Read the checkpoint of an earlier run, also of version 0.1; None without one.

        Raises:
            ValueError: If that run had another configuration, but for `MAY_CHANGE`, or number of
                processes, or the file cannot be read.
        """
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return None
        try:
            with ZipFile(path) as archive:  # torch compresses nothing; a bomb would
                if any(part.compress_type != ZIP_STORED for part in archive.infolist()):
                    raise ValueError("it is compressed")
            state = torch.load(path, map_location="cpu", weights_only=True)
            is_old, saved = "plan" in state, state["plan" if "plan" in state else "config"]
            processes_before = state["processes"]
        except Exception as error:  # torch raises whatever broken bytes make it raise
            raise ValueError(f"{path} is broken; delete it to start anew.") from error
        try:  # fields that the run did not have yet get their defaults
            read = config_from_version_0_1 if is_old else config_from_dict
            before = config_to_dict(read(saved)) | {"processes": processes_before}
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path} has a configuration of another version of this package ({error}); give "
                "another folder."
            ) from error
        now = config_to_dict(config) | {"processes": processes}
        differ = [k for k in now if before[k] != now[k] and k not in MAY_CHANGE]
        if differ:
            raise ValueError(
                f"{self.folder} holds a run with other {', '.join(differ)}; give its configuration "
                "or another folder."
            )
        return _upgrade_checkpoint(state) if is_old else state

    def start(self, config: TrainConfig, hardware: HardwareConfig, step: int, **more: Any) -> None:
        """Write run.json, and drop the rows of the log after a step, which will come again.

        What an interrupted run left beside the weights is deleted.

        Raises:
            OSError: If the folder cannot be created.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for weights in filter(Path.is_dir, self.folder.iterdir()):
            recover_weights(weights)
        rows = [row for row in self.read_log() if row["step"] <= step]
        with atomic_write(self.folder / "log.jsonl") as beside:
            beside.write_text("".join(json.dumps(row) + "\n" for row in rows))
        content = {
            "config": config_to_dict(config),
            "hardware": asdict(hardware),
            **more,
            "command": sys.argv,
            "git": _revision(),
            "versions": {name: version(name) for name in _PACKAGES},
        }
        with atomic_write(self.folder / "run.json") as beside:
            beside.write_text(json.dumps(content, indent=1) + "\n")

    def save_checkpoint(self, state: Row) -> None:
        """Replace the checkpoint.

        Raises:
            OSError: If it cannot be written.
        """
        path = self.folder / "checkpoint.pt"
        with atomic_write(path) as beside:
            try:
                torch.save(state, beside)
            except RuntimeError as error:  # what a full disk is to torch
                raise OSError(f"cannot write {path}: the disk is full or broken.") from error

    def log(self, row: Row) -> None:
        """Append a line to log.jsonl."""
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def read_log(self) -> list[Row]:
        """Return the lines of log.jsonl without one that was cut off.

        Raises:
            ValueError: If a line is not a JSON object with a step.
        """
        path = self.folder / "log.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        rows = []
        for number, line in enumerate(lines, 1):
            if line.endswith(b"}"):
                try:
                    rows.append(json.loads(line))
                    float(rows[-1]["step"])
                except (ValueError, TypeError, LookupError, RecursionError) as error:
                    raise ValueError(
                        f"{path}: line {number} is not a JSON object with a step; delete it."
                    ) from error
        return rows

    def draw_curves(self) -> None:
        """Draw the loss and the validation errors over the steps into curves.png."""
        from matplotlib.figure import Figure

        rows = self.read_log()
        figure = Figure(figsize=(11, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot([r["step"] for r in rows], [r["loss"] for r in rows])
        left.set(xlabel="step", ylabel="loss", yscale="log", title="training")
        validated = [r for r in rows if any("mpjpe" in key for key in r)]
        errors = [key for key in (validated[-1] if validated else {}) if "mpjpe" in key]
        for key in errors:
            points = [(r["step"], r[key]) for r in validated if key in r]
            right.plot(*zip(*points, strict=True), marker=".", label=key)
        unit = "pixels" if any(key.endswith("_px") for key in errors) else "mm"
        right.set(xlabel="step", ylabel=unit, title="validation")
        if validated:
            right.legend()
        with atomic_write(self.folder / "curves.png") as beside:
            figure.savefig(beside, dpi=120)


def _upgrade_checkpoint(state: Row) -> Row:
    """Rename what a checkpoint of version 0.1 holds."""
    state = {k: v for k, v in state.items() if k not in ("plan", "mark")} | (
        {"fingerprint": state["mark"]} if "mark" in state else {}
    )
    return state | {key: upgrade_state(state[key]) for key in ("model", "mean") if key in state}


def _revision() -> str | None:
    """Return the git revision of the code, with "+" if it has changes; None outside of git."""
    git = ["git", "-C", str(Path(__file__).parent)]
    is_ours = [*git, "ls-files", "--error-unmatch", Path(__file__).name]
    describe = [*git, "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:  # a virtual environment may lie in another repository
        subprocess.check_output(is_ours, stderr=subprocess.DEVNULL)
        return subprocess.check_output(describe, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return None
