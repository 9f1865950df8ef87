"""Progress on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(what: str, unit: str = "frame") -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left, as a callback (done, total)."""
    with tqdm(desc=what, unit=unit, disable=None) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = max(done, total)
            shown.update(done - shown.n)

        yield progress
