"""How fast a video becomes motion, and where the time goes: decode, detect, lift, write.

usage: python benchmarks/pipeline.py [VIDEO] [--landmarks heavy|full] [--runs 3]

The whole is timed as `tcpformer lift --no-overlay` does it, start-up of Python apart. Decoding is
timed on its own, once for each of the two readings of the video, and taken off the detection.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tcpformer import Lifter, detect, open_video, save

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.mp4"


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def run(path: Path, landmarks: str) -> tuple[dict[str, float], int]:
    """Seconds of each stage, and the number of frames."""
    video = open_video(path)
    decoding, frames = seconds(lambda: sum(1 for _ in video.frames()))
    detecting, people = seconds(lambda: detect(video, landmarks=landmarks))
    loading, lifter = seconds(Lifter)
    lifting, motions = seconds(lambda: [lifter(person) for person in people])
    with tempfile.TemporaryDirectory() as folder:
        writing, _ = seconds(
            lambda: [save(m, Path(folder) / f"m.{s}") for m in motions for s in ("npz", "bvh")]
        )
    stages = {
        "decode": decoding,
        "detect and follow": max(detecting - decoding, 0.0),
        "load the lifter": loading,
        "lift": lifting,
        "write npz and bvh": writing,
    }
    return stages, frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--landmarks", default="heavy", choices=("heavy", "full"))
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    results = [run(args.video, args.landmarks) for _ in range(args.runs)]
    frames = results[0][1]
    median = {k: statistics.median(stages[k] for stages, _ in results) for k in results[0][0]}
    total = statistics.median(sum(stages.values()) for stages, _ in results)
    print(f"{args.video.name}, {frames} frames, landmarks {args.landmarks}, {args.runs} runs")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPU cores\n")
    print("| stage | ms per frame | share |\n|---|---|---|")
    for stage, value in median.items():
        print(f"| {stage} | {1000 * value / frames:.2f} | {100 * value / total:.0f} % |")
    print(f"| whole | {1000 * total / frames:.2f} | {frames / total:.1f} frames per second |")


if __name__ == "__main__":
    main()
