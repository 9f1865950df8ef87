"""Put a trained network of whole poses beside a trained TCPFormer: one network, their mean.

usage: python tools/join_weights.py TCPFORMER WHOLE_POSES OUT [SHARE [KEPT]]

SHARE is what TCPFORMER counts in the mean, 0.5 if not said. Each is a folder of weights
(RUN/weights), or a packaged name. Where TCPFORMER has whole poses already, these take their place,
and KEPT, 1 if not said, is how much is kept of what its joints say.
`tcpformer train open --plan.init OUT` goes on from what comes out.
"""

import sys
from pathlib import Path

from tcpformer.models.checkpoint import WeightsSpec, load_weights, save_model
from tcpformer.models.pose_transformer import PoseTransformer
from tcpformer.models.tcpformer import TCPFormer
from tcpformer.training.initialize import beside


def join(one: str, other: str, out: Path, *shares: float) -> None:
    layers, poses = load_weights(one), load_weights(other)
    if not (isinstance(layers.model, TCPFormer) and isinstance(poses.model, PoseTransformer)):
        raise SystemExit(f"expected a TCPFormer and whole poses, got {one} and {other}.")
    if _seconds(layers.spec) != _seconds(poses.spec):
        raise SystemExit(f"they were trained for {layers.spec} and {poses.spec}.")
    joined = beside(layers.model, poses.model, *shares)
    save_model(joined.eval(), out, spec=poses.spec)


def _seconds(convention: WeightsSpec | None) -> tuple[object, ...]:
    """What must be the same: packaged weights say it by half the rate."""
    if convention is None:
        return ()
    gap = convention.frame_step / convention.fps
    return (convention.skeleton, convention.normalization, convention.unit, gap)


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 6:
        raise SystemExit(__doc__)
    join(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(float, sys.argv[4:]))
