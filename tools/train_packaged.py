"""Train the packaged weights from nothing: pack the data once, then call as often as there is time.

usage: python tools/train_packaged.py --pack PACK BODY MORE [BODY MORE ...]
       python tools/train_packaged.py --unpack PACK TARGET
       python tools/train_packaged.py PACK --out DIR --minutes 8 [--resume] [--contest]

The first form writes motion capture of 26 joints into one small file: of each source the file of 17
joints, and that of feet, hands and face (may be the same file). The second writes it as the file
that `tcpformer train` reads. The third trains `fast`, then `live`, which starts from it, then
`default`, and writes weights, log, model card and hashes into DIR. Each call trains at a constant
learning rate, keeps a checkpoint there, and lets the rate fall to 0 over its last part, so that the
weights are usable after every call; `--resume` goes on from the checkpoint. `--contest` trains the
published networks at the same size on the same data for the same time, and the packaged one
without the paper's modules, with one, with two, and with all.

It needs torch 2.11 or newer, numpy, scipy, einops, jaxtyping and safetensors, and no network. On a
CPU, pass `--device cpu`; `--steps 2` is a dry run.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

ROOT = Path(__file__).parents[1]


def import_without_detectors() -> None:
    """Make the package importable where the libraries of its detectors are not installed."""
    sys.path.insert(0, str(ROOT))
    for name in ("tcpformer", "tcpformer.io"):
        module = ModuleType(name)
        module.__path__ = [str(ROOT / "src" / name.replace(".", "/"))]
        sys.modules.setdefault(name, module)


import_without_detectors()

from tcpformer.datasets.pack import Capture, pack, unpack  # noqa: E402
from tcpformer.models import (  # noqa: E402
    build,
    joints_of,
    name_of,
    poseformerv2,
    strided_transformer,
    tcpformer,
)
from tcpformer.models.checkpoint import save_model  # noqa: E402
from tcpformer.training.config import PACKAGED_NETWORK, TrainConfig  # noqa: E402
from tcpformer.training.data import ProcessBatches, SyntheticSource  # noqa: E402
from tcpformer.training.losses import Objective  # noqa: E402
from tcpformer.training.optim import optimizer_for, update_average  # noqa: E402
from tcpformer.training.presets import PRESETS  # noqa: E402
from tcpformer.training.validate import validation_scores  # noqa: E402

WARMUP = 100
COOLDOWN = 0.35
"""Steps at the start over which the rate rises, and the last share of a call in which it falls."""
LIVE_FRAMES = 6
"""Frames at the end of clips that weights for live use are trained on."""
WORKERS_MARGIN = 2
"""Processor cores that prepare no clips."""
JOINTS_26 = replace(PACKAGED_NETWORK, joints=26)


@dataclass(frozen=True)
class Job:
    """A network to train, and its share of a call's time."""

    name: str
    config: TrainConfig
    share: float
    build: Callable[[Any], nn.Module] = build
    start: str = ""
    """Name of an earlier job of the call from whose weights it starts; "" for random ones."""


def packaged_jobs() -> list[Job]:
    """Return the packaged networks, the quick one first."""
    both = replace(PRESETS["open"], network=JOINTS_26, blur_prob=0.5, grad_accum_steps=1)
    fast = replace(both, network=JOINTS_26.pose_transformer, batch_size=768)
    live = Job("live", replace(fast, last_frames=LIVE_FRAMES), 0.15, start="fast")
    return [Job("fast", fast, 0.2), live, Job("default", replace(both, batch_size=384), 0.65)]


def contest_jobs() -> list[Job]:
    """Return published networks of the packaged one's size, and it with the paper's modules."""
    from research import variants  # which registers networks of its own

    networks = {
        "tcpformer": tcpformer.Config(frames=27, depth=4, width=96, representation=256),
        "poseformerv2": poseformerv2.Config(
            frames=27, kept_frames=9, kept_coefficients=9, width=16, drop_path=0.0, inputs=3
        ),
        "strided-transformer": replace(
            strided_transformer.PRESETS[27], dropout=0.0, layer_dropout=0.0, inputs=3
        ),
    }
    base = {k: v for k, v in asdict(PACKAGED_NETWORK).items() if k != "joints"}
    for modules in ("none", "pum", "pum+pim", "all"):
        networks[f"hybrid {modules}"] = variants.Config(**base, modules=modules)
    config = replace(PRESETS["open"], blur_prob=0.5, batch_size=384, grad_accum_steps=1)
    share = 1 / len(networks)
    return [Job(k, replace(config, network=v), share, build) for k, v in networks.items()]


class Training:
    """A network in training: weights at the constant rate, their average, optimizer, and step."""

    def __init__(self, job: Job, folder: Path, device: torch.device, *, resume: bool) -> None:
        torch.manual_seed(job.config.seed)
        self.job, self.folder, self.device, self.step = job, folder, device, 0
        self.model = job.build(job.config.network).to(device)
        self.mean = deepcopy(self.model).requires_grad_(False).eval()
        self.optimizer = optimizer_for(self.model, job.config)
        self.checkpoint = folder / "checkpoint.pt"
        if resume and self.checkpoint.exists():
            self.restore(torch.load(self.checkpoint, map_location=device, weights_only=True))

    def start_from(self, network: nn.Module) -> None:
        """Take the weights of another network of the same sizes."""
        for model in (self.model, self.mean):
            model.load_state_dict(network.state_dict())

    def state(self) -> dict[str, Any]:
        """Return all that resuming needs."""
        parts = {k: getattr(self, k).state_dict() for k in ("model", "mean", "optimizer")}
        return parts | {"step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in ("model", "mean", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        beside = self.checkpoint.with_suffix(".new")
        torch.save(self.state(), beside)
        os.replace(beside, self.checkpoint)

    def take_step(self, clips: tuple[torch.Tensor, ...], rate: float) -> torch.Tensor:
        """Take one step of the optimizer; return the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.job.config.lr * rate
        loss = Objective(self.model, self.job.config)(*(x.to(self.device) for x in clips))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.job.config.grad_clip_norm)
        self.optimizer.step()
        self.step += 1
        decay = min(self.job.config.ema_decay, self.step / (self.step + 10))
        update_average(self.mean, self.model, decay)
        return loss.detach()


def clips_from(source: SyntheticSource, first: int, size: int, workers: int) -> Iterator[Any]:
    """Yield batches from a number on, prepared ahead."""
    dataset = ProcessBatches(source, size, 0, 1)
    sampler = range(first, first + 10**6)
    return iter(DataLoader(dataset, batch_size=None, sampler=sampler, num_workers=workers))


def train_job(training: Training, source: SyntheticSource, seconds: float, steps: int) -> None:
    """Train for some seconds, or a number of steps; the rate falls to 0 at the end."""
    on_cpu = training.device.type == "cpu"
    workers = 0 if on_cpu else max((os.cpu_count() or 4) - WORKERS_MARGIN, 1)
    batches = clips_from(source, training.step, training.job.config.batch_size, workers)
    start, saved, first = time.monotonic(), False, training.step
    with (training.folder / "log.jsonl").open("a", encoding="utf-8") as log:
        for clips in batches:
            done = (
                (training.step - first) / steps if steps else (time.monotonic() - start) / seconds
            )
            if done >= 1:
                break
            if done >= 1 - COOLDOWN and not saved:
                training.save()
                saved = True
            fall = min(1.0, (1 - done) / COOLDOWN) * min(1.0, (training.step + 1) / WARMUP)
            loss = training.take_step(clips, fall)
            if training.step % 100 == 0 or steps:
                spent = round(time.monotonic() - start, 1)
                row = {"step": training.step, "loss": float(loss), "seconds": spent}
                print(training.job.name, row, flush=True)
                log.write(json.dumps(row) + "\n")


def write_result(training: Training, source: SyntheticSource) -> dict[str, Any]:
    """Write the averaged weights; return what the model card says of them."""
    folder = training.folder / "weights"
    save_model(training.mean, folder, spec=source.spec)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    config = training.job.config
    return {
        "network": name_of(config.network),
        "joints": joints_of(config.network),
        "parameters": sum(p.numel() for p in training.mean.parameters()),
        "steps": training.step,
        "clips": training.step * config.batch_size,
        "sha256": digest,
        "validation": validation_scores(training.mean, source),
    }


def write_card(results: dict[str, dict[str, Any]], out: Path, data: Path) -> None:
    """Write the model card: data, recipe, hashes and validation errors."""
    lines = ["# Model card", "", f"Trained from nothing on {data.name}, sha256", ""]
    lines += [hashlib.sha256(data.read_bytes()).hexdigest(), "", "Errors in mm.", ""]
    for name, result in results.items():
        lines += [f"## {name}", "", *(f"- {key}: {value}" for key, value in result.items()), ""]
    (out / "MODEL_CARD.md").write_text("\n".join(lines), encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("captures", type=Path, nargs="*", help="BODY MORE pairs, or TARGET")
    parser.add_argument("--pack", action="store_true")
    parser.add_argument("--unpack", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/packaged"))
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--steps", type=int, default=0, help="for each network, instead of minutes")
    parser.add_argument("--batch", type=int, default=0, help="clips, instead of the recipe's")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--contest", action="store_true")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    args = parser.parse_args(arguments)
    if args.pack:
        pairs = zip(args.captures[::2], args.captures[1::2], strict=True)
        pack([Capture(body, more) for body, more in pairs], args.data)
        return
    if args.unpack:
        unpack(args.data, args.captures[0])
        return
    if args.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("expected a CUDA device, found none; pass --device cpu.")
    torch.set_float32_matmul_precision("high")
    torch.set_flush_denormal(True)
    unpack(args.data, args.out / "mocap.npz")
    results, trained = {}, dict[str, nn.Module]()
    for job in contest_jobs() if args.contest else packaged_jobs():
        if args.batch:
            job = replace(job, config=replace(job.config, batch_size=args.batch))
        folder = args.out / job.name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        source = SyntheticSource(job.config, args.out / "mocap.npz")
        training = Training(job, folder, torch.device(args.device), resume=args.resume)
        if job.start and not training.step:
            training.start_from(trained[job.start])
        train_job(training, source, 60 * args.minutes * job.share, args.steps)
        trained[job.name] = training.mean
        results[job.name] = write_result(training, source)
        write_card(results, args.out, args.data)
        print(json.dumps({job.name: results[job.name]}), flush=True)


if __name__ == "__main__":
    main()
