"""Lift the person in a video and write a BVH file beside it.

usage: python examples/lift_video.py dance.mp4
"""

import sys
from pathlib import Path

from tcpformer import Lifter, detect, open_video, save


def main(video: Path) -> None:
    lifter = Lifter("default")
    for i, person in enumerate(detect(open_video(video))):
        save(lifter(person), video.with_name(f"{video.stem}_{i}.bvh"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
