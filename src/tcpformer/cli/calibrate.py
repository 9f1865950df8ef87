"""The verb `calibrate`: weights that say how sure they are."""

from pathlib import Path

import tyro

from ..files import make_writable
from ._terminal import prepare_training, progress_bar


def calibrate(
    weights: tyro.conf.Positional[str] = "default",
    *,
    data: Path,
    out: Path,
    clips: int = 1500,
    motions: int = 60,
    every: int = 1,
    threads: int = 1,
) -> None:
    """Fit a second head to trained weights, and hold it to what people held out show.

    The poses stay the same, to the bit. The weights must be of a TCPFormer, or of whole poses, that
    was trained on the split "train" of the same motion capture; docs/uncertainty.md says what is
    done.

    Args:
        weights: A packaged name, or a folder.
        data: Motion capture with the splits "train" and "val".
        out: Folder for the weights; may be the one that they come from.
        clips: Clips of each footage to fit on.
        motions: Motions as filmed to calibrate on.
        every: Of the sequences held out, every so many are lifted: quicker, and less exact.
        threads: CPU threads.
    """
    from ..models.checkpoint import load_weights, save_model
    from ..training.calibrate import Effort, as_kept, report
    from ..training.calibrate import calibrate as run

    prepare_training(threads)
    make_writable(out)
    loaded = load_weights(weights)
    effort = Effort(clips=clips, motions=motions, every=every)
    with progress_bar("calibrating", "part") as progress:
        made, held = run(loaded, data, effort, progress)
    print(report(made, held).table())
    save_model(as_kept(made.model), out, spec=made.spec)
    print(out)
