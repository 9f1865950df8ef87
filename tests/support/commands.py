"""What tests of the command line run it with: a call, keypoint files, weights that are quick."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from motions import walk

from tcpformer.cli import main
from tcpformer.manifest import MANIFEST
from tcpformer.models.checkpoint import save_model
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.skeleton import H36M
from tcpformer.weights import WeightsSpec


def keypoints() -> dict[str, np.ndarray]:
    """A walk as a detector of Human3.6M joints would see it, in an order of its own."""
    figure, order = walk(40), np.random.default_rng(0).permutation(17)
    return {
        "xy": figure.xy[:, order],
        "confidence": figure.confidence[:, order],
        "joints": np.array(H36M.joints)[order],
        "fps": np.array(30.0),
        "size": np.array(figure.size),
    }


def keypoint_file(**changes: object) -> Callable[[Path], Path]:
    """The keypoint file, but for some of its arrays; None leaves one out."""

    def make(folder: Path) -> Path:
        content = {k: v for k, v in (keypoints() | changes).items() if v is not None}
        np.savez(folder / "a.npz", **content)  # type: ignore[arg-type]
        return folder / "a.npz"

    return make


def tiny_weights(folder: Path) -> Path:
    """Weights that answer at once, though not well."""
    torch.manual_seed(0)
    model = TCPFormer(Config(frames=9, depth=1, width=8, heads=1, representation=8))
    save_model(model, folder, spec=WeightsSpec(fps=30.0))
    return folder


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def written(folder: Path) -> list[str]:
    """All files in a folder, also hidden ones, but for the manifest of a run."""
    files = [p for p in folder.rglob("*") if not p.is_dir() and p.name != MANIFEST]
    return sorted(str(p.relative_to(folder)) for p in files)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which a command ends."""
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert printed.err.startswith("tcpformer: ")
    assert printed.err.count("\n") == 1
    assert printed.err.endswith("\n")
    assert "Traceback" not in printed.err + printed.out
    return printed.err
