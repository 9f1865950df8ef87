"""What a batch tells as it goes on."""

from .inputs import Task
from .report import Line


class Watch:
    """Is called as a batch goes on; does nothing, and is the base of what shows something."""

    def checked(self, done: int, total: int) -> None:
        """Note that clips were compared with earlier results."""

    def progress(self, slot: int, task: Task, stage: str, done: int, total: int) -> None:
        """Note steps of a clip; ``slot`` counts the processes from 0."""

    def ended(self, line: Line, done: int, total: int) -> None:
        """Note that a clip has ended, as which of all."""
