"""The verb `calibrate`: add an uncertainty head to trained weights."""

from pathlib import Path

import tyro

from ..files import make_writable
from ._terminal import prepare_training, progress_bar, show_table, show_written

OLD_OPTIONS = {"--every": "--sequence-step"}
"""Options of version 0.1 -> their names now."""


def calibrate(
    weights: tyro.conf.Positional[str] = "default",
    *,
    data: Path,
    out: Path,
    clips: int = 1500,
    motions: int = 60,
    sequence_step: int = 1,
    threads: int = 1,
) -> None:
    """Fit an uncertainty head to trained weights, and calibrate it on held-out people.

    The poses stay the same, to the bit.

    Args:
        weights: A packaged name or a folder, of a network that was trained on the split "train" of
            the same motion capture.
        data: Motion capture with the splits "train" and "val".
        out: Folder for the weights; may be the one that they come from.
        clips: Clips of each camera domain to fit on.
        motions: Motions as filmed to calibrate on.
        sequence_step: Lift every n-th held-out sequence: faster, but less exact.
        threads: CPU threads; 0 takes all.
    """
    from ..models.checkpoint import load_weights, save_model
    from ..training.calibrate import CalibrationConfig, coverage_report, to_saved_precision
    from ..training.calibrate import calibrate as run

    prepare_training(threads)
    make_writable(out)
    loaded = load_weights(weights)
    config = CalibrationConfig(clips=clips, motions=motions, sequence_step=sequence_step)
    with progress_bar("calibrating", "part") as progress:
        calibrated, residuals = run(loaded, data, config, progress)
    show_table(coverage_report(calibrated, residuals).table())
    save_model(to_saved_precision(calibrated.model), out, spec=calibrated.spec)
    show_written(out)
