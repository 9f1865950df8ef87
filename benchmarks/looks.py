"""What is lost where the landmark network skips frames: 3D against a look at every frame.

usage: python benchmarks/looks.py OPEN_BENCHMARK.npz [--views 12] [--rates 30 60 120]
       python benchmarks/looks.py CLIP.mp4 [--moved 1 0.1]

The first form plays the views of the open benchmark in which hands and feet are fastest, resampled,
with the benchmark's detector noise, to the same rule that skips frames of a video; the second runs
the detector on a video twice, and again at every frame with all regions moved to the right by some
pixels: what the landmark network itself is worth. All is lifted with `fast`, without
post-processing.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from tcpformer import Lifter, Motion2D, detect_people, open_video
from tcpformer.datasets.open_benchmark import read_open_benchmark
from tcpformer.detect.blazepose import LandmarkNetwork, Pose
from tcpformer.detect.bridge import DEFAULT_LOOKS
from tcpformer.detect.one_pass import Reader, known_chunks
from tcpformer.detect.regions import Region
from tcpformer.io.planes import Planes
from tcpformer.io.video import Frame, Video
from tcpformer.skeleton import BLAZEPOSE, H36M
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import Track

ENDS = H36M.indices("LWrist", "RWrist", "LAnkle", "RAnkle")
SEARCH_STEP = 0.25  # seconds between the detections of the track
PEAK = 99.5  # percentile of the speed in a view
TRUNK = BLAZEPOSE.indices("LHip", "RHip", "LShoulder", "RShoulder")


@dataclass(frozen=True)
class Numbered(Video):
    """A video of pictures that hold the number of their frame."""

    def frames(self, every: int = 1, *, stored: bool = False) -> Iterator[Frame]:
        for i in range(0, self.length, every):
            yield Frame(i, i / self.fps, np.full((1, self.size[0], 3), 0, np.uint8) + pack(i))


def pack(index: int) -> np.ndarray:
    """Return three bytes of a number."""
    return np.array([index % 256, index // 256 % 256, index // 65536], np.uint8)


class Playback(LandmarkNetwork):
    """Answers with the poses of a motion."""

    def __init__(self, poses: list[Pose]) -> None:
        self.poses, self.seen = poses, set[int]()

    def __call__(self, image: np.ndarray | Planes, region: Region) -> Pose:
        assert isinstance(image, np.ndarray)
        index = int(image[0, 0].astype(int) @ [1, 256, 65536])
        self.seen.add(index)
        return self.poses[index]


def poses_of(motion: Motion2D) -> list[Pose]:
    """Return the poses of a motion in skeleton BLAZEPOSE."""
    found = []
    for xy, visibility in zip(motion.xy, motion.confidence, strict=True):
        hips, shoulders = xy[TRUNK[:2]].mean(axis=0), xy[TRUNK[2:]].mean(axis=0)
        up = (shoulders - hips) / max(float(np.hypot(*(shoulders - hips))), 1e-6)
        x, y = (hips + up * 1.05 * np.linalg.norm(xy - hips, axis=-1).max()).tolist()
        found.append(Pose(xy, visibility, 0.95, (float(hips[0]), float(hips[1])), (x, y)))
    return found


def skip(motion: Motion2D) -> tuple[Motion2D, float]:
    """Return the motion as the rule reads it, and the share of frames it looks at."""
    poses = poses_of(motion)
    step = max(1, round(SEARCH_STEP * motion.fps))
    each = [p.detection(i, i / motion.fps) for i, p in enumerate(poses)][::step]
    video = Numbered(Path("view"), motion.fps, motion.size, len(motion))
    network = Playback(poses)
    found = Reader(network, DEFAULT_LOOKS).read(
        video, known_chunks(video, {0: Track(tuple(each))}, [])
    )
    return assemble_people(found)[0], len(network.seen) / len(motion)


def resample(view: dict[str, np.ndarray], fps: float, rate: float) -> Motion2D:
    """Return a noisy view at another rate: its path by a spline, errors and scores linearly."""
    t = np.arange(len(view["xy"])) / fps
    at = np.arange(int(t[-1] * rate)) / rate
    error = view["noisy_xy"] - view["xy"]
    flat = error.reshape(len(t), -1)
    slow = np.stack([np.interp(at, t, column) for column in flat.T], axis=1)
    xy = CubicSpline(t, view["xy"])(at) + slow.reshape(len(at), *error.shape[1:])
    scores = np.stack([np.interp(at, t, c) for c in view["confidence"].T], axis=1)
    width, height = view["size"].tolist()
    return as_blazepose(xy, np.clip(scores, 0, 1), (width, height), rate)


def as_blazepose(xy: np.ndarray, scores: np.ndarray, size: tuple[int, int], fps: float) -> Motion2D:
    """Return keypoints of H36M as those of BLAZEPOSE; joints that lack are the nose, unseen."""
    points = np.repeat(xy[:, H36M.indices("Head")], len(BLAZEPOSE.joints), axis=1)
    seen = np.zeros(points.shape[:2])
    for name in H36M.joints:
        if name in BLAZEPOSE.index:
            i, j = BLAZEPOSE.index[name], H36M.index[name]
            points[:, i], seen[:, i] = xy[:, j], scores[:, j]
    return Motion2D(points, seen, size, fps, BLAZEPOSE)


def differences(
    lifter: Lifter, every: Motion2D, skipped: Motion2D
) -> tuple[np.ndarray, np.ndarray]:
    """Return root-relative differences in mm, and the peak speeds of hands and feet as ratios."""
    a, b = (lifter(each, postprocess=None).camera_xyz[:, :17] for each in (every, skipped))
    a, b = a - a[:, :1], b - b[:, :1]
    both = every.valid & skipped.valid
    peaks = [
        np.percentile(np.linalg.norm(np.diff(x[:, ENDS], axis=0), axis=-1), PEAK, axis=0)
        for x in (a, b)
    ]
    return 1000 * np.linalg.norm(a - b, axis=-1)[both].ravel(), peaks[1] / peaks[0]


def fastest_views(data: dict[str, np.ndarray], count: int) -> list[dict[str, np.ndarray]]:
    """Return the views in which hands and feet move fastest, in torsos."""
    views, speed = [], []
    for i, (start, stop) in enumerate(zip(data["offsets"], data["offsets"][1:], strict=False)):
        units = {"xy": 10.0, "noisy_xy": 10.0, "confidence": 255.0}  # as the file stores them
        view = {k: data[k][start:stop] / unit for k, unit in units.items()}
        ends = view["xy"][:, ENDS] - view["xy"][:, :1]
        torso = np.median(np.linalg.norm(view["xy"][:, 8] - view["xy"][:, 0], axis=-1))
        speed.append(np.percentile(np.linalg.norm(np.diff(ends, axis=0), axis=-1), PEAK) / torso)
        views.append(view | {"size": data["size"][i]})
    return [views[i] for i in np.argsort(speed)[::-1][:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--views", type=int, default=12)
    parser.add_argument("--rates", type=float, nargs="+", default=[30.0, 60.0, 120.0])
    parser.add_argument("--moved", type=float, nargs="*", default=[1.0])
    args = parser.parse_args()
    lifter = Lifter("fast")
    print(
        "| frames a second | looks | median, mm | 95th percentile | peak speed kept, median | 5th |"
    )
    print("|---|---|---|---|---|---|")
    if args.source.suffix != ".npz":
        compare_video(lifter, args.source, args.moved)
        return
    data = dict(read_open_benchmark(args.source))
    fps = float(data["fps"])
    for rate in args.rates:
        rows, kept, looks = [], [], []
        for view in fastest_views(data, args.views):
            every = resample(view, fps, rate)
            skipped, share = skip(every)
            mm, ratio = differences(lifter, every, skipped)
            rows.append(mm)
            kept.append(ratio)
            looks.append(share)
        report(f"{rate:g}", float(np.mean(looks)), np.concatenate(rows), np.concatenate(kept))


def compare_video(lifter: Lifter, path: Path, moved: list[float]) -> None:
    """Print the differences of each person in a video; the looks are not counted."""
    video = open_video(path)
    every = {each.person: each for each in detect_people(video, every_frame=True)}
    others = {"frames skipped": detect_people(video)}
    for pixels in moved:
        with moved_regions(pixels):
            others[f"regions moved by {pixels:g}"] = detect_people(video, every_frame=True)
    for name, people in others.items():
        for each in people:
            if each.person in every:
                mm, kept = differences(lifter, every[each.person], each)
                report(f"{video.fps:g}, person {each.person}, {name}", np.nan, mm, kept)


@contextmanager
def moved_regions(pixels: float) -> Iterator[None]:
    """Move what landmark networks look at to the right by some pixels."""
    read = LandmarkNetwork.__call__

    def read_moved(self: LandmarkNetwork, image: np.ndarray | Planes, region: Region) -> Pose:
        return read(self, image, replace(region, x=region.x + pixels))

    LandmarkNetwork.__call__ = read_moved
    try:
        yield
    finally:
        LandmarkNetwork.__call__ = read


def report(name: str, looks: float, mm: np.ndarray, kept: np.ndarray) -> None:
    row = [f"{looks:.2f}", f"{np.median(mm):.1f}", f"{np.percentile(mm, 95):.1f}"]
    row += [f"{np.median(kept):.3f}", f"{np.percentile(kept, 5):.3f}"]
    print(f"| {name} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
