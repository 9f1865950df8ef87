"""Variations of the pose transformer's training, one change each, at equal compute.

    python -m research.training_arms MOCAP.npz OUT [ARM ...] [--steps 602] [--seed 0]

Trains each arm (all, or those named) on about a million frames, scores it on whole motions of the
validation people as in the open benchmark, with exact and with noisy 2D, and adds a line to
OUT/arms.jsonl. Arms in that file are not trained again; `--table` prints it.

Changes that are no field of a config replace a class of the network, here and nowhere else: a
successful one would become a field.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from tcpformer.analysis.metrics import n_mpjpe
from tcpformer.datasets.mocap import load_mocap
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_motions
from tcpformer.lifting.lifter import Lifter
from tcpformer.lifting.normalize import FLAT_SCALE
from tcpformer.models.layers import Attention
from tcpformer.models.pose_transformer import Config, PoseTransformer
from tcpformer.skeleton import H36M, STANDARD_HEIGHT, stature
from tcpformer.training.config import TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import PRESETS
from tcpformer.training.train import build_or_load_model, train

BASE = Config(frames=27)
SEED = 5
MIN_CONFIDENCE = 0.05
"""Lower confidence counts as this one in the bias of attention."""


class ConfidenceBias(Attention):
    """Attention biased by the log of each frame's mean confidence."""

    sure: Tensor

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(self.qkv(x), "b t 1 (n h d) -> n b h t d", n=3, h=self.heads).unbind()
        bias = self.sure.mean(dim=-1).clamp(min=MIN_CONFIDENCE).log()[:, None, None]
        y = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2) + bias).softmax(dim=-1) @ v
        return self.proj(rearrange(y, "b h t d -> b t 1 (h d)"))


class ConfidenceBiasNetwork(PoseTransformer):
    """Confidence is not an input, but a bias of every self-attention over time."""

    def forward(self, xyc: Tensor) -> Tensor:
        for part in self.modules():
            if isinstance(part, ConfidenceBias):
                part.sure = xyc[..., 2]
        return super().forward(without_confidence(xyc))


class BlindNetwork(PoseTransformer):
    """Confidence is not an input."""

    def forward(self, xyc: Tensor) -> Tensor:
        return super().forward(without_confidence(xyc))


def without_confidence(xyc: Tensor) -> Tensor:
    """Return clips with confidence 1."""
    return torch.cat([xyc[..., :2], torch.ones_like(xyc[..., 2:])], dim=-1)


class ScaledNetwork(PoseTransformer):
    """Output in any unit: a clip's pose is scaled to the standard height."""

    def forward(self, xyc: Tensor) -> Tensor:
        pose = flat_of(xyc) + super().forward(xyc)
        return pose * (STANDARD_HEIGHT / tall(pose)) - flat_of(xyc)


class BareNetwork(PoseTransformer):
    """Output in root-relative metres, without the flat prior."""

    def forward(self, xyc: Tensor) -> Tensor:
        return super().forward(xyc) - flat_of(xyc)


def flat_of(xyc: Tensor) -> Tensor:
    """Return what trainer and lifter add to an output: `normalize.flat_prior`."""
    xy = FLAT_SCALE * (xyc[..., :2] - xyc[:, :, H36M.root, None, :2])
    return torch.cat([xy, torch.zeros_like(xy[..., :1])], dim=-1)


def tall(pose: Tensor) -> Tensor:
    """Compute `skeleton.stature`, mean over a clip, with a gradient."""
    weight = []
    for joint in range(17):  # stature of a unit of each bone
        unit = np.zeros((17, 3))
        for child in range(17):
            parent = H36M.parents[child]
            unit[child] = unit[parent] if parent >= 0 else 0.0
            if child == joint and parent >= 0:
                unit[child] = unit[parent] + [1.0, 0, 0]
        weight.append(float(stature(unit)))
    bones = pose - pose[:, :, [max(p, 0) for p in H36M.parents]]
    lengths = bones.square().sum(dim=-1).clamp(min=1e-12).sqrt()
    return (lengths * torch.tensor(weight)).sum(dim=-1).mean(dim=1)[:, None, None, None]


def center_boxes(rays: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Replace `normalize.to_centered_camera`: center frames in their boxes, clips of size one."""
    low, high = rays.min(axis=-2, keepdims=True), rays.max(axis=-2, keepdims=True)
    about = rays - (low + high) / 2
    size = np.sqrt((about**2).sum(axis=-1).mean(axis=(-2, -1)))
    return about / np.maximum(size, 1e-6)[..., None, None, None]


def identity_rotation(rays: np.ndarray) -> np.ndarray:
    """Replace `normalize.look_at_rotation`: keep the axes of the camera."""
    return np.broadcast_to(np.eye(3), (*rays.shape[:-2], 3, 3))


@contextmanager
def by_box() -> Iterator[None]:
    """Normalize by boxes instead of virtual cameras."""
    with ExitStack() as stack:
        for module in ("datasets.clip_batch", "lifting.normalize"):
            stack.enter_context(patch(f"tcpformer.{module}.look_at_rotation", identity_rotation))
            stack.enter_context(patch(f"tcpformer.{module}.to_centered_camera", center_boxes))
        yield


def placeless(model: Any) -> None:
    """Keep the learned positions at 0."""
    model.poses.position.requires_grad_(False)  # it starts from 0


def confidence_bias(model: nn.Module) -> None:
    """Replace attention over time by `ConfidenceBias`."""
    for part in model.modules():
        if type(part) is Attention:
            part.__class__ = ConfidenceBias
    model.__class__ = ConfidenceBiasNetwork


def becoming(kind: type[nn.Module]) -> Callable[[nn.Module], None]:
    """Return a function that replaces the class of a network."""
    return lambda model: setattr(model, "__class__", kind)


@dataclass(frozen=True)
class Arm:
    """One change of the base."""

    about: str
    network: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    dress: Callable[[nn.Module], None] = lambda model: None
    around: Callable[[], Any] = ExitStack


def _clips(about: str, frames: int, step: tuple[int, int], batch_size: int, **config: Any) -> Arm:
    return Arm(about, {"frames": frames}, {"frame_step": step, "batch_size": batch_size, **config})


PLAIN = {"balance_activities": False, "limb_swap_prob": 0.0, "tilt_prob": 0.0}
ARMS = {
    "base": Arm("27 frames, 2 to 6 apart at 50 a second; 4 layers of width 192"),
    "placeless": Arm("no learned positions", dress=placeless),
    "rotary": Arm("rotary attention: how far apart frames are", {"rotary": True}),
    "stature": Arm("output in any unit, metres from the stature", dress=becoming(ScaledNetwork)),
    "bare": Arm("output not added to the flat pose", dress=becoming(BareNetwork)),
    "dense": Arm("27 frames in a row", config={"frame_step": (1, 1)}),
    "nine": _clips("9 frames, 6 to 18 apart", 9, (6, 18), 192),
    "five": _clips("5 frames, 11 to 33 apart", 5, (11, 33), 346),
    "three": _clips("3 frames, 18 to 54 apart", 3, (18, 54), 576),
    "long": _clips("81 frames, 1 or 2 apart", 81, (1, 2), 21),
    "sparser": Arm("27 frames, 4 to 12 apart: four seconds", config={"frame_step": (4, 12)}),
    "longest": Arm("81 frames, 2 to 6 apart: six seconds", {"frames": 81}, {"batch_size": 21}),
    "box": Arm("each frame about its box, no virtual camera", around=by_box),
    "bias": Arm("confidence as attention's bias, no input", dress=confidence_bias),
    "blind": Arm("no confidence", dress=becoming(BlindNetwork)),
    "wide": Arm("2 layers of width 272", {"layers": 2, "width": 272}),
    "deep": Arm("8 layers of width 136", {"layers": 8, "width": 136}),
    "plain": Arm("no grafts, no tilts, sequences by length alone", config=PLAIN),
    "nine hot": _clips("9 frames, 6 to 18 apart; twice the rate", 9, (6, 18), 192, lr=4e-3),
    "nine rotary": Arm(
        "9 frames, 6 to 18 apart; rotary attention",
        {"frames": 9, "rotary": True},
        {"frame_step": (6, 18), "batch_size": 192},
    ),
    "hot": Arm("twice the rate", config={"lr": 4e-3}),
    "adamw": Arm("AdamW in Muon's place", config={"optimizer": "adamw"}),
}


def config_of(arm: Arm, steps: int, seed: int) -> TrainConfig:
    """Return the configuration of an arm."""
    how = {
        "network": replace(BASE, **arm.network),
        "steps": steps,
        "batch_size": 64,
        "grad_accum_steps": 1,
        "frame_step": (2, 6),
        "warmup": 50,
        "lr": 2e-3,
        "cooldown": 0.5,
        "ema_decay": 0.99,
        "limb_swap_prob": 0.25,
        "velocity_weight": 0.5,
        "seed": seed,
        "checkpoint_selection": "last",
    }
    return replace(PRESETS["open"], **how | arm.config)


def measure(name: str, steps: int, seed: int, data: Path, out: Path) -> dict[str, Any]:
    """Train and score an arm."""
    arm = ARMS[name]
    config, folder = config_of(arm, steps, seed), out / f"{name}_{seed}"

    def build(config: TrainConfig) -> nn.Module:
        model = build_or_load_model(config)
        arm.dress(model)
        return model

    with arm.around():
        start = time.process_time()
        hardware = HardwareConfig(device="cpu", tracker="none")
        train(config, data, folder, hardware, build=build)
        minutes = (time.process_time() - start) / 60
        lifter = Lifter(folder / "weights", "cpu", flip=False)
        arm.dress(lifter.model)
        lifter._network = lifter.model
        scores = {kind: score(lifter, data, noisy=kind == "noisy") for kind in ("clean", "noisy")}
    size = sum(p.numel() for p in lifter.model.parameters())
    frames = steps * config.batch_size * config.network.frames
    about = {"arm": name, "seed": seed, "frames": frames, "parameters": size, "minutes": minutes}
    return about | scores


def score(lifter: Lifter, data: Path, *, noisy: bool) -> float:
    """Return N-MPJPE in mm, mean over frames of the validation people, one camera each."""
    errors = []
    for view in generate_benchmark_motions(
        load_mocap(data, "val"), noisy=noisy, max_frames=400, seed=SEED
    ):
        assert view.detected.focal is not None
        pose = lifter.predict_rigid(
            view.detected, height=STANDARD_HEIGHT, focal=view.detected.focal
        )
        errors.append(1000 * n_mpjpe(pose, view.truth))
    return float(np.concatenate(errors).mean())


def table(rows: list[dict[str, Any]]) -> str:
    """Return a table of all arms; gains in standard deviations of the base over three seeds."""
    base = np.array([[row["clean"], row["noisy"]] for row in rows if row["arm"] == "base"])
    middle = base.mean(axis=0)
    spread = base.std(axis=0, ddof=1) if len(base) > 2 else np.full(2, np.nan)
    lines = ["| arm | change | k parameters | minutes | clean | noisy | better than base by |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        scores = np.array([row["clean"], row["noisy"]])
        gain = (middle - scores) / spread
        better = " / ".join(f"{g:+.1f} sd" for g in gain) if row["arm"] != "base" else ""
        lines.append(
            f"| {row['arm']} | {ARMS[row['arm']].about} | {row['parameters'] / 1000:.0f} "
            f"| {row['minutes']:.0f} | {scores[0]:.1f} | {scores[1]:.1f} | {better} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("arms", nargs="*")
    parser.add_argument("--steps", type=int, default=602)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    log = args.out / "arms.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    rows = [json.loads(line) for line in lines]
    for name in [] if args.table else args.arms or list(ARMS):
        if any((row["arm"], row["seed"]) == (name, args.seed) for row in rows):
            continue
        rows.append(measure(name, args.steps, args.seed, args.data, args.out))
        with log.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(rows[-1], flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
