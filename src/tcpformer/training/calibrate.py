"""Makes weights say how sure they are: fits a second head to them, and holds it to whole motions.

Two steps, and the network itself is not touched:

1. `fit`: on clips of the people that the network was trained on, a small map from its
   representation learns how large its errors are (the likelihood of Student's t, whose tails are
   heavy: few large errors do not decide).
2. `hold`: people held out are lifted as a user lifts them, whole, by `Lifter` with its chain. A
   straight line per axis, in logs, makes one sigma hold 68.27 % of the errors, the region is as
   large as 90 % of the joints ask, and gaps are made to see how far off bridges are.

Axes: n rows, i inputs of the second head.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..datasets.clip_batch import ClipBatch
from ..datasets.mocap import Mocap, load_mocap
from ..datasets.synthetic.as_filmed import generate_filmed_clips, generate_filmed_motions
from ..datasets.synthetic.benchmark_like import generate_benchmark_clips, generate_benchmark_motions
from ..datasets.synthetic.motions import SyntheticMotion, hide_interval
from ..evaluation.report import Report
from ..lifting.lifter import Lifter
from ..lifting.uncertainty import (
    NON_ROOT,
    REGION_SHARE,
    coverage,
    coverage_factor,
    joint_errors_and_sigma,
    seconds_unseen,
    sigma_distance,
    widen_unseen,
)
from ..models import Network, build
from ..models.checkpoint import Weights
from ..models.hybrid import Config as HybridConfig
from ..models.tcpformer import Config as TCPFormerConfig
from ..models.uncertainty_head import UncertaintyHead, uncertainty_inputs
from ..runtime.device import prepare_for_inference
from ..skeleton import H36M, STANDARD_HEIGHT

FREEDOM = 5.0
"""Of Student's t."""
BATCH, RATE, STEPS = 8192, 3e-3, 500
ROWS_OF_A_CLIP = 64
"""Joints of one clip err alike: that many of them are enough."""
CLIPS_AT_ONCE = 25
SEED = 101
EVERY = 3
"""Frames of a motion err alike: every third is counted."""
SHARES = {"clean": 1, "noisy": 1, "filmed": 4}
"""What each kind of 2D counts: two thirds of all, as people film."""
SOONEST, SLOWEST = 0.05, 10.0
"""Seconds: the shortest and the longest memory. Gaps of more than 4 s are not made to show more."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Effort:
    """How much is drawn; the default takes some minutes of one core for the packaged size."""

    clips: int = 1500
    """Clips of each footage to fit on."""
    motions: int = 60
    """Motions as filmed to calibrate on."""
    most: int = 500
    """Frames after which the other motions are cut off."""
    every: int = 1
    """Only so many of their sequences."""


@dataclass(frozen=True)
class Held:
    """What lifted motions miss, and what was said of it: joints but the pelvis, seen frames.

    Attributes:
        error: Metres, camera axes.
        sigma: What was said.
        free: Seconds of freedom in the bridge over a gap; 0 where somebody was seen.
    """

    error: Float[np.ndarray, "t j 3"]
    sigma: Float[np.ndarray, "t j 3"]
    free: Float[np.ndarray, " t"]

    @classmethod
    def joined(cls, parts: "list[Held]") -> "Held":
        """All frames of several, one after the other."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))


def calibrate(
    weights: Weights,
    data: str | Path,
    effort: Effort = Effort(),
    progress: Progress = lambda done, total: None,
) -> tuple[Weights, dict[str, Held]]:
    """Weights that say how sure they are; a second head that they have is made anew.

    Args:
        weights: Of a TCPFormer, or of whole poses, trained on the split "train" of the same data.
        data: Motion capture with the splits "train" and "val".
        effort: How much is drawn.
        progress: Called with the parts of the work done, and of how many.

    Returns:
        The weights, and what they miss and say of the people held out, by kind of 2D.

    Raises:
        ValueError: If the weights are of another network, or do not answer in metres.
    """
    model = _with_spread(weights)
    parts = 7
    spread = fit(model, load_mocap(data, "train"), _gap_of(weights, data), effort.clips)
    progress(3, parts)
    model.uncertainty = spread
    lifter = Lifter(replace(weights, model=model), "cpu")
    held: dict[str, Held] = {}
    for name, views in _views(load_mocap(data, "val"), effort).items():
        held[name] = lifted(lifter, views)
        progress(3 + len(held), parts)
    spread.prior_std.copy_(torch.from_numpy(wandering(load_mocap(data, "train"))))
    return replace(weights, model=model), hold(spread, held)


def fit(model: Network, mocap: Mocap, gap: int, count: int) -> UncertaintyHead:
    """A second head that knows how large the errors of a network are, clip by clip.

    Args:
        model: The network; it stays as it is.
        mocap: People that it was trained on.
        gap: Frames of the capture from one frame of a clip to the next.
        count: Clips of each footage.
    """
    torch.manual_seed(SEED)
    spread = UncertaintyHead(model.head.in_features, len(H36M.joints))
    x, error = _errors(model, mocap, gap, count)
    optimizer = torch.optim.AdamW(spread.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        rows = torch.randint(0, len(x), (BATCH,))
        loss = unlikelihood(error[rows], spread.log_sigma(x[rows].float()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return spread.requires_grad_(False).eval()


def unlikelihood(error: Float[Tensor, "n 3"], log_sigma: Float[Tensor, "n 3"]) -> Float[Tensor, ""]:
    """Minus the log of Student's t, but for a constant, mean over rows and axes."""
    far = (error * (-log_sigma).exp()) ** 2 / FREEDOM
    return (log_sigma + (FREEDOM + 1) / 2 * torch.log1p(far)).mean()


@torch.inference_mode()
def _errors(
    model: Network, mocap: Mocap, gap: int, count: int
) -> tuple[Float[Tensor, "n i"], Float[Tensor, "n 3"]]:
    """What the second head reads of clips of both footages, and what the network misses there."""
    how = {"frames": model.config.frames, "frame_step": (gap, gap), "batch": CLIPS_AT_ONCE}
    network: Any = prepare_for_inference(model, "float32")
    rng = torch.Generator().manual_seed(SEED)
    read, missed = [], []
    for draw in (generate_benchmark_clips, generate_filmed_clips):
        batches = draw(mocap, **how, seed=SEED)
        for _ in range(-(-count // CLIPS_AT_ONCE)):
            batch: ClipBatch = next(batches)
            xyc = torch.from_numpy(batch.xyc)
            features = network.represent(xyc)
            error = torch.from_numpy(batch.xyz - batch.flat) - network.head(features)
            error = error - error[:, :, H36M.root, None]
            some = torch.randint(0, xyc.shape[1] * len(NON_ROOT), (ROWS_OF_A_CLIP,), generator=rng)
            x = uncertainty_inputs(features, xyc)[:, :, NON_ROOT].flatten(1, 2)[:, some]
            read.append(x.flatten(0, 1).half())
            missed.append(error[:, :, NON_ROOT].flatten(1, 2)[:, some].flatten(0, 1))
    return torch.cat(read), torch.cat(missed)


def _views(mocap: Mocap, effort: Effort) -> dict[str, Iterator[SyntheticMotion]]:
    """The people held out, by kind of 2D; in "gaps" each is lost for a while."""
    how = {"most": effort.most, "seed": SEED}
    rng = np.random.default_rng(SEED)
    noisy = generate_benchmark_motions(
        mocap, noisy=True, every=2 * effort.every, max_frames=2 * effort.most, seed=7
    )
    return {
        "clean": generate_benchmark_motions(mocap, noisy=False, every=effort.every, **how),
        "noisy": generate_benchmark_motions(mocap, noisy=True, every=effort.every, **how),
        "filmed": generate_filmed_motions(mocap, count=effort.motions, seed=SEED),
        "gaps": (lost for view in noisy if (lost := hide_interval(view, rng)) is not None),
    }


def lifted(lifter: Lifter, views: Iterator[SyntheticMotion]) -> Held:
    """Lift motions as a user does, everybody taken for 1.70 m tall."""
    parts = []
    for view in views:
        motion = lifter(view.detected, height=STANDARD_HEIGHT, focal=view.detected.focal)
        error, sigma = joint_errors_and_sigma(motion, view.truth)
        free = seconds_unseen(motion.valid, motion.times)
        parts.append(Held(error[::EVERY], sigma[::EVERY], free[::EVERY]))
    return Held.joined(parts)


def hold(spread: UncertaintyHead, held: dict[str, Held]) -> dict[str, Held]:
    """Set the line, the reach and what bridges miss, in place.

    For the line kinds of 2D count by `SHARES`; the region holds its share of each kind, or more.

    Args:
        spread: As fitted, as the motions were lifted; and what joints wander.
        held: What they miss, by kind; of "gaps" the frames bridged count.

    Returns:
        The same, with the sigma that is said from now on.
    """
    kinds = {name: seen_in(held[name]) for name in held if name != "gaps"}
    most = min(len(kind.error) // SHARES[name] for name, kind in kinds.items())
    rng = np.random.default_rng(SEED)
    some = Held.joined([_some(kind, most * SHARES[name], rng) for name, kind in kinds.items()])
    offset, slope = _line(some)
    factor = coverage_factor(some.error, np.exp(offset + slope * np.log(some.sigma)))
    offset = offset + np.log(factor)
    now = {k: replace(h, sigma=np.exp(offset + slope * np.log(h.sigma))) for k, h in held.items()}
    spread.contract.weight *= torch.from_numpy(slope).float()[:, None]
    spread.contract.bias.copy_(torch.from_numpy(offset + slope * spread.contract.bias.numpy()))
    seen = [seen_in(now[name]) for name in kinds]
    off = [sigma_distance(kind.error, kind.sigma) for kind in seen]
    spread.region_scale.fill_(max(float(np.quantile(each, REGION_SHARE)) for each in off))
    far = spread.prior_std.numpy()[NON_ROOT]
    memory = of_bridges(now["gaps"], far, float(spread.region_scale))
    spread.time_constant.fill_(memory)
    return {k: replace(h, sigma=widen_unseen(h.sigma, h.free, far, memory)) for k, h in now.items()}


def _line(held: Held) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Offset and slope, along each axis, of the log of sigma that makes the errors likeliest."""
    error, sigma = (torch.from_numpy(x.reshape(-1, 3)).float() for x in (held.error, held.sigma))
    line = torch.stack([torch.zeros(3), torch.ones(3)]).requires_grad_()
    optimizer = torch.optim.LBFGS([line], max_iter=60)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = unlikelihood(error, line[0] + line[1] * sigma.log())
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[arg-type]
    offset, slope = line.detach().double().numpy()
    return offset, slope


def of_bridges(held: Held, wander: Float[np.ndarray, " j"], reach: float) -> float:
    """How soon joints wander while nobody is seen, in seconds: so that regions hold as they should.

    Args:
        held: Of its bridged frames; sigma as if everything had been seen.
        wander: How far they do, in the end: the joints but the pelvis.
        reach: Of so many sigma the region is made.
    """
    held = _bridged(held)

    def holds(memory: float) -> bool:
        sigma = widen_unseen(held.sigma, held.free, wander, memory)
        return float((sigma_distance(held.error, sigma) < reach).mean()) >= REGION_SHARE

    quick, slow = np.log(SOONEST), np.log(SLOWEST)
    for _ in range(30):
        middle = (quick + slow) / 2
        quick, slow = (middle, slow) if holds(np.exp(middle)) else (quick, middle)
    return SLOWEST if holds(SLOWEST) else float(np.exp(quick))


def wandering(mocap: Mocap) -> Float[np.ndarray, "17"]:
    """How far joints are from where they are on average, seen from the pelvis, along any axis.

    People face all directions; the same left and right; metres.
    """
    bounds = zip(mocap.starts, mocap.starts + mocap.lengths, strict=True)
    pose = mocap.xyz[np.concatenate([np.arange(*bound, 10) for bound in bounds])]
    pose = pose - pose[:, H36M.root, None]
    variance = ((pose[..., :2] ** 2).sum(axis=-1).mean(axis=0) + pose[..., 2].var(axis=0)) / 3
    return np.sqrt((variance + variance[list(H36M.mirror)]) / 2)


def as_kept(model: Network) -> Network:
    """The same in the numbers that its weights were kept in: float16 if that holds them exactly."""
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("uncertainty.")}
    short = all(torch.equal(value.half().float(), value) for value in state.values())
    return model.half() if short else model


def report(weights: Weights, held: dict[str, Held]) -> Report:
    """How honest sigma is on the people that it was calibrated on, by kind of 2D."""
    reach = float(weights.model.uncertainty.region_scale)
    rows = {name: _row(seen_in(each), reach) for name, each in held.items() if name != "gaps"}
    rows["bridges"] = _row(_bridged(held["gaps"]), reach)
    return Report(
        f"{weights.name}, calibrated: the region has half-axes of {reach:.2f} sigma",
        scores={},
        tables={"2D": rows},
        published={},
        notes=("Honest is: 68.3 % within one sigma along each axis of the camera, 90 % in it.",),
    )


def _row(held: Held, reach: float) -> dict[str, float]:
    return {"frames": float(len(held.error)), **coverage(held.error, held.sigma, reach)}


def _bridged(held: Held) -> Held:
    return Held(*(x[held.free > 0] for x in vars(held).values()))


def seen_in(held: Held) -> Held:
    """The frames in which somebody was seen."""
    return Held(*(x[held.free == 0] for x in vars(held).values()))


def _some(held: Held, count: int, rng: np.random.Generator) -> Held:
    rows = rng.choice(len(held.error), count, replace=False)
    return Held(*(x[rows] for x in vars(held).values()))


def _with_spread(weights: Weights) -> Network:
    """A copy of the network that has a second head, random."""
    model, convention = weights.model, weights.spec
    config = model.config
    if type(config) is TCPFormerConfig:
        config = HybridConfig.extending(config)
    if not hasattr(config, "uncertainty"):
        kind = type(model).__name__
        raise ValueError(f"expected a TCPFormer, hybrid or PoseTransformer, got {kind}.")
    if convention is None or (convention.normalization, convention.unit) != (
        "centered-camera",
        "metres",
    ):
        raise ValueError(
            f"{weights.name}: expected weights of the rule 'aimed' that answer in metres, as "
            f"`tcpformer train open` makes them, got {convention}."
        )
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("uncertainty.")}
    result = build(replace(config, uncertainty=True))
    result.load_state_dict(state, strict=False)
    return result.eval().requires_grad_(False)


def _gap_of(weights: Weights, data: str | Path) -> int:
    """Frames of the capture from one frame of a clip to the next."""
    assert weights.spec is not None
    fps = load_mocap(data, "train").fps
    return max(1, round(weights.spec.frame_step * fps / weights.spec.fps))
