"""Put a trained network of whole poses beside a trained TCPFormer: one network, their mean.

usage: python tools/join_weights.py TCPFORMER WHOLE_POSES OUT [SHARE]

SHARE is what TCPFORMER counts in the mean, 0.5 if not said. Each is a folder of weights
(RUN/weights), or a packaged name. Where TCPFORMER has whole poses already, these take their place.
`tcpformer train open --plan.init OUT` goes on from what comes out.
"""

import sys
from pathlib import Path

from tcpformer.begin import beside, one_headed
from tcpformer.models.tcpformer import TCPFormer
from tcpformer.models.whole_poses import WholePoses
from tcpformer.weights import Convention, load_weights, save_model


def join(one: str, other: str, out: Path, share: float) -> None:
    layers, poses = load_weights(one), load_weights(other)
    if not (isinstance(layers.model, TCPFormer) and isinstance(poses.model, WholePoses)):
        raise SystemExit(f"expected a TCPFormer and whole poses, got {one} and {other}.")
    if _seconds(layers.convention) != _seconds(poses.convention):
        raise SystemExit(f"they were trained for {layers.convention} and {poses.convention}.")
    joined = beside(one_headed(layers.model), poses.model, share)
    save_model(joined.eval(), out, convention=poses.convention)


def _seconds(convention: Convention | None) -> tuple[object, ...]:
    """What must be the same: packaged weights say it by half the rate."""
    if convention is None:
        return ()
    gap = convention.spacing / convention.fps
    return (convention.skeleton, convention.rule, convention.unit, gap)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    share = float(sys.argv[4]) if len(sys.argv) == 5 else 0.5
    join(sys.argv[1], sys.argv[2], Path(sys.argv[3]), share)
