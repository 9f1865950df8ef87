"""Detection and tracking in the sample clip against labels, and their speed.

usage: python benchmarks/people.py [--landmarks heavy|full] [--speed]

Labels are the middle of the hips in every tenth frame. A person is tracked where the hips of a
motion are within the tolerance of the label; the number is switched where they are those of another
motion than at the label before. Hips without a label, in a labelled frame, count as strangers.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tcpformer import Motion2D, detect_people, open_video

ROOT = Path(__file__).parents[1]
SAMPLE, LABELS = ROOT / "assets/sample.mp4", ROOT / "tests/data/sample_people.json"


@dataclass
class Count:
    """Counts for one labelled person."""

    labelled: int = 0
    tracked: int = 0
    switches: int = 0
    number: int | None = None


def count(motions: Sequence[Motion2D], labels: dict) -> dict[str, Count]:
    """Count, for each labelled person, labels, tracked labels, and changes of number."""
    result = {name: Count() for name in labels["people"]}
    for name, places in labels["people"].items():
        for frame, place in sorted(places.items(), key=lambda item: int(item[0])):
            near = _nearest(motions, int(frame), place, labels["tolerance"])
            found = result[name]
            found.labelled += 1
            if near is not None:
                found.tracked += 1
                found.switches += found.number not in (None, near)
                found.number = near
    return result


def strangers(motions: Sequence[Motion2D], labels: dict) -> int:
    """Count the hips without a label, in frames in which all people are labelled."""
    total = 0
    for frame in range(0, len(motions[0]), labels["every"]):
        places = [p[str(frame)] for p in labels["people"].values() if str(frame) in p]
        for motion in motions:
            off = [np.linalg.norm(_hips(motion, frame) - place) for place in places]
            inside = 0 <= _hips(motion, frame)[0] < motion.size[0]
            stray = min(off, default=np.inf) > labels["tolerance"]
            total += bool(motion.valid[frame] and inside and stray)
    return total


def _nearest(
    motions: Sequence[Motion2D], frame: int, place: list[float], tolerance: float
) -> int | None:
    off = {
        motion.person: float(np.linalg.norm(_hips(motion, frame) - place))
        for motion in motions
        if motion.valid[frame]
    }
    best = min(off, key=lambda person: off[person], default=None)
    return best if best is not None and off[best] <= tolerance else None


def _hips(motion: Motion2D, frame: int) -> np.ndarray:
    both = [motion.skeleton.index["LHip"], motion.skeleton.index["RHip"]]
    return motion.xy[frame, both].mean(axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--landmarks", default="heavy", choices=("heavy", "full"))
    parser.add_argument("--speed", action="store_true", help="time one person and all of them")
    arguments = parser.parse_args()
    video = open_video(SAMPLE)
    labels = json.loads(LABELS.read_text())
    start = time.perf_counter()
    motions = detect_people(video, landmarks=arguments.landmarks)
    seconds = {f"{len(motions)} people": time.perf_counter() - start}
    if arguments.speed:
        start = time.perf_counter()
        detect_people(video, landmarks=arguments.landmarks, person=0)
        seconds["1 person"] = time.perf_counter() - start
    print(f"{len(motions)} people found, landmarks {arguments.landmarks}\n")
    print("| person | labels | tracked | switches of number |\n|---|---|---|---|")
    for name, found in count(motions, labels).items():
        print(f"| {name} | {found.labelled} | {found.tracked} | {found.switches} |")
    print(f"\nstrangers: {strangers(motions, labels)}")
    for who, took in seconds.items():
        print(f"{who}: {len(motions[0]) / took:.1f} frames per second")


if __name__ == "__main__":
    main()
