"""The folder of a run: what it was, how it went, and all it needs to go on.

Nothing in it is ever half written: files are written beside their place and renamed.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..files import atomic_write
from .config import TrainConfig, config_from_dict, config_to_dict
from .hardware import HardwareConfig

Row = dict[str, Any]
ENDING = ("steps", "epochs", "cooldown")
"""What may be another when a run goes on: one at a constant rate is cooled down when it is time."""
_PACKAGES = ("tcpformer", "torch", "numpy", "accelerate", "safetensors")


@dataclass(frozen=True)
class RunDir:
    """A run's folder, which is made when something begins in it."""

    folder: Path

    def left(self, plan: TrainConfig, processes: int) -> Row | None:
        """What an earlier run left to go on from: its checkpoint, or None.

        Raises:
            ValueError: If that run had another plan (but for how and when it ends) or number
                of processes, or cannot be read.
        """
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            before, processes_before = state["plan"], state["processes"]
        except Exception as error:  # torch raises whatever broken bytes make it raise
            raise ValueError(f"{path} is broken; delete it to start anew.") from error
        try:  # a field that was not there yet meant what it means where nothing is said
            before = config_to_dict(config_from_dict(before)) | {"processes": processes_before}
        except ValueError as error:
            raise ValueError(
                f"{path} has a plan of another version of this package ({error}); give another "
                "folder."
            ) from error
        now = config_to_dict(plan) | {"processes": processes}
        differ = [k for k in now if before[k] != now[k] and k not in ENDING]
        if differ:
            raise ValueError(
                f"{self.folder} holds a run with other {', '.join(differ)}; give its plan or "
                "another folder."
            )
        return state

    def begin(self, plan: TrainConfig, machine: HardwareConfig, step: int, **more: Any) -> None:
        """Say in run.json what begins, or goes on after a step, and forget what came after it.

        Raises:
            OSError: If the folder cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # What a killed run logged after its checkpoint will be done, and logged, again.
        kept = [row for row in self.rows() if row["step"] <= step]
        with atomic_write(self.folder / "log.jsonl") as beside:
            beside.write_text("".join(json.dumps(row) + "\n" for row in kept))
        about = {
            "plan": config_to_dict(plan),
            "machine": asdict(machine),
            **more,
            "command": sys.argv,
            "git": _revision(),
            "versions": {name: version(name) for name in _PACKAGES},
        }
        with atomic_write(self.folder / "run.json") as beside:
            beside.write_text(json.dumps(about, indent=1) + "\n")

    def save(self, state: Row) -> None:
        """Keep a checkpoint, in the place of the one before."""
        with atomic_write(self.folder / "checkpoint.pt") as beside:
            torch.save(state, beside)

    def log(self, row: Row) -> None:
        """Add a line to log.jsonl."""
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[Row]:
        """The lines of log.jsonl; one that was cut off is left out."""
        path = self.folder / "log.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def draw(self) -> None:
        """Draw the loss and the errors over the steps into curves.png."""
        from matplotlib.figure import Figure

        rows = self.rows()
        figure = Figure(figsize=(11, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot([r["step"] for r in rows], [r["loss"] for r in rows])
        left.set(xlabel="step", ylabel="loss", yscale="log", title="training")
        scored = [r for r in rows if any("mpjpe" in key for key in r)]
        errors = [key for key in (scored[-1] if scored else {}) if "mpjpe" in key]
        for key in errors:
            at = [(r["step"], r[key]) for r in scored if key in r]
            right.plot(*zip(*at, strict=True), marker=".", label=key)
        unit = "pixels" if any(key.endswith("_px") for key in errors) else "mm"
        right.set(xlabel="step", ylabel=unit, title="people held out")
        if scored:
            right.legend()
        with atomic_write(self.folder / "curves.png") as beside:
            figure.savefig(beside, dpi=120)


def _revision() -> str | None:
    """The git revision of the code, with "+" if it was changed since; None outside of git."""
    git = ["git", "-C", str(Path(__file__).parent)]
    known = [*git, "ls-files", "--error-unmatch", Path(__file__).name]
    describe = [*git, "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:  # a virtual environment may lie in somebody else's repository
        subprocess.check_output(known, stderr=subprocess.DEVNULL)
        return subprocess.check_output(describe, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return None
