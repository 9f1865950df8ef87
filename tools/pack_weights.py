"""Put the weights of a training run into the package, in float16, and compress their log.

usage: python tools/pack_weights.py RUN [NAME]     RUN is a folder that `tcpformer train` wrote

Packaged weights lift at half the frame rate of the capture with half the frame step: the same
seconds in a clip, half the work, and the same error (docs/weights.md).
"""

import gzip
import sys
from dataclasses import replace
from pathlib import Path

import torch

from tcpformer.models.checkpoint import PACKAGED, load_weights, save_model


def main() -> None:
    run, name = Path(sys.argv[1]), (sys.argv[2] if len(sys.argv) > 2 else "default")
    loaded = load_weights(run / "weights")
    exact = {key: value.clone() for key, value in loaded.model.state_dict().items()}
    trained = loaded.spec
    if trained is None or trained.frame_step % 2:
        raise SystemExit(f"{run}: expected weights with an even frame_step, got {trained}.")
    half = replace(trained, fps=trained.fps / 2, frame_step=trained.frame_step // 2)
    save_model(loaded.model.half(), PACKAGED / name, spec=half)
    packed = load_weights(name)
    worst = max(float((packed.model.state_dict()[k] - v).abs().max()) for k, v in exact.items())
    log = Path("docs/history") / f"training_{run.name}.jsonl.gz"
    log.write_bytes(gzip.compress((run / "log.jsonl").read_bytes(), mtime=0))
    size = (PACKAGED / name / "model.safetensors").stat().st_size
    print(f"{packed.name}: {size / 1e6:.1f} MB, largest change of a weight {worst:.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
