"""A session with a stand-in for the lifter: order, clocks that jump, pictures of late answers."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from tcpformer.serve.capture import Image, Shot
from tcpformer.serve.live import LiveFrame
from tcpformer.serve.session import Session


class Echo:
    """Answers each picture `lookahead` pictures later, without people."""

    def __init__(self, lookahead: int = 0) -> None:
        self.lookahead, self.resets = lookahead, 0
        self.times: list[float] = []

    def push(self, frame: Image, time: float) -> LiveFrame | None:
        assert not self.times or time > self.times[-1]
        self.times.append(time)
        late = len(self.times) - 1 - self.lookahead
        return LiveFrame(self.times[late], ()) if late >= 0 else None

    def finish(self) -> list[LiveFrame]:
        return [LiveFrame(t, ()) for t in self.times[max(len(self.times) - self.lookahead, 0) :]]

    def reset(self) -> None:
        self.resets += 1
        self.times.clear()


class Sent:
    """Keeps the time of each frame and the brightness of its picture."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, int | None]] = []

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        self.frames.append((frame.time, None if image is None else int(image[0, 0, 0])))

    def close(self) -> None: ...


def run(times: list[float], lookahead: int = 0) -> tuple[Sent, Session, list[str]]:
    sent, notes = Sent(), list[str]()
    session = Session(Echo(lookahead), [sent], notes.append)
    session.run(
        Shot(np.full((2, 2, 3), i, np.uint8), at, time.monotonic()) for i, at in enumerate(times)
    )
    return sent, session, notes


@pytest.mark.parametrize("lookahead", [0, 2, 5])
def test_each_answer_comes_with_its_own_picture(lookahead: int) -> None:
    sent, session, _ = run([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], lookahead)
    assert sent.frames == [(i / 10, i) for i in range(7)]
    assert session.statistics.lifted == 7
    assert len(session.statistics.delays) == 7 - lookahead
    assert not session._waiting


@pytest.mark.parametrize("bad", [0.1, 0.05, float("nan"), float("inf")])
def test_frame_out_of_order_is_left_out(bad: float) -> None:
    sent, session, notes = run([0.0, 0.1, bad, 0.2])
    assert [at for at, _ in sent.frames] == [0.0, 0.1, 0.2]
    assert session.statistics.out_of_order == 1
    assert not notes


def test_clock_that_jumps_back_starts_anew() -> None:
    sent, session, notes = run([1000.0, 1000.1, 5.0, 5.1], lookahead=1)
    assert [at for at, _ in sent.frames] == [1000.0, 5.0, 5.1]
    assert session.statistics.jumps == 1
    assert notes == [
        "the clock of the source jumped from 1000.100 to 5.000 s; people are searched for anew."
    ]


def test_delay_is_from_the_picture_to_the_message() -> None:
    class Slow(Sent):
        def send(self, frame: LiveFrame, image: Image | None = None) -> None:
            time.sleep(0.02)

    session = Session(Echo(), [Slow()], print)
    shots = (Shot(np.zeros((2, 2, 3), np.uint8), i / 10, time.monotonic()) for i in range(3))
    assert 0.02 <= session.run(shots).delay(50.0) < 1


def test_session_without_pictures_has_no_delay() -> None:
    _, session, _ = run([])
    assert np.isnan(session.statistics.delay(95.0))


def shots(count: int) -> Iterator[Shot]:
    return (Shot(np.zeros((2, 2, 3), np.uint8), i / 10, time.monotonic()) for i in range(count))


def test_next_picture_is_lifted_while_an_answer_is_sent() -> None:
    lifter = Echo()

    class Waits(Sent):
        overlaps = 0

        def send(self, frame: LiveFrame, image: Image | None = None) -> None:
            super().send(frame, image)
            end = time.monotonic() + 5
            while time.monotonic() < end and lifter.times[-1] == frame.time < 0.4:
                time.sleep(0.001)
            self.overlaps += lifter.times[-1] > frame.time

    sent = Waits()
    Session(lifter, [sent], print).run(shots(5))
    assert [at for at, _ in sent.frames] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert sent.overlaps == 4


def test_one_answer_at_most_is_on_its_way() -> None:
    """A sender that is slower than the lifter holds it up; nothing piles up."""
    lifter, ahead = Echo(), list[int]()

    class Slow(Sent):
        def send(self, frame: LiveFrame, image: Image | None = None) -> None:
            time.sleep(0.02)
            ahead.append(len(lifter.times) - 1 - round(10 * frame.time))

    Session(lifter, [Slow()], print).run(shots(8))
    assert max(ahead) <= 1


@pytest.mark.parametrize("at", [0, 3, 5])
def test_error_of_a_sender_ends_the_session(at: int) -> None:
    class Full(Sent):
        def send(self, frame: LiveFrame, image: Image | None = None) -> None:
            if round(10 * frame.time) == at:
                raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        Session(Echo(), [Full()], print).run(shots(6))
