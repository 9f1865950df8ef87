"""Time live use: a file of 25 frames a second plays at its own pace; from picture to message.

usage: python benchmarks/live.py [--seconds 30] [--height 720] [--people 1 2] [--lookahead 0]
       [--weights live] [--landmarks full]

For each number of people: frames lifted a second, share of frames that were dropped, and the time
from the moment a frame is due until its message (VMC for a person; JSON) is sent: median and 95th
percentile. One person is the left half of the sample clip, to and fro: for two seconds of it no one
is there, for two others people pass each other. A message is one UDP datagram to this machine. CPU
time is summed over threads: the number to compare on a busy machine. Decoding of the file, which a
camera does not need, is part of it.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from tcpformer import open_video
from tcpformer.io.video import Frame, write_video
from tcpformer.serve.capture import FileSource, Reader
from tcpformer.serve.live import IN_TIME, LiveFrame, LiveLifter
from tcpformer.serve.send import Image, JsonLines, Sender, open_sender
from tcpformer.serve.session import Session
from tcpformer.weights import Weights

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.mp4"
FPS = 25.0
MOST_WARM = 250
"""Pictures pushed before the measurement, at most, until someone is seen in them."""


@dataclass
class Counter:
    """Counts the people that are seen."""

    people: int = 0
    frames: int = 0

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        self.frames += 1
        self.people += sum(person.seen for person in frame.people)

    def close(self) -> None: ...


def frames(people: int, height: int, seconds: float) -> Iterator[Frame]:
    """Play the sample clip to and fro; one person is its left half, beside the same wall."""
    images = [frame.image for frame in open_video(SAMPLE).frames()]
    there = [*images, *images[-2:0:-1]]
    for i in range(round(seconds * FPS)):
        image = there[i % len(there)]
        if people == 1:
            image = image.copy()
            half = image.shape[1] // 2
            image[:, half:] = image[:, half - 1 : half]
        width = round(height * image.shape[1] / image.shape[0] / 2) * 2
        yield Frame(i, i / FPS, cv2.resize(image, (width, height)))


def causal_weights(name: str) -> "str | Weights":
    """Return the weights; "fast" stands in for ones of live use; it has two networks, they one."""
    from dataclasses import replace

    if name != "fast":
        return name
    from tcpformer.models.checkpoint import load_weights

    found = load_weights("fast")
    assert found.spec is not None
    return replace(found, spec=replace(found.spec, last_frames=6))


def measure(path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Play a file once."""
    lifter = LiveLifter(
        causal_weights(options.weights),
        options.lookahead,
        landmarks=options.landmarks,
        config=IN_TIME,
    )
    warm = next(open_video(path).frames()).image
    for i in range(MOST_WARM):
        answer = lifter.push(warm, i / FPS)
        if answer is not None and answer.people:
            break
        time.sleep(1 / FPS)
    lifter.reset()
    counter, skeleton = Counter(), lifter.lifter.body
    senders: list[Sender] = [
        open_sender("vmc://127.0.0.1", skeleton, print),
        JsonLines(lambda line: None),
        counter,
    ]
    reader = Reader(FileSource(path))
    session = Session(lifter, senders, print)
    start = time.process_time()
    statistics = session.run(reader)
    used = time.process_time() - start
    return {
        "lifted": statistics.lifted,
        "rate": statistics.rate,
        "cpu": 1000 * used / max(statistics.lifted, 1),
        "dropped": reader.dropped / reader.count,
        "median": 1000 * statistics.delay(50.0),
        "late": 1000 * statistics.delay(95.0),
        "people": counter.people / max(counter.frames, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--people", type=int, nargs="+", choices=(1, 2), default=[1, 2])
    parser.add_argument("--lookahead", type=int, default=0)
    parser.add_argument("--weights", default="live")
    parser.add_argument("--landmarks", choices=("full", "heavy"), default="full")
    options = parser.parse_args()
    print("| people | seen | frames/s | dropped | median | 95 % within | CPU a frame |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for people in options.people:
            path = Path(folder) / f"{people}.mp4"
            write_video(path, frames(people, options.height, options.seconds), FPS)
            got = measure(path, options)
            print(
                f"| {people} | {got['people']:.2f} | {got['rate']:.1f} | "
                f"{100 * got['dropped']:.1f} % | {got['median']:.0f} ms | {got['late']:.0f} ms | "
                f"{got['cpu']:.0f} ms |",
                flush=True,
            )


if __name__ == "__main__":
    main()
