"""Put the weights of a training run into the package, in float16, and compress their log.

usage: python tools/pack_weights.py RUN [NAME] [--region-scale X]

RUN is a folder that `tcpformer train` or `tcpformer calibrate` wrote. --region-scale sets the
half-axes, in sigma, of the region that holds 90 %, as benchmarks/coverage.py finds them.

Packaged weights lift at half the frame rate of the capture with half the frame step: the same
seconds in a clip, half the work, and the same error (docs/weights.md).
"""

import argparse
import gzip
from dataclasses import replace
from pathlib import Path

import torch
from make_graphs import make_graph
from refresh_sha256 import refresh

from tcpformer.models.checkpoint import load_weights, save_model
from tcpformer.weights import PACKAGED, Weights


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name", nargs="?", default="default")
    parser.add_argument("--region-scale", type=float)
    args = parser.parse_args(arguments)
    folder = args.run / "weights" if (args.run / "weights").exists() else args.run
    loaded = at_half_rate(load_weights(folder), folder)
    head = loaded.model.uncertainty
    if args.region_scale is not None and head is not None:
        head.region_scale.fill_(args.region_scale)
    exact = {key: value.clone() for key, value in loaded.model.state_dict().items()}
    save_model(loaded.model.half(), PACKAGED / args.name, spec=loaded.spec)
    refresh()
    make_graph(args.name)  # of weights that are known
    refresh()
    packed = load_weights(args.name)
    worst = max(float((packed.model.state_dict()[k] - v).abs().max()) for k, v in exact.items())
    write_log(args.run)
    size = (PACKAGED / args.name / "model.safetensors").stat().st_size
    print(f"{packed.name}: {size / 1e6:.1f} MB, largest change of a weight {worst:.1e}")


def at_half_rate(loaded: Weights, folder: Path) -> Weights:
    """Return weights that lift at half the rate of the capture they were trained on."""
    trained = loaded.spec
    if trained is None or trained.frame_step % 2:
        raise SystemExit(f"{folder}: expected weights with an even frame_step, got {trained}.")
    half = replace(trained, fps=trained.fps / 2, frame_step=trained.frame_step // 2)
    return replace(loaded, spec=half)


def write_log(run: Path) -> None:
    """Keep the log of a run beside those of earlier ones."""
    if (run / "log.jsonl").exists():
        log = Path("docs/history") / f"training_{run.name}.jsonl.gz"
        log.write_bytes(gzip.compress((run / "log.jsonl").read_bytes(), mtime=0))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
