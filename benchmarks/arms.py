"""What is best, at equal compute: arms, each of which is other than a base in one thing.

usage: python benchmarks/arms.py MOCAP.npz OUT [ARM ...] [--steps 602] [--seed 0]

Trains each arm (all of them, or those named) on about a million frames, judges it on the people
held out, whole motions lifted as users lift them, seen like the open benchmark, exact and noisy,
and adds a line to OUT/arms.jsonl. Arms that stand there are not trained again; `--table` prints it.
The network is that of whole poses, from which the packaged weights have most of what they know.

What an arm changes that is no field of `Config` or `Plan` is done here and nowhere else, by putting
other classes in the place of the network's: what won would become a field.
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
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_motions
from torch import Tensor, nn

from tcpformer.analysis.metrics import n_mpjpe
from tcpformer.datasets.mocap import load_mocap
from tcpformer.lifting.lifter import Lifter
from tcpformer.lifting.normalize import FLAT_SCALE
from tcpformer.models.layers import Attention
from tcpformer.models.pose_transformer import Config, PoseTransformer
from tcpformer.skeleton import H36M, STANDARD_HEIGHT, stature
from tcpformer.training.config import PRESETS, TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.initialize import build_or_load_model
from tcpformer.training.train import train

BASE = Config(frames=27)
SEED = 5
LEAST = 0.05
"""Confidence of which attention makes no more difference."""


class Doubting(Attention):
    """Attention that looks less at frames of little confidence, mean over the joints."""

    sure: Tensor

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(self.qkv(x), "b t 1 (n h d) -> n b h t d", n=3, h=self.heads).unbind()
        bias = self.sure.mean(dim=-1).clamp(min=LEAST).log()[:, None, None]
        y = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2) + bias).softmax(dim=-1) @ v
        return self.proj(rearrange(y, "b h t d -> b t 1 (h d)"))


class DoubtingNetwork(PoseTransformer):
    """Confidence is no input, but a bias of every self-attention over time."""

    def forward(self, xyc: Tensor) -> Tensor:
        for part in self.modules():
            if isinstance(part, Doubting):
                part.sure = xyc[..., 2]
        return super().forward(unsure(xyc))


class BlindNetwork(PoseTransformer):
    """Confidence is not told at all."""

    def forward(self, xyc: Tensor) -> Tensor:
        return super().forward(unsure(xyc))


def unsure(xyc: Tensor) -> Tensor:
    return torch.cat([xyc[..., :2], torch.ones_like(xyc[..., 2:])], dim=-1)


class ScaledNetwork(PoseTransformer):
    """Any unit goes: a clip's pose is made as tall as everybody is taken to be."""

    def forward(self, xyc: Tensor) -> Tensor:
        pose = flat_of(xyc) + super().forward(xyc)
        return pose * (STANDARD_HEIGHT / tall(pose)) - flat_of(xyc)


class BareNetwork(PoseTransformer):
    """Root-relative metres, not what the flat pose lacks."""

    def forward(self, xyc: Tensor) -> Tensor:
        return super().forward(xyc) - flat_of(xyc)


def flat_of(xyc: Tensor) -> Tensor:
    """What a trainer and a lifter add to an answer: `normalize.flat_pose`."""
    xy = FLAT_SCALE * (xyc[..., :2] - xyc[:, :, H36M.root, None, :2])
    return torch.cat([xy, torch.zeros_like(xy[..., :1])], dim=-1)


def tall(pose: Tensor) -> Tensor:
    """`skeleton.stature`, mean over a clip, with a gradient."""
    weight = []
    for joint in range(17):  # what a unit of each bone adds
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


def boxed(rays: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """In the place of `normalize.to_aimed`: frames about their boxes, a clip of size one."""
    low, high = rays.min(axis=-2, keepdims=True), rays.max(axis=-2, keepdims=True)
    about = rays - (low + high) / 2
    size = np.sqrt((about**2).sum(axis=-1).mean(axis=(-2, -1)))
    return about / np.maximum(size, 1e-6)[..., None, None, None]


def unturned(rays: np.ndarray) -> np.ndarray:
    """In the place of `normalize.aim`: the camera's own axes."""
    return np.broadcast_to(np.eye(3), (*rays.shape[:-2], 3, 3))


@contextmanager
def by_box() -> Iterator[None]:
    with ExitStack() as stack:
        for module in ("data.clips", "normalize"):
            stack.enter_context(patch(f"tcpformer.{module}.aim", unturned))
            stack.enter_context(patch(f"tcpformer.{module}.to_aimed", boxed))
        yield


def placeless(model: Any) -> None:
    model.poses.position.requires_grad_(False)  # it starts from 0


def doubting(model: nn.Module) -> None:
    for part in model.modules():
        if type(part) is Attention:
            part.__class__ = Doubting
    model.__class__ = DoubtingNetwork


def blind(model: nn.Module) -> None:
    model.__class__ = BlindNetwork


def bare(model: nn.Module) -> None:
    model.__class__ = BareNetwork


def scaled(model: nn.Module) -> None:
    model.__class__ = ScaledNetwork


@dataclass(frozen=True)
class Arm:
    """One thing that is other than in the base."""

    about: str
    network: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    dress: Callable[[nn.Module], None] = lambda model: None
    around: Callable[[], Any] = ExitStack


PLAIN = {"by_activity": False, "grafts": 0.0, "tilts": 0.0}
ARMS = {
    "base": Arm("27 frames, 2 to 6 apart at 50 a second; 4 layers of width 192"),
    "placeless": Arm("frames do not know their places", dress=placeless),
    "rotary": Arm("rotary attention: how far apart frames are", {"rotary": True}),
    "stature": Arm("output in any unit, metres from the stature", dress=scaled),
    "bare": Arm("output not added to the flat pose", dress=bare),
    "dense": Arm("27 frames in a row", plan={"spacing": (1, 1)}),
    "nine": Arm("9 frames, 6 to 18 apart", {"frames": 9}, {"spacing": (6, 18), "batch": 192}),
    "five": Arm("5 frames, 11 to 33 apart", {"frames": 5}, {"spacing": (11, 33), "batch": 346}),
    "three": Arm("3 frames, 18 to 54 apart", {"frames": 3}, {"spacing": (18, 54), "batch": 576}),
    "long": Arm("81 frames, 1 or 2 apart", {"frames": 81}, {"spacing": (1, 2), "batch": 21}),
    "sparser": Arm("27 frames, 4 to 12 apart: four seconds", plan={"spacing": (4, 12)}),
    "longest": Arm("81 frames, 2 to 6 apart: six seconds", {"frames": 81}, {"batch": 21}),
    "box": Arm("each frame about its box, no virtual camera", around=by_box),
    "bias": Arm("confidence as attention's bias, no input", dress=doubting),
    "blind": Arm("no confidence", dress=blind),
    "wide": Arm("2 layers of width 272", {"layers": 2, "width": 272}),
    "deep": Arm("8 layers of width 136", {"layers": 8, "width": 136}),
    "plain": Arm("no grafts, no tilts, sequences by length alone", plan=PLAIN),
    "nine hot": Arm(
        "9 frames, 6 to 18 apart; twice the rate",
        {"frames": 9},
        {"spacing": (6, 18), "batch": 192, "rate": 4e-3},
    ),
    "nine rotary": Arm(
        "9 frames, 6 to 18 apart; rotary attention",
        {"frames": 9, "rotary": True},
        {"spacing": (6, 18), "batch": 192},
    ),
    "hot": Arm("twice the rate", plan={"rate": 4e-3}),
    "adamw": Arm("AdamW in Muon's place", plan={"optimizer": "adamw"}),
}


def plan_of(arm: Arm, steps: int, seed: int) -> TrainConfig:
    how = {
        "network": replace(BASE, **arm.network),
        "steps": steps,
        "batch": 64,
        "accumulate": 1,
        "spacing": (2, 6),
        "warmup": 50,
        "rate": 2e-3,
        "cooldown": 0.5,
        "average": 0.99,
        "grafts": 0.25,
        "velocity_weight": 0.5,
        "seed": seed,
        "select": "last",
    }
    return replace(PRESETS["open"], **how | arm.plan)


def measured(name: str, steps: int, seed: int, data: Path, out: Path) -> dict[str, Any]:
    """Train an arm and judge it."""
    arm = ARMS[name]
    plan, folder = plan_of(arm, steps, seed), out / f"{name}_{seed}"

    def begun(plan: TrainConfig) -> nn.Module:
        model = build_or_load_model(plan)
        arm.dress(model)
        return model

    with arm.around(), patch("tcpformer.training.train.start", begun):
        begin = time.process_time()
        train(plan, data, folder, HardwareConfig(device="cpu", tracker="none"))
        minutes = (time.process_time() - begin) / 60
        lifter = Lifter(folder / "weights", "cpu", flip=False)
        arm.dress(lifter.model)
        lifter._run = lifter.model  # not the frozen form, which is of the network undressed
        scores = {kind: judged(lifter, data, noisy=kind == "noisy") for kind in ("clean", "noisy")}
    size = sum(p.numel() for p in lifter.model.parameters())
    frames = steps * plan.batch * plan.network.frames
    about = {"arm": name, "seed": seed, "frames": frames, "parameters": size, "minutes": minutes}
    return about | scores


def judged(lifter: Lifter, data: Path, *, noisy: bool) -> float:
    """N-MPJPE in mm, mean over frames, of the people held out, one camera each."""
    errors = []
    for view in generate_benchmark_motions(
        load_mocap(data, "val"), noisy=noisy, max_frames=400, seed=SEED
    ):
        assert view.detected.focal is not None
        pose = lifter.predict_rigid(view.detected, height=STANDARD_HEIGHT, focal=view.detected.focal)
        errors.append(1000 * n_mpjpe(pose, view.truth))
    return float(np.concatenate(errors).mean())


def table(rows: list[dict[str, Any]]) -> str:
    """Every arm against the base: in standard deviations of the base's seeds, if it has three."""
    base = np.array([[row["clean"], row["noisy"]] for row in rows if row["arm"] == "base"])
    middle = base.mean(axis=0)
    spread = base.std(axis=0, ddof=1) if len(base) > 2 else np.full(2, np.nan)
    lines = [
        "| arm | what is other | k parameters | minutes | clean | noisy | better than base by |"
    ]
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


def main() -> None:
    bar = argparse.ArgumentParser(description=__doc__)
    bar.add_argument("data", type=Path)
    bar.add_argument("out", type=Path)
    bar.add_argument("arms", nargs="*")
    bar.add_argument("--steps", type=int, default=602)
    bar.add_argument("--seed", type=int, default=0)
    bar.add_argument("--table", action="store_true", help="print what is there, train nothing")
    args = bar.parse_args()
    torch.set_num_threads(1)
    log = args.out / "arms.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    rows = [json.loads(line) for line in lines]
    for name in [] if args.table else args.arms or list(ARMS):
        if any((row["arm"], row["seed"]) == (name, args.seed) for row in rows):
            continue
        rows.append(measured(name, args.steps, args.seed, args.data, args.out))
        with log.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(rows[-1], flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
