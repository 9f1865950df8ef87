"""Lift all people of a video into one world; write a BVH file for each beside the video.

usage: python examples/lift_video.py dance.mp4
"""

import sys
from pathlib import Path

from tcpformer import Lifter, detect_people, open_video, save


def main(video: Path) -> None:
    people = detect_people(open_video(video))
    for i, motion in enumerate(Lifter("default").lift_many(people)):
        save(motion, video.with_name(f"{video.stem}_{i}.bvh"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: python {sys.argv[0]} VIDEO")
    main(Path(sys.argv[1]))
