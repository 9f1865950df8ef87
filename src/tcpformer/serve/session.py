"""A live session: pictures -> `LiveLifter` -> senders, and what is measured on the way.

An answer is sent while the next picture is lifted.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, runtime_checkable

import numpy as np

from .capture import Image, Shot
from .live import LIVE, LiveFrame
from .send import Sender

MOST_DELAYS = 100_000
"""Newest delays that are kept."""


@runtime_checkable
class Pusher(Protocol):
    """A `LiveLifter`, as far as a session needs it."""

    def push(self, frame: Image, time: float) -> LiveFrame | None: ...
    def finish(self) -> list[LiveFrame]: ...
    def reset(self) -> None: ...


@dataclass
class Statistics:
    """What a session did so far."""

    lifted: int = 0
    """Pictures that were lifted."""
    out_of_order: int = 0
    """Pictures left out because they are not newer than the one before."""
    jumps: int = 0
    """Times that the clock of the source jumped back."""
    started: float = field(default_factory=monotonic)
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_DELAYS))
    """Seconds from each picture until the newest answer was sent; without look-ahead that is its
    own."""

    def delay(self, percent: float) -> float:
        """Return a percentile of the delays; not a number if there are none."""
        return float(np.percentile(self.delays, percent)) if self.delays else float("nan")

    @property
    def rate(self) -> float:
        """Pictures lifted in a second."""
        return self.lifted / max(monotonic() - self.started, 1e-9)


class Session:
    """Lifts pictures as they come and hands every answer, with its picture, to the senders.

    Args:
        lifter: A `LiveLifter`.
        senders: Take each answer.
        note: Takes a sentence about a clock that jumped.
    """

    def __init__(
        self, lifter: Pusher, senders: Sequence[Sender], note: Callable[[str], object]
    ) -> None:
        self.lifter, self.senders, self.note = lifter, senders, note
        self.statistics = Statistics()
        self._last = -np.inf
        self._waiting = deque[Shot]()
        """Pictures whose answers are yet to come."""
        self._sending = ThreadPoolExecutor(1)
        self._message: Future[None] | None = None
        """The newest answer, which may be on its way to the senders."""

    def run(self, shots: Iterable[Shot]) -> Statistics:
        """Lift pictures until they end.

        Raises:
            OSError, ValueError: If a picture cannot be read or lifted, or an answer not be sent.
        """
        with self._sending:
            for shot in shots:
                if self._admit(shot.time):
                    self._lift(shot)
            for frame in self.lifter.finish():
                self._send(frame)
            self._await_message()
        return self.statistics

    def _admit(self, time: float) -> bool:
        """Return whether a picture is newer than the last one; start anew where a clock jumped."""
        if not np.isfinite(time) or 0 <= self._last - time <= LIVE.max_pause:
            self.statistics.out_of_order += 1
            return False
        if time < self._last:
            self.note(
                f"the clock of the source jumped from {self._last:.3f} to {time:.3f} s; people are "
                "searched for anew."
            )
            self.statistics.jumps += 1
            self.lifter.reset()
            self._waiting.clear()
        self._last = time
        return True

    def _lift(self, shot: Shot) -> None:
        self._waiting.append(shot)
        frame = self.lifter.push(shot.image, shot.time)
        self.statistics.lifted += 1
        if frame is not None:
            self._send(frame, shot.taken)

    def _send(self, frame: LiveFrame, taken: float | None = None) -> None:
        """Send an answer as soon as the one before was sent; ``taken`` is of the newest picture."""
        while self._waiting and self._waiting[0].time < frame.time:
            self._waiting.popleft()
        image = self._waiting.popleft().image if self._waiting else None
        self._await_message()
        self._message = self._sending.submit(self._hand_on, frame, image, taken)

    def _await_message(self) -> None:
        if self._message is not None:
            self._message.result()

    def _hand_on(self, frame: LiveFrame, image: Image | None, taken: float | None) -> None:
        for sender in self.senders:
            sender.send(frame, image)
        if taken is not None:
            self.statistics.delays.append(monotonic() - taken)
