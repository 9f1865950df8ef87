"""Score heel strikes and toe offs of walks against the definition of contact.

python benchmarks/gait.py mocap_cmu.npz mocap_cmu_extra.npz
python benchmarks/gait.py mocap_cmu.npz mocap_cmu_extra.npz --lifted open_benchmark_2.npz

The truth is `footfalls_by_definition` of the clean capture at 50 frames a second, of validation and
test subjects whose rig has feet. The detector gets the capture at the rate of a video with 5 mm of
white noise; with --lifted, what the lifter makes of the views of version 2 of the open benchmark.
Events less than 0.2 s from an end are not scored.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from open_views import views
from scipy.interpolate import CubicSpline

from tcpformer.analysis.footfalls import (
    DEFINITION,
    ContactDefinition,
    Footfalls,
    find_footfalls,
    footfalls_by_definition,
    take_feet,
)
from tcpformer.datasets.mocap import read_mocap
from tcpformer.datasets.mocap_extra import add_points, read_floor
from tcpformer.lifting.lifter import Lifter
from tcpformer.skeleton import BODY_26

FPS = 50.0
NOISE = 0.005
EDGE = 0.2
STRICT = ContactDefinition(height=0.03, speed=0.5)
"""Another definition, which shows how much the figures depend on it."""


@dataclass
class Score:
    """Events counted over walks, of one kind."""

    tolerance: float
    true: int = 0
    found: int = 0
    hits: int = 0
    false: int = 0
    errors: list[float] = field(default_factory=list)

    def add(self, true: np.ndarray, found: np.ndarray, end: float) -> None:
        """Match events one to one, nearest first; an event near an end may be matched only."""
        near = match(true, found, 0.15)
        hits = [(i, j) for i, j in near if abs(found[j] - true[i]) <= self.tolerance]
        counted = [np.flatnonzero((at > EDGE) & (at < end - EDGE)) for at in (true, found)]
        self.true += len(counted[0])
        self.found += len(counted[1])
        self.hits += sum(i in counted[0] for i, _ in hits)
        self.false += len(set(counted[1].tolist()) - {j for _, j in hits})
        self.errors += [float(found[j] - true[i]) for i, j in near if i in counted[0]]

    def row(self) -> str:
        """Return recall, precision, bias, spread and 95th percentile of the error, in ms."""
        ms = 1000 * np.array(self.errors or [np.nan])
        recall, precision = self.hits / max(self.true, 1), 1 - self.false / max(self.found, 1)
        late = f"{ms.mean():+.0f} | {ms.std():.0f} | {np.percentile(np.abs(ms), 95):.0f}"
        return f"{self.true} | {100 * recall:.1f} | {100 * precision:.1f} | {late}"


def match(true: np.ndarray, found: np.ndarray, most: float) -> list[tuple[int, int]]:
    """Return pairs of a true and a found event not further apart than ``most`` seconds."""
    apart = np.abs(true[:, None] - found[None])
    pairs = []
    while apart.size and apart.min() <= most:
        i, j = (int(k) for k in np.unravel_index(apart.argmin(), apart.shape))
        pairs.append((i, j))
        apart[i], apart[:, j] = np.inf, np.inf
    return pairs


def walks(mocap: Path, extra: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield name, split and joints (metres, floor at 0) of the walks of unseen subjects."""
    texts = ("split", "name", "activity", "joints", "parents")
    data = add_points(read_mocap(mocap, texts), mocap, extra)
    floor = read_floor(extra)
    for s in np.flatnonzero((data["activity"] == "walk") & data["has_feet"]):
        if data["split"][s] in ("val", "test"):
            part = slice(*data["offsets"][s : s + 2])
            xyz = (data["relative"][part].astype(float) + data["root"][part, None]) * 1e-4
            yield str(data["name"][s]), str(data["split"][s]), xyz - [0, 0, float(floor[s])]


def add(scores: dict[str, Score], true: Footfalls, found: Footfalls, end: float) -> None:
    """Add both feet's events of one motion."""
    for foot in range(2):
        scores["heel strike"].add(true.strikes[foot], found.strikes[foot], end)
        scores["toe off"].add(true.offs[foot], found.offs[foot], end)


def new_scores(tolerance: float) -> dict[str, Score]:
    """Return scores of both kinds of event."""
    return {"heel strike": Score(tolerance), "toe off": Score(tolerance)}


def show(title: str, scores: dict[str, Score]) -> None:
    """Print a row for each kind of event."""
    for kind, score in scores.items():
        print(f"| {title} | {kind} | {1000 * score.tolerance:.0f} | {score.row()} |", flush=True)


def score_capture(mocap: Path, extra: Path) -> None:
    """Score the detector on the capture itself, at rates of video, with noise."""
    whole = list(walks(mocap, extra))
    for definition, name in ((DEFINITION, ""), (STRICT, ", bounds of 3 cm, 0.5 m/s")):
        for fps in (25.0, 30.0, 50.0):
            rng, scores = np.random.default_rng(0), new_scores(0.04)
            for _, _, xyz in whole:
                times = np.arange(len(xyz)) / FPS
                seen = np.arange(0, times[-1], 1 / fps)
                feet = take_feet(CubicSpline(times, xyz)(seen))
                found = find_footfalls(feet + rng.normal(0, NOISE, feet.shape), seen)
                true = footfalls_by_definition(take_feet(xyz), FPS, definition)
                add(scores, true, found, float(times[-1]))
            show(f"capture at {fps:g} fps, 5 mm of noise{name}", scores)


def score_lifted(mocap: Path, extra: Path, data: Path, weights: str) -> None:
    """Score the detector on lifted and post-processed walks of the open benchmark."""
    lifter = Lifter(weights, "cpu")
    if lifter.body != BODY_26:
        raise SystemExit(
            f"The weights {weights!r} lift {len(lifter.body.joints)} joints; gait needs the heels "
            "and toes of 26: give --weights that lift them."
        )
    with np.load(data) as file:
        names = [str(name).rsplit("/", 1)[0] for name in file["name"]]
    truth = {name: xyz for name, split, xyz in walks(mocap, extra) if split == "test"}
    for clean in (True, False):
        scores = new_scores(0.06)
        for name, view in zip(names, views(data, 1, clean=clean), strict=True):
            if name in truth:
                lifted = lifter(view.seen)
                found = find_footfalls(take_feet(lifted.xyz), lifted.times, lifted.valid)
                true = footfalls_by_definition(take_feet(truth[name]), FPS)
                add(scores, true, found, float(lifted.times[-1]))
        show(f"lifted from {'exact' if clean else 'noisy'} 2D", scores)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mocap", type=Path)
    parser.add_argument("extra", type=Path)
    parser.add_argument("--lifted", type=Path, help="version 2 of the open benchmark")
    parser.add_argument("--weights", default="default")
    options = parser.parse_args()
    print("| motion | event | within ms | events | found % | true % | late ms | sd | 95 % |")
    print("|---|---|---|---|---|---|---|---|---|")
    score_capture(options.mocap, options.extra)
    if options.lifted is not None:
        score_lifted(options.mocap, options.extra, options.lifted, options.weights)


if __name__ == "__main__":
    main()
