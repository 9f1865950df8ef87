"""Shared by the verbs: printing, progress bars, threads, and options of older versions.

Whatever is printed passes here. Printing never decides about results: a stream that is closed,
full or of another encoding loses the text, and the run goes on.
"""

import io
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm


def escape(line: object) -> str:
    r"""Return a line with control characters, and all else that is invisible, as \x1b."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in str(line)
    )


def show(*lines: object) -> None:
    """Print lines to stdout, escaped."""
    for line in lines:
        print(escape(line))


def count(number: int, noun: str) -> str:
    """Return a number and its noun: "1 frame", "2 frames"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show_table(text: str) -> None:
    """Print a text of several lines to stdout, each escaped."""
    show(*text.split("\n"))


def show_written(*paths: str | Path) -> None:
    """Print the paths of results; from now on the exit code says that they are written."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout.is_result = False
    show(*paths)


def show_error(sentence: object, cause: BaseException | None = None) -> None:
    """Print one sentence to stderr, after the traceback of its cause if TCPFORMER_DEBUG is set."""
    if os.environ.get("TCPFORMER_DEBUG") and cause is not None:
        for line in "".join(traceback.format_exception(cause)).split("\n"):
            print(escape(line), file=sys.stderr)
    print(f"tcpformer: {escape(' '.join(str(sentence).split()))}", file=sys.stderr)


class SafeStream(io.TextIOBase):
    """A text stream that loses what cannot be written, and never raises."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.failed = stream is None
        self.is_result = True
        """Whether the text printed is the result of the command, not a report of files."""

    def write(self, text: str, /) -> int:
        encoding = self.encoding
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        self._try(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(lambda stream: stream.flush())

    def _try(self, call: Callable[[Any], Any]) -> None:
        if self.failed:
            return
        try:
            call(self.stream)
        except (OSError, ValueError):  # ValueError: it was closed
            self.failed = True
            self._discard()

    def _discard(self) -> None:
        """Let what the stream still holds go nowhere, so that the end of Python raises nothing."""
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return getattr(self.stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        try:
            return self.stream is not None and self.stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        if self.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.stream.fileno()

    def writable(self) -> bool:
        return True


@contextmanager
def safe_streams() -> Iterator[SafeStream]:
    """Make stdout and stderr streams that never raise; yield that of stdout."""
    _open_standard_handles()
    before = sys.stdout, sys.stderr
    out, err = SafeStream(sys.stdout), SafeStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _open_standard_handles() -> None:
    """Open what is closed of the handles 0 to 2, so that no result file becomes stdout."""
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the process as an exception does, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class NotesHandler(logging.Handler):
    """Shows the notes of the package as lines on stdout, or its warnings alone on stderr."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(logging.WARNING if quiet else logging.INFO)
        self.quiet = quiet

    def emit(self, record: logging.LogRecord) -> None:
        print(escape(record.getMessage()), file=sys.stderr if self.quiet else sys.stdout)


@contextmanager
def show_notes(*, quiet: bool = False) -> Iterator[None]:
    """Print the notes of the package while a command runs; if ``quiet``, its warnings alone."""
    handler, log = NotesHandler(quiet=quiet), logging.getLogger("tcpformer")
    level = log.level
    log.addHandler(handler)
    log.setLevel(handler.level)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


@contextmanager
def progress_bar(
    what: str, unit: str = "frame", *, quiet: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar with the time left; yield a callback (steps done, steps in all)."""
    with tqdm(desc=what, unit=unit, disable=quiet or None) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = max(done, total)
            shown.update(done - shown.n)

        yield progress


def set_threads(threads: int) -> None:
    """Set how many CPU threads networks take in this process; 0 leaves all of them.

    Raises:
        ValueError: If the number is negative.
    """
    from ..runtime.graph import set_graph_threads

    if threads < 0:
        raise ValueError(f"threads must be at least 0 (0 takes all), got {threads}.")
    set_graph_threads(threads)
    if threads and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    elif threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # for PyTorch, if it is imported later


def prepare_training(threads: int) -> None:
    """Set the threads of this process, and round denormal numbers to 0: they slow training down."""
    import torch

    set_threads(threads)  # after the import, which OMP_NUM_THREADS decides about
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
