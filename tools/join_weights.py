"""Put a trained network of whole poses beside a trained TCPFormer: one network, their mean.

usage: python tools/join_weights.py TCPFORMER WHOLE_POSES OUT [SHARE]

SHARE is what TCPFORMER counts in the mean, 0.5 if not said. Each is a folder of weights
(RUN/weights). `tcpformer train open --plan.init OUT` goes on from what comes out.
"""

import sys
from pathlib import Path

from tcpformer.begin import beside
from tcpformer.models.tcpformer import TCPFormer
from tcpformer.models.whole_poses import WholePoses
from tcpformer.weights import load_weights, save_model


def join(one: str, other: str, out: Path, share: float) -> None:
    layers, poses = load_weights(one), load_weights(other)
    if not (isinstance(layers.model, TCPFormer) and isinstance(poses.model, WholePoses)):
        raise SystemExit(f"expected a TCPFormer and whole poses, got {one} and {other}.")
    if layers.convention != poses.convention:
        raise SystemExit(f"they were trained for {layers.convention} and {poses.convention}.")
    save_model(beside(layers.model, poses.model, share).eval(), out, convention=layers.convention)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    share = float(sys.argv[4]) if len(sys.argv) == 5 else 0.5
    join(sys.argv[1], sys.argv[2], Path(sys.argv[3]), share)
