"""Shared by the verbs: progress bars, threads, and options of older versions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(what: str, unit: str = "frame") -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar with the time left; yield a callback (steps done, steps in all)."""
    with tqdm(desc=what, unit=unit, disable=None) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = max(done, total)
            shown.update(done - shown.n)

        yield progress


def set_threads(threads: int) -> None:
    """Set how many CPU threads PyTorch takes in this process; 0 leaves all of them.

    Raises:
        ValueError: If the number is negative.
    """
    import torch

    if threads < 0:
        raise ValueError(f"threads must be at least 0 (0 takes all), got {threads}.")
    if threads:
        torch.set_num_threads(threads)


def prepare_training(threads: int) -> None:
    """Set the threads of this process, and round denormal numbers to 0: they slow training down."""
    import torch

    set_threads(threads)
    torch.set_flush_denormal(True)


def refuse_old_options(arguments: Sequence[str], renamed: Mapping[str, str]) -> None:
    """Refuse options of an older version with one sentence that names the new option.

    Args:
        arguments: The words of a command.
        renamed: Old option -> new option, or a sentence where no option took its place.

    Raises:
        ValueError: If an old option is among the arguments.
    """
    for word in arguments:
        option = word.split("=", 1)[0].replace("_", "-")
        if option in renamed:
            raise ValueError(f"the option {option} is now {renamed[option]}.")
