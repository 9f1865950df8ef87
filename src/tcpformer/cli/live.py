"""The verb `live`: lift what a camera shows, frame by frame, and send it on."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ._terminal import SafeStream, count, escape, set_threads, show

if TYPE_CHECKING:
    from ..serve.capture import Reader
    from ..serve.live import LiveLifter
    from ..serve.session import Statistics

KEEPS_UP = 0.02
"""Share of dropped pictures from which the report tells how to drop fewer."""


def live(
    *,
    camera: int | None = None,
    source: str | None = None,
    view: bool = False,
    port: int = 0,
    send: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
    lookahead: Literal[0, 2, 5] = 0,
    weights: str = "live",
    landmarks: Literal["full", "heavy"] = "full",
    height: float | None = None,
    focal: float | None = None,
    camera_tilt: float = 0.0,
    camera_roll: float = 0.0,
    device: str = "auto",
    threads: int = 0,
    pace: bool = True,
) -> None:
    """Lift the people in front of a camera live, until Ctrl-C or the end of a file.

    The newest picture wins: those that come while one is in work are dropped, and counted.

    Args:
        camera: Number of a camera of this machine (default: 0).
        source: Instead of it: a video file, which plays at its own pace, or an address that begins
            with rtsp:// or http://.
        view: Serve a page with the picture and the people, on this machine alone.
        port: Port of --view; 0 takes a free one.
        send: Where each frame goes: vmc://host:port (Unity humanoids), osc://host:port,
            ws://host:port (a websocket server), jsonl (lines on stdout) or jsonl:FILE. May be given
            several times.
        lookahead: Frames to wait for before a frame is answered: steadier, and so much later.
        weights: Network trained for live use: packaged name or folder.
        landmarks: 2D network; "heavy" is more exact and slower.
        height: Height of every person in metres (default: 1.70).
        focal: Focal length in pixels (default: a camera that sees 60 degrees).
        camera_tilt: Degrees that the camera looks down.
        camera_roll: Degrees that the camera is turned clockwise.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        threads: CPU threads of the lifter; 0 takes all.
        pace: Play a file at its own pace; --no-pace plays it as fast as it is lifted, and drops
            nothing.
    """
    if not (view or send):
        raise ValueError("live sends its people nowhere; give --view, --send or both.")
    from ..serve.capture import FileSource, Reader, open_source
    from ..serve.live import IN_TIME, LIVE, LiveLifter

    set_threads(threads)
    chosen = open_source(camera, source, pace=pace)
    whole = isinstance(chosen, FileSource) and not pace
    lifter = LiveLifter(
        weights,
        lookahead,
        landmarks=landmarks,
        height=height,
        focal=focal,
        camera_tilt=camera_tilt,
        camera_roll=camera_roll,
        device=device,
        config=LIVE if whole else IN_TIME,
    )
    reader = Reader(chosen, drop=not whole, note=_note)
    _run(lifter, reader, send, port if view else None)


def _run(
    lifter: "LiveLifter", reader: "Reader", send: tuple[str, ...], view_port: int | None
) -> None:
    """Lift until the pictures end or Ctrl-C, and print what was done."""
    from ..serve.send import Sender, open_sender
    from ..serve.session import Session
    from ..serve.view import LiveView

    skeleton = lifter.lifter.body
    with ExitStack() as stack:
        senders: list[Sender] = []
        for address in send:
            senders.append(open_sender(address, skeleton, _write_line(reader.stop)))
            stack.callback(senders[-1].close)
        if view_port is not None:
            senders.append(page := LiveView(skeleton, view_port))
            stack.callback(page.close)
            _note(f"{page.address} until Ctrl-C")
        lifter.load_detector()
        session = Session(lifter, senders, _note)
        try:
            session.run(reader)
        except KeyboardInterrupt:
            reader.stop()
            _note("stopped")
    if session.statistics.lifted:
        tell = _note if "jsonl" in send else show
        for line in report(session.statistics, reader):
            tell(line)


def report(statistics: "Statistics", reader: "Reader") -> list[str]:
    """Return what a session did, in lines."""
    share = reader.dropped / max(reader.count, 1)
    lines = [
        f"{count(statistics.lifted, 'frame')} lifted, {statistics.rate:.1f} a second; "
        f"{reader.dropped} of {reader.count} dropped ({100 * share:.1f} %)",
    ]
    if statistics.delays:
        median, late = 1000 * statistics.delay(50.0), 1000 * statistics.delay(95.0)
        lines.append(f"from picture to message: median {median:.0f} ms, 95 % within {late:.0f} ms")
    if statistics.out_of_order:
        lines.append(f"{count(statistics.out_of_order, 'frame')} left out: not newer than before")
    if reader.losses:
        lines.append(f"the source was lost {count(reader.losses, 'time')}")
    if share > KEEPS_UP:
        lines.append("a smaller picture, --landmarks full or fewer other programs drop fewer")
    return lines


def _note(sentence: str) -> None:
    print(escape(sentence), file=sys.stderr)


def _write_line(stop: Callable[[], None]) -> Callable[[str], None]:
    """Return a function that prints a line at once, and stops when no one reads any more."""

    def write(line: str) -> None:
        print(line, flush=True)
        if isinstance(sys.stdout, SafeStream) and sys.stdout.failed:
            stop()

    return write
