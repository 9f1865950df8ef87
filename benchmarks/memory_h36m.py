"""How much memory Human3.6M needs: a made-up file of its true size, read as training reads it.

    python benchmarks/memory_h36m.py /tmp/h36m

It takes some 7 GB of disk and leaves nothing. The texts of all frames differ in memory, as they may
in the real file, and the numbers are float64, which is the worst case; --single writes float32.

On two cores of a server: a pickle of 2.74 GB is turned into arrays in 35 s with a peak of 2.45 GB;
an epoch of all 56,391 training clips of 81 frames in random order peaks at 0.95 GB.
"""

import argparse
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

FRAMES = {"train": 1_559_752, "test": 566_920}
VIDEO = 2600
CLIP, STRIDE, BATCH = 81, 27, 16


def names(split: str, total: int) -> dict[str, list[str]]:
    """A new text for every frame, however often it says the same."""
    subject = 1 if split == "train" else 9
    videos = range(-(-total // VIDEO))
    length = [min(VIDEO, total - VIDEO * v) for v in videos]
    return {
        "source": [
            f"s_{subject:02d}_act_{v % 15 + 2:02d}_subact_{v:04d}_ca_01"
            for v in videos
            for _ in range(length[v])
        ],
        "camera_name": [str(54138969) for _ in range(total)],
        "action": ["".join(("Direc", "tions")) for _ in range(total)],
    }


def write(path: Path, dtype: type) -> None:
    rng = np.random.default_rng(0)
    content = {}
    for split, total in FRAMES.items():
        content[split] = names(split, total)
        for key, tail in (
            ("joint_2d", (17, 2)),
            ("confidence", (17,)),
            ("joint3d_image", (17, 3)),
            ("joints_2.5d_image", (17, 3)),
            ("2.5d_factor", ()),
        ):
            content[split][key] = rng.random((total, *tail), dtype=np.float32).astype(dtype)
    with path.open("wb") as stream:
        pickle.dump(content, stream, protocol=4)


def convert(path: Path) -> None:
    from tcpformer.datasets.h36m_sh import load_h36m_sh

    load_h36m_sh(path, "train")


def epoch(path: Path) -> None:
    from tcpformer.datasets.h36m_sh import load_h36m_sh

    footage = load_h36m_sh(path, "train")
    clips = np.random.default_rng(0).permutation(footage.clip_starts(CLIP, STRIDE))
    for first in range(0, len(clips), BATCH):
        footage.cut_clips(clips[first : first + BATCH], CLIP, "screen")
    print(f"{len(clips)} clips of {CLIP} frames,", end=" ")


def measured(step: str, path: Path) -> None:
    """Do a step in a process of its own, which tells its time and its largest resident size."""
    start = time.perf_counter()
    {"convert": convert, "epoch": epoch}[step](path)
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"{step}: {time.perf_counter() - start:.0f} s, peak {int(peak.split()[1]) / 1e6:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--step", choices=["write", "convert", "epoch"])
    args = parser.parse_args()
    path = args.folder / "h36m.pkl"
    if args.step == "write":
        write(path, np.float32 if args.single else np.float64)
    elif args.step:
        measured(args.step, path)
    else:
        args.folder.mkdir()
        try:
            for step in ("write", "convert", "epoch"):
                subprocess.run([sys.executable, *sys.argv, "--step", step], check=True)
                if step == "write":
                    print(f"a pickle of {path.stat().st_size / 1e9:.2f} GB", flush=True)
        finally:
            shutil.rmtree(args.folder)


if __name__ == "__main__":
    main()
