"""Are the data engine's errors those of the detector? Draws both side by side.

usage: python benchmarks/noise.py MOCAP.npz [PICTURE.png]        needs the extra "research"

The detector reads both people of assets/sample.mp4; the engine, and the errors of the open
benchmark's kind, are laid over motion capture seen at about the same frame rate. Compared is what
needs no truth: above some 6 Hz hardly anything is motion. Prints the table of docs/data-engine.md.
"""

import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import welch

from tcpformer.datasets.mocap import load_mocap
from tcpformer.datasets.synthetic import benchmark_detector as noise
from tcpformer.datasets.synthetic.cameras import sample_filmed_views
from tcpformer.datasets.synthetic.detector import simulate_detector, torso_lengths
from tcpformer.datasets.synthetic.playback import sample_playback
from tcpformer.detect.blazepose import LandmarkNetwork
from tcpformer.detect.bridge import EVERY_FRAME
from tcpformer.detect.follow import PersonFollower
from tcpformer.detect.one_pass import follow_people
from tcpformer.detect.regions import region_around
from tcpformer.detect.search import find_people
from tcpformer.files import atomic_write
from tcpformer.io.video import open_video
from tcpformer.motion import to_skeleton
from tcpformer.skeleton import BLAZEPOSE, H36M, conversion
from tcpformer.tracking.assemble import assemble_people
from tcpformer.tracking.tracker import number_people

CLIP = Path(__file__).parents[1] / "assets" / "sample.mp4"
PARTS = ("Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist")
JOINTS = [i for i, name in enumerate(H36M.joints) if name[0] in "LR" and name[1:] in PARTS]
LIMBS = [k for k, i in enumerate(JOINTS) if H36M.joints[i][1:] not in ("Hip", "Shoulder")]
BANDS = ((1, 3), (3, 6), (6, 9), (9, 12), (12, 15))
DOUBT = (0.0, 0.5, 0.9, 0.99, 1.001)
LAGS = (1, 2, 4, 8, 15)
FAR = 0.2
MADE = conversion(BLAZEPOSE, H36M)


@dataclass(frozen=True)
class Track:
    """Twelve joints about the pelvis, in torsos, at about 30 frames a second."""

    xy: np.ndarray
    confidence: np.ndarray
    fps: float


def read() -> list[Track]:
    """The detector on both people of the sample: of each the longest stretch without a gap."""
    video = open_video(CLIP)
    tracks = list(number_people(find_people(video)).values())[:2]
    found = []
    for track in tracks:
        others = [other for other in tracks if other is not track]
        seen = follow_people(video, {0: track}, others, LandmarkNetwork(), looks=EVERY_FRAME)
        motion = to_skeleton(assemble_people(seen)[0], H36M)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], motion.valid, [0]])))
        start, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
        found.append(track_of(motion.xy[start:end], motion.confidence[start:end], video.fps))
    return found


def track_of(xy: np.ndarray, confidence: np.ndarray, fps: float) -> Track:
    unit = torso_lengths(xy[None])[0]
    return Track((xy - xy[:, :1])[:, JOINTS] / unit, confidence[:, JOINTS], fps)


def guesses() -> str:
    """What the detector says of joints below the picture, if that ends at the hips or the shins."""
    video, network = open_video(CLIP), LandmarkNetwork()
    pursuit = PersonFollower(number_people(find_people(video))[0], [], network)
    at = [BLAZEPOSE.index[H36M.joints[i]] for i in JOINTS]
    wrong, visible = [], []
    for frame in video.frames():
        pose = pursuit.step(frame)
        if pose is None or pursuit.last is None or frame.index % 6:
            continue
        whole, unit = pose.xy[at], torso_lengths((MADE @ pose.xy)[None, None])[0]
        hips, ankles = (whole[_places(part), 1].mean() for part in ("Hip", "Ankle"))
        for edge in (hips + 0.1 * (ankles - hips), hips + 0.7 * (ankles - hips)):
            cut = network(frame.image[: max(int(edge), 1)], region_around(pursuit.last))
            below = whole[:, 1] > edge
            wrong.append(np.linalg.norm(cut.xy[at] - whole, axis=-1)[below] / unit)
            visible.append(cut.visibility[at][below])
    return outside("detector", np.concatenate(wrong), np.concatenate(visible))


def _places(part: str) -> list[int]:
    return [k for k, i in enumerate(JOINTS) if H36M.joints[i][1:] == part]


def outside(name: str, wrong: np.ndarray, visible: np.ndarray) -> str:
    quarters = ", ".join(f"{q:.2f}" for q in np.percentile(wrong, (25, 50, 75)))
    return f"{name}, outside the picture: error {quarters} torsos (quartiles), " + (
        f"median confidence {np.median(visible):.2f}"
    )


def simulate(mocap: str) -> tuple[dict[str, list[Track]], str]:
    """Exact motion, the engine's detections, and those of the open benchmark's kind.

    Besides, how far the engine's limbs are from the truth, in words.
    """
    rng = np.random.default_rng(0)
    drawn = sample_playback(load_mocap(mocap, "train"), 81, 160, (3, 3), rng)
    n = drawn.video.shape[1]
    when = np.arange(n) / drawn.fps[:, None]
    views = sample_filmed_views(drawn.video, when, rng)
    engine = simulate_detector(views.xyz, views.half, 1 / drawn.fps, rng)
    exact, sure = views.rays(), np.ones(views.xyz.shape[:3])
    old, knowing = noise.add_benchmark_noise(exact, 1 / drawn.fps, rng)
    kinds = {
        "motion": (exact, sure),
        "engine": (engine.rays, engine.visible),
        "benchmark-like": (old, knowing),
    }
    alike = np.flatnonzero(np.abs(drawn.fps - 30) < 1)
    usable = [i for i in alike if (old[i] != exact[i]).any() and engine.inside[i].all()]
    ends = (drawn.at[:, -1]).astype(int)
    tracks = {
        kind: [track_of(xy[i, : ends[i]], sure[i, : ends[i]], drawn.fps[i]) for i in usable]
        for kind, (xy, sure) in kinds.items()
    }
    wrong = engine.error[usable][..., JOINTS]
    within = [f"{100 * (wrong < far).mean():.0f} % within {far}" for far in (0.1, 0.2)]
    limbs = engine.inside[..., JOINTS] == 0
    beyond = outside("engine", engine.error[..., JOINTS][limbs], engine.visible[..., JOINTS][limbs])
    error = f"engine, in the picture: error {np.median(wrong):.3f} torsos (median), "
    return tracks, f"{error}{', '.join(within)}\n{beyond}"


def bands(tracks: list[Track]) -> np.ndarray:
    """Root mean square per axis by frequency band, in torsos: the median joint of all tracks."""
    rows = []
    for track in tracks:
        flat = track.xy.reshape(len(track.xy), -1)
        f, power = welch(flat, track.fps, nperseg=32, axis=0, detrend="linear")
        within = [
            power[(f >= low) & (f <= high)].mean(axis=0) * (high - low) for low, high in BANDS
        ]
        rows.append(np.sqrt(np.array(within)))
    return np.median(np.concatenate(rows, axis=1), axis=1)


def shakes(tracks: list[Track]) -> list[np.ndarray]:
    """Size of the second difference from frame to frame, in torsos."""
    return [np.linalg.norm(np.diff(track.xy, n=2, axis=0), axis=-1) for track in tracks]


def shake_by_confidence(tracks: list[Track]) -> np.ndarray:
    """Its median, by how sure the detector is of the joint."""
    size = np.concatenate([shake.ravel() for shake in shakes(tracks)])
    sure = np.concatenate([track.confidence[1:-1].ravel() for track in tracks])
    place = np.digitize(sure, DOUBT) - 1
    enough = [(place == k).sum() > 20 for k in range(len(DOUBT) - 1)]
    return np.array([np.median(size[place == k]) if ok else np.nan for k, ok in enumerate(enough)])


def away(tracks: list[Track]) -> float:
    """Share of places that are far from the joint's median over a third of a second."""
    shares = []
    for track in tracks:
        around = np.lib.stride_tricks.sliding_window_view(track.xy, 11, axis=0)
        step = np.linalg.norm(track.xy[5:-5] - np.median(around, axis=-1), axis=-1)
        shares.append((step > FAR).mean())
    return float(np.mean(shares))


def memory(tracks: list[Track]) -> np.ndarray:
    """Autocorrelation of the limbs' confidence as a logit, about each joint's own mean."""
    top, bottom = np.zeros(len(LAGS)), 0.0
    for track in tracks:
        p = np.clip(track.confidence[:, LIMBS], 1e-3, 1 - 1e-3)
        logit = np.log(p / (1 - p))
        logit -= logit.mean(axis=0)
        top += [(logit[lag:] * logit[:-lag]).mean() for lag in LAGS]
        bottom += (logit**2).mean()
    return top / max(bottom, 1e-9)


def table(kinds: dict[str, list[Track]]) -> str:
    """All figures, as Markdown."""
    lines = [f"| | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]

    def add(name: str, values: list[float], form: str) -> None:
        lines.append(f"| {name} | {' | '.join(format(v, form) for v in values)} |")

    rows = {kind: bands(tracks) for kind, tracks in kinds.items()}
    for k, (low, high) in enumerate(BANDS):
        add(f"{low} to {high} Hz, rms, % of the torso", [100 * rows[x][k] for x in kinds], ".2f")
    sizes = {kind: np.concatenate([s.ravel() for s in shakes(t)]) for kind, t in kinds.items()}
    for q in (50, 90, 99):
        values = [100 * np.percentile(sizes[kind], q) for kind in kinds]
        add(f"second difference, {q} % are below, %", values, ".1f")
    by = {kind: shake_by_confidence(tracks) for kind, tracks in kinds.items()}
    for k, (low, high) in enumerate(pairwise(DOUBT)):
        name = f"its median at confidence {low:g} to {min(high, 1):g}, %"
        add(name, [100 * by[kind][k] for kind in kinds], ".1f")
    add(
        f"further than {FAR} from the median of 11 frames, %",
        [100 * away(tracks) for tracks in kinds.values()],
        ".1f",
    )
    sure = {kind: np.concatenate([t.confidence.ravel() for t in x]) for kind, x in kinds.items()}
    for level in (0.2, 0.5, 0.9, 0.99):
        add(f"confidence above {level}, %", [100 * (sure[k] > level).mean() for k in kinds], ".0f")
    past = {kind: memory(tracks) for kind, tracks in kinds.items()}
    for k, lag in enumerate(LAGS):
        add(f"confidence's memory after {lag} frames", [past[kind][k] for kind in kinds], ".2f")
    return "\n".join(lines)


def draw(kinds: dict[str, list[Track]], target: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    (spectrum, shake, doubt), (sure, past, trace) = figure.subplots(2, 3)
    colours = {"detector": "#c1440e", "engine": "#1f6f8b", "benchmark-like": "#8a8a8a"}
    colours |= {"motion": "#bcd6a5"}
    middles = [(low + high) / 2 for low, high in BANDS]
    for kind, tracks in kinds.items():
        look = {"color": colours[kind], "label": kind, "linewidth": 1.6}
        spectrum.semilogy(middles, 100 * bands(tracks), "o-", markersize=3, **look)
        sizes = np.sort(np.concatenate([s.ravel() for s in shakes(tracks)]))
        shake.semilogx(100 * sizes, np.linspace(0, 1, len(sizes)), **look)
        if kind == "motion":
            continue
        doubt.semilogy(range(4), 100 * shake_by_confidence(tracks), "o-", markersize=3, **look)
        p = np.sort(np.concatenate([t.confidence.ravel() for t in tracks]))
        p = np.clip(p, 1e-3, 1 - 1e-4)
        sure.plot(np.log10(p / (1 - p)), np.linspace(0, 1, len(p)), **look)
        past.plot(np.array(LAGS) / 30, memory(tracks), "o-", markersize=3, **look)
    wrist = JOINTS.index(H36M.index["RWrist"])
    for k, kind in enumerate(kinds):
        x = kinds[kind][-1].xy[:90, wrist, 1]
        x = x - gaussian_filter1d(x, 3)
        trace.plot(np.arange(len(x)) / 30, x - 0.25 * k, color=colours[kind], linewidth=1)
    spectrum.set(title="how much of which frequency", xlabel="Hz", ylabel="rms, % of the torso")
    shake.set(title="steps that bend", xlabel="second difference, % of the torso", ylabel="share")
    shake.set_xlim(0.03, 200)
    bins = [f"{low:g}-{min(high, 1):g}" for low, high in pairwise(DOUBT)]
    doubt.set(title="errors grow with doubt", xlabel="confidence", ylabel="its median, %")
    doubt.set_xticks(range(4), bins)
    sure.set(title="how sure", xlabel="confidence", ylabel="share below")
    levels = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]
    sure.set_xticks([np.log10(p / (1 - p)) for p in levels], [f"{p:g}" for p in levels], fontsize=8)
    past.set(title="memory of the confidence", xlabel="seconds", ylabel="autocorrelation")
    trace.set(title="a wrist about its mean of 0.1 s", xlabel="seconds", ylabel="torsos")
    spectrum.legend(fontsize=8, loc="lower left")
    with atomic_write(target) as beside:
        figure.savefig(beside, dpi=90, format="png")


def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    simulated, errors = simulate(sys.argv[1])
    kinds = {"detector": read()} | simulated
    print(f"{table(kinds)}\n\n{errors}\n{guesses()}")
    if len(sys.argv) == 3:
        draw(kinds, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
