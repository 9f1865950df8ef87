"""The mean of two networks of one shape, one of which was trained on from the other.

usage: python tools/mean_of_weights.py WEIGHTS WEIGHTS OUT

Half way between where a training began and where it ended, errors are often less than at either
end (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). Each is a folder of
weights (RUN/weights), and so will OUT be.
"""

import sys
from pathlib import Path

from tcpformer.models.checkpoint import load_weights, save_model


def mean(one: str, other: str, out: Path) -> None:
    first, second = load_weights(one), load_weights(other)
    if first.spec != second.spec:
        raise SystemExit(f"they were trained for {first.spec} and {second.spec}.")
    ours, theirs = first.model.state_dict(), second.model.state_dict()
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
        raise SystemExit(f"expected networks of one shape, got those of {one} and {other}.")
    first.model.load_state_dict({key: (ours[key] + theirs[key]) / 2 for key in ours})
    save_model(first.model.eval(), out, spec=first.spec)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    mean(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
