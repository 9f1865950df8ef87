"""Make the pictures of README and docs from the results of `make demo`. A maintainer's tool.

usage: python tools/make_pictures.py [out] [docs]     needs the extra "test" (pybvh) and Pillow

sample.gif: the overlay, small. bvh_<frame>.png: a frame of the video with its 2D skeleton, and the
BVH as another program reads it (pybvh), from in front and from a viewpoint of its own.
"""

import sys
from pathlib import Path

import numpy as np
import pybvh
from PIL import Image

from tcpformer import load_motion, open_video
from tcpformer.io.bvh import from_y_up
from tcpformer.viz.overlay import draw_2d
from tcpformer.viz.scene import View, draw_3d

FRAMES = (60, 120, 212)
CLIP = Path(__file__).parents[1] / "assets" / "sample.mp4"


def make_gif(overlay: Path, target: Path) -> None:
    frames = [
        Image.fromarray(f.image).resize((500, 180), Image.Resampling.LANCZOS)
        for f in open_video(overlay).frames(every=5)
    ]
    small = [f.quantize(64, dither=Image.Dither.NONE) for f in frames]
    small[0].save(target, save_all=True, append_images=small[1:], duration=167, loop=0)


def make_stills(person: Path, folder: Path) -> None:
    motion = load_motion(person / "motion.npz")
    bvh = from_y_up(pybvh.read_bvh_file(person / "motion.bvh", world_up="+y").joint_positions())
    for frame in open_video(CLIP).frames():
        if frame.index not in FRAMES:
            continue
        seen = draw_2d(frame.image, motion, frame.index)
        pose = bvh[frame.index] - [*bvh[frame.index, 0, :2], bvh[frame.index, :, 2].min()]
        x, y = np.clip(motion.xy[frame.index].mean(axis=0), 180, np.array(motion.size) - 180)
        part = seen[int(y) - 180 : int(y) + 180, int(x) - 180 : int(x) + 180]
        views = [
            draw_3d(pose, View((0.0, 0.0, 0.9), 1.15, azimuth, elevation), (360, 360))
            for azimuth, elevation in ((0.0, 3.0), (70.0, 20.0))
        ]
        Image.fromarray(np.hstack([part, *views])).save(folder / f"bvh_{frame.index}.png")


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    docs = Path(sys.argv[2] if len(sys.argv) > 2 else "docs")
    make_gif(out / "overlay.mp4", docs / "sample.gif")
    make_stills(out / "person_0", docs)


if __name__ == "__main__":
    main()
