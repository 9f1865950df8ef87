"""Write the flexion of both knees over time, in degrees, as CSV; a straight leg is at 0.

usage: python examples/knee_angles.py out/person_0/motion.npz knees.csv
"""

import sys

import numpy as np

from tcpformer import Motion3D, load_motion


def knee_flexion(motion: Motion3D, side: str) -> np.ndarray:
    """Return the angle between thigh and shank in each frame."""
    hip, knee, ankle = (
        motion.xyz[:, motion.skeleton.index[side + joint]] for joint in ("Hip", "Knee", "Ankle")
    )
    thigh, shank = knee - hip, ankle - knee
    cosine = (thigh * shank).sum(axis=-1)
    cosine /= np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shank, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def main(source: str, target: str) -> None:
    motion = load_motion(source)
    columns = [motion.times, *(knee_flexion(motion, side) for side in "LR")]
    table = np.stack(columns, axis=1)
    table[~motion.valid, 1:] = np.nan  # bridged, not observed
    np.savetxt(target, table, "%.4f", ",", header="seconds,left,right", comments="")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: python {sys.argv[0]} MOTION.npz CSV")
    main(*sys.argv[1:])
