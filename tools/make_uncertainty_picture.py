"""Make the picture of docs/uncertainty.md: how sure the sample clip is. A maintainer's tool.

usage: python tools/make_uncertainty_picture.py [out] [docs]     after `make demo`

Three moments of person 0, from the camera's side and from a side that shows depth; the last is in
the somersault, which is bridged.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tcpformer import load_motion
from tcpformer.viz.overlay import present
from tcpformer.viz.scene import View, draw_scene

FRAMES = (60, 120, 184)


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    docs = Path(sys.argv[2] if len(sys.argv) > 2 else "docs")
    motion = load_motion(out / "person_0" / "motion.npz")
    rows = []
    for azimuth, elevation in ((0.0, 5.0), (80.0, 12.0)):
        row = []
        for frame in FRAMES:
            x, y, z = motion.xyz[frame].mean(axis=0).tolist()
            view = View((x, y, z), 1.15, azimuth, elevation)
            row.append(draw_scene(present({0: motion}, frame), view, (400, 400)))
        rows.append(np.hstack(row))
    Image.fromarray(np.vstack(rows)).save(docs / "uncertainty_sample.png")


if __name__ == "__main__":
    main()
