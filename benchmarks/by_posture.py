"""Errors on the open benchmark by posture of the frame, by view and by distance.

usage: python benchmarks/by_posture.py OPEN_BENCHMARK.npz [--view-step 8] [--weights W]

Every frame is in one group of each kind, by the truth. The trunk goes from the pelvis to the
thorax, a thigh from the hip to the knee; up is against gravity. Folded: both thighs are over 45
degrees from straight down.

- seated or squatting: folded, the trunk at most 60 degrees from up;
- lying: folded, the trunk 60 to 120 degrees from up; upside down: folded, the trunk over 120;
- bent: not folded, the trunk over 30 degrees from up, in any direction;
- upright: not folded, the trunk at most 30 degrees from up;
- above: from the pelvis, the camera is over 25 degrees above the horizon;
- front, side, back: else, where the pelvis faces is under 45, 45 to 135, or over 135 degrees from
  the way to the camera.

The distance is that from the camera to the pelvis. N-MPJPE has one best scale per view, all frames
of it, P-MPJPE one best similarity transform per frame; both are means over frames, in millimetres.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from open_views import View, parser, views

from tcpformer import Lifter
from tcpformer.analysis.metrics import n_mpjpe, p_mpjpe
from tcpformer.skeleton import BODY, H36M, STANDARD_HEIGHT


@dataclass(frozen=True)
class Limits:
    """Limits between groups, in degrees and metres."""

    leaning: float = 30.0
    """Trunk from up, of bent."""
    lying: float = 60.0
    """Trunk from up, of lying."""
    upside_down: float = 120.0
    """Trunk from up, of upside down."""
    folded: float = 45.0
    """Each thigh from straight down, of seated, lying and upside down."""
    facing: float = 45.0
    """From the way to the camera, of front; of back, from the opposite way."""
    above: float = 25.0
    """Elevation of the camera, of above."""
    near: float = 3.0
    far: float = 6.0


LIMITS = Limits()
GROUPS = {
    "posture": ("upright", "seated or squatting", "bent", "lying", "upside down"),
    "view": ("front", "side", "back", "above"),
    "distance": ("under 3 m", "3 to 6 m", "over 6 m"),
}
COLUMNS = tuple(f"{s}-MPJPE {kind}" for kind in ("exact", "noisy") for s in ("N", "P"))


def find_postures(
    pose: Float[np.ndarray, "t j 3"], up: Float[np.ndarray, " 3"]
) -> Int[np.ndarray, " t"]:
    """Return the posture of every frame, as its place in `GROUPS`."""
    trunk = angle(_bone(pose, "Hip", "Thorax"), up)
    thighs = [angle(_bone(pose, f"{side}Hip", f"{side}Knee"), -up) for side in "LR"]
    folded = np.minimum(*thighs) > LIMITS.folded
    places = np.digitize(trunk, [LIMITS.lying, LIMITS.upside_down], right=True)
    return np.where(folded, np.array([1, 3, 4])[places], np.where(trunk > LIMITS.leaning, 2, 0))


def find_views(
    pose: Float[np.ndarray, "t j 3"], root: Float[np.ndarray, "t 3"], up: Float[np.ndarray, " 3"]
) -> Int[np.ndarray, " t"]:
    """Return from where the camera sees every frame, as its place in `GROUPS`."""
    facing = np.cross(_bone(pose, "RHip", "LHip"), _bone(pose, "Hip", "Spine"))
    off = angle(facing, -root)
    around = np.select([off < LIMITS.facing, off <= 180 - LIMITS.facing], [0, 1], 2)
    return np.where(90 - angle(-root, up) > LIMITS.above, 3, around)


def find_distances(root: Float[np.ndarray, "t 3"]) -> Int[np.ndarray, " t"]:
    """Return how far the camera is in every frame, as its place in `GROUPS`."""
    limits = [LIMITS.near, np.nextafter(LIMITS.far, np.inf)]
    return np.digitize(np.linalg.norm(root, axis=-1), limits)


def angle(a: Float[np.ndarray, "t 3"], b: Float[np.ndarray, "*t 3"]) -> Float[np.ndarray, " t"]:
    """Return the angle between vectors in degrees."""
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(np.clip((a * b).sum(axis=-1) / lengths, -1, 1)))


def _bone(pose: Float[np.ndarray, "t j 3"], start: str, end: str) -> Float[np.ndarray, "t 3"]:
    return pose[:, H36M.index[end]] - pose[:, H36M.index[start]]


def score(lifter: Lifter, view: View) -> Float[np.ndarray, "2 t"]:
    """Return N-MPJPE and P-MPJPE of every frame in millimetres."""
    assert view.seen.focal is not None
    pred = lifter.predict_rigid(view.seen, height=STANDARD_HEIGHT, focal=view.seen.focal)[:, BODY]
    true = view.relative[:, BODY]
    return 1000 * np.stack([n_mpjpe(pred, true), p_mpjpe(pred, true)])


def main(arguments: list[str] | None = None) -> None:
    args = parser(__doc__, every=8).parse_args(arguments)
    lifter = Lifter(args.weights, "cpu")
    numbers, scores = [], []
    pairs = zip(
        *(views(args.data, args.every, clean=clean) for clean in (True, False)), strict=True
    )
    for number, (exact, noisy) in enumerate(pairs):
        pose, root, up = exact.relative, exact.root, exact.up
        groups = find_postures(pose, up), find_views(pose, root, up), find_distances(root)
        numbers.append(np.stack([*groups, np.full(len(pose), number)]))
        scores.append(np.concatenate([score(lifter, view) for view in (exact, noisy)]))
    (*kinds, view), errors = np.concatenate(numbers, axis=1), np.concatenate(scores, axis=1)
    print(f"| frames | number | views | {' | '.join(COLUMNS)} |\n{'|---' * (3 + len(COLUMNS))}|")
    for names, kind in zip(GROUPS.values(), kinds, strict=True):
        for place, name in enumerate(names):
            print_row(name, view[kind == place], errors[:, kind == place])
    print_row("all", view, errors)


def print_row(name: str, view: Int[np.ndarray, " n"], errors: Float[np.ndarray, "4 n"]) -> None:
    if len(view):
        means = " | ".join(f"{mean:.1f}" for mean in errors.mean(axis=1))
        print(f"| {name} | {len(view)} | {len(np.unique(view))} | {means} |")


if __name__ == "__main__":
    main()
