"""Time every stage from a video to motions, and how time and memory grow with the length.

usage: python benchmarks/pipeline.py [stages] [VIDEO] [--height 1080] [--frames 90] [--runs 1]
       python benchmarks/pipeline.py paired --other CHECKOUT [--frames 120] [--runs 3]
       python benchmarks/pipeline.py networks
       python benchmarks/pipeline.py length [--minutes 0.25 0.5 1] [--people 2]
       python benchmarks/pipeline.py memory [--minutes 60] [--no-overlay] [--picture FILE]

`stages` times every stage of `tcpformer lift` on the sample clip, enlarged. Without a verb,
`networks`, `stages` and `length` run. CPU time is summed over threads: the cost on one core, and
the number to compare on a busy machine. Stages include the decoding that runs ahead of them.

`paired` runs the whole road, without overlay, with this commit and with that in another checkout (a
git worktree), in turns, each in a process of its own.

`networks` times the landmark networks alone, in turns: a lower bound for any pipeline.

`length` and `memory` read videos of small images in which a stand-in for the 2D networks detects
walking people, so that an hour takes minutes; all else is the real pipeline, a process per length.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from long_video import run_stages
from paired import compare_checkouts

from tcpformer import Lifter, open_video, save
from tcpformer.detect.blazepose import LandmarkNetwork
from tcpformer.detect.one_pass import follow_people
from tcpformer.detect.search import find_people
from tcpformer.io.video import Frame, Video, write_video
from tcpformer.lifting.lifter import DEFAULT_POSTPROCESS
from tcpformer.postprocess.stages import postprocess
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import number_people
from tcpformer.viz.overlay import write_overlay

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.mp4"
MB = 2**20
HOUR = 3600 * 30  # frames


class Watch:
    """Wall time and CPU time of named pieces of work, in seconds."""

    def __init__(self) -> None:
        self.spent: dict[str, tuple[float, float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.spent[name] = (time.perf_counter() - wall, time.process_time() - cpu)
        return result


def enlarge(source: Path, target: Path, height: int, count: int) -> None:
    """Write the first frames of a video at another height."""
    video = open_video(source)
    size = (round(video.size[0] * height / video.size[1] / 2) * 2, height)

    def frames() -> Iterator[Frame]:
        for frame in islice(video.frames(), count):
            yield Frame(frame.index, frame.time, cv2.resize(frame.image, size))

    write_video(target, frames(), video.fps)


def time_stages(video: Video, folder: Path) -> dict[str, tuple[float, float]]:
    """Return the times of every stage, for one and two people, with both networks."""
    watch = Watch()
    watch("decode, convert", lambda: sum(1 for _ in video.frames()))
    tracks = watch("find", lambda: find_people(video))
    lifter = Lifter()
    for count in (1, 2):
        chosen = dict(list(number_people(tracks).items())[:count])
        others = [track for track in tracks if track not in chosen.values()]
        for name in ("full", "heavy"):
            network = LandmarkNetwork(name)
            people = watch(
                f"landmarks {name}, {count}",
                lambda n=network, c=chosen, o=others: assemble_people(
                    follow_people(video, c, o, n)
                ),
            )
        if count == 1:
            watch("first lift", lambda p=people: lifter(p[0], postprocess=None))
        raw = watch(
            f"lift, {count}", lambda p=people: [lifter(each, postprocess=None) for each in p]
        )
        motions = watch(f"post-process, {count}", lambda r=raw: postprocess(r, DEFAULT_POSTPROCESS))
        watch(
            f"write, {count}",
            lambda m=motions: [save(one, folder / f"a.{s}") for one in m for s in ("npz", "bvh")],
        )
        watch(f"overlay, {count}", lambda m=motions: write_overlay(video, m, folder / "o.mp4"))
    return watch.spent


def report_stages(source: Path, height: int, count: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        enlarge(source, path, height, count)
        video = open_video(path)
        found = [time_stages(video, Path(folder)) for _ in range(runs)]
    ms = {
        name: tuple(1000 * statistics.median(f[name][i] for f in found) / count for i in (0, 1))
        for name in found[0]
    }
    print(f"{source.name} at {video.size[0]} x {video.size[1]}, {count} frames, {runs} runs")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPU cores\n")
    print("| stage, people | ms a frame | CPU ms a frame |\n|---|---|---|")
    for name, (wall, cpu) in ms.items():
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |")
    print("\n`first lift` happens once a run; here it is divided by these frames.")
    print("\n| to motion.npz | frames a second | CPU hours for an hour at 30 a second |")
    print("|---|---|---|")
    for network in ("heavy", "full"):
        for n in (1, 2):
            parts = ["find", f"landmarks {network}, {n}", f"lift, {n}", f"post-process, {n}"]
            parts.append(f"write, {n}")
            wall, cpu = (sum(ms[part][i] for part in parts) for i in (0, 1))
            drawn = cpu + ms[f"overlay, {n}"][1]
            print(
                f"| {network}, {n} | {1000 / wall:.1f} | {cpu / 1000 * HOUR / 3600:.2f}"
                f" ({drawn / 1000 * HOUR / 3600:.2f} with overlay) |"
            )


def report_networks(rounds: int = 15) -> None:
    """Print milliseconds of one and of two calls, for each way of sharing two threads."""
    image = np.random.default_rng(0).integers(0, 255, (1, 256, 256, 3), dtype=np.uint8)
    print("| network | way | median, ms | best, ms |\n|---|---|---|---|")
    with ThreadPoolExecutor(2) as pair:
        for name in ("heavy", "full"):
            one, both = (LandmarkNetwork(name, threads).session for threads in (1, 2))

            def call(session: Any, _: int = 0) -> None:
                session.run(None, {"image": image})

            ways: dict[str, Callable[[], object]] = {
                "one call, 1 thread": partial(call, one),
                "one call, 2 threads": partial(call, both),
                "two calls, one after the other": lambda n=both: [call(n), call(n)],
                "two calls, side by side": lambda n=both: list(pair.map(partial(call, n), (0, 1))),
            }
            times: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, work in ways.items():
                    start = time.perf_counter()
                    work()
                    times[way].append(1000 * (time.perf_counter() - start))
            for way, ms in times.items():
                print(f"| {name} | {way} | {statistics.median(ms):.0f} | {min(ms):.0f} |")


def measure_length(minutes: float, count: int, overlay: bool, weights: str) -> dict[str, Any]:
    """Run all stages of a long video in this process; return times and samples of memory."""
    watch, now = Watch(), ["start"]
    samples: list[tuple[float, float, str]] = []
    start, ended = time.perf_counter(), threading.Event()

    def sample() -> None:
        while not ended.wait(0.1):
            samples.append((time.perf_counter() - start, resident(), now[0]))

    def stage(name: str, work: Callable[[], Any]) -> Any:
        now[0] = name
        return watch(name, work)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        frames = run_stages(minutes, count, stage, overlay=overlay, weights=weights)
    finally:
        ended.set()
        thread.join()
    return {"minutes": minutes, "frames": frames, "spent": watch.spent, "samples": samples}


def resident() -> float:
    """Return the megabytes of this process in memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def measure_in_process(minutes: float, count: int, overlay: bool, weights: str) -> dict[str, Any]:
    """Run `measure_length` in a new process."""
    line = [sys.executable, __file__, "_watched", "--minutes", str(minutes), "--people", str(count)]
    line += ["--weights", weights, *([] if overlay else ["--no-overlay"])]
    return json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


def report_length(found: list[dict[str, Any]], count: int) -> None:
    print(f"\n{count} people, small images, a stand-in for the 2D networks\n")
    names = list(found[0]["spent"])
    heads = " | ".join(f"{each['minutes']:g} min" for each in found)
    print(f"| CPU ms a frame | {heads} |\n|---|{'---|' * len(found)}")
    for name in names:
        row = [f"{1000 * each['spent'][name][1] / each['frames']:.2f}" for each in found]
        print(f"| {name} | {' | '.join(row)} |")
    print(f"\n| peak, MB | {heads} |\n|---|{'---|' * len(found)}")
    for name in ("start", *names):
        peaks = [max([m for _, m, s in f["samples"] if s == name], default=0.0) for f in found]
        print(f"| {name} | {' | '.join(f'{peak:.0f}' for peak in peaks)} |")


def draw(each: dict[str, Any], path: Path) -> None:
    """Plot memory over time, by stage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    for i, name in enumerate(dict.fromkeys(s for *_, s in each["samples"])):
        part = [(t / 60, m) for t, m, s in each["samples"] if s == name]
        axes.plot(*zip(*part, strict=True), color=f"C{i}", label=name)
    axes.axhline(1024, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="minutes of work", ylabel="MB in memory", ylim=(0, None))
    axes.set_title(f"{each['minutes']:g} minutes of video, {each['frames']:,} frames", fontsize=10)
    axes.legend(fontsize=8, ncols=4, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("verb", nargs="?", default="all")
    parser.add_argument("video", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--minutes", type=float, nargs="+")
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--overlay", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--other", type=Path, help="checkout of the commit to compare with")
    args = parser.parse_args()
    if args.verb == "_watched":
        how = (args.people, args.overlay, args.weights)
        print(json.dumps(measure_length(args.minutes[0], *how)))
    elif args.verb == "paired":
        if args.other is None:
            parser.error("paired needs --other CHECKOUT, for example a git worktree.")
        compare_checkouts(args.other, args.height, args.frames, args.runs)
    else:
        run(args)


def run(args: argparse.Namespace) -> None:
    """Run the measurements of a verb; without one, all but `memory`."""
    how = (args.people, args.overlay, args.weights)
    if args.verb in ("networks", "all"):
        report_networks()
    if args.verb in ("stages", "all"):
        report_stages(args.video, args.height, args.frames, args.runs)
    if args.verb in ("length", "all"):
        found = [measure_in_process(minutes, *how) for minutes in args.minutes or (0.25, 0.5, 1)]
        report_length(found, args.people)
    if args.verb == "memory":
        found = measure_in_process((args.minutes or [60])[0], *how)
        report_length([found], args.people)
        if args.picture is not None:
            draw(found, args.picture)


if __name__ == "__main__":
    main()
