"""Calibration: add an uncertainty head to trained weights; their poses stay the same to the bit.

1. `fit_head`: on clips of the people that the network was trained on, a small map from its
   representation learns the size of its errors, by the likelihood of Student's t, whose heavy tails
   keep few large errors from deciding.
2. `scale_head`: held-out people are lifted as users lift them, by `Lifter` with post-processing. A
   line per axis, in logs, makes one sigma hold 68.27 % of the errors; the region is scaled to hold
   90 % of the joints; hidden intervals show how fast sigma must grow while a person is unseen.

Axes: n rows, i inputs of the head, t frame, j joint.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
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
from ..models import Network, build, hybrid, joints_of, tcpformer
from ..models.uncertainty_head import BESIDE, UncertaintyHead, uncertainty_inputs
from ..runtime.device import prepare_for_inference
from ..skeleton import BODY, BODY_26, H36M, STANDARD_HEIGHT
from ..weights import Weights

KIND_WEIGHTS = {"clean": 1, "noisy": 1, "filmed": 4}
"""Weight of each kind of 2D in the calibration line; two thirds are like home videos."""


@dataclass(frozen=True, kw_only=True)
class CalibrationConfig:
    """How much data is drawn, and how the head is fitted.

    The defaults take some minutes of one core for the packaged size.
    """

    clips: int = 1500
    """Clips of each camera domain to fit on."""
    motions: int = 60
    """Motions as filmed to calibrate on."""
    max_frames: int = 500
    """Frames after which held-out sequences are cut off."""
    sequence_step: int = 1
    """Use every n-th held-out sequence."""
    frame_step: int = 3
    """Use every n-th frame of a lifted motion: neighbors have similar errors."""
    rows_per_clip: int = 64
    """Joints of one clip have similar errors: this many are enough."""
    clips_per_batch: int = 25
    """Clips that pass the network together."""
    degrees_of_freedom: float = 5.0
    """Of Student's t."""
    batch_size: int = 8192
    """Rows per step of the fit."""
    steps: int = 500
    lr: float = 3e-3
    """Highest learning rate of the fit (one cycle)."""
    weight_decay: float = 1e-3
    time_constants: tuple[float, float] = (0.05, 10.0)
    """Shortest and longest time constant, in seconds. Hidden intervals of at most 4 s cannot show
    longer ones."""
    seed: int = 101


DEFAULT = CalibrationConfig()


@dataclass(frozen=True)
class Residuals:
    """Errors and predicted sigma, metres along camera axes, of the joints but the pelvis."""

    error: Float[np.ndarray, "t j 3"]
    sigma: Float[np.ndarray, "t j 3"]
    unseen: Float[np.ndarray, " t"]
    """Seconds from `seconds_unseen`; 0 where the person is seen."""

    def __getitem__(self, frames: slice | Int[np.ndarray, " n"] | Bool[np.ndarray, " t"]) -> Any:
        return Residuals(*(x[frames] for x in vars(self).values()))

    @property
    def seen(self) -> "Residuals":
        """The frames in which the person is seen."""
        return self[self.unseen == 0]

    @property
    def bridged(self) -> "Residuals":
        """The frames in which the person is not seen."""
        return self[self.unseen > 0]


def calibrate(
    weights: Weights,
    data: str | Path,
    config: CalibrationConfig = DEFAULT,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Weights, dict[str, Residuals]]:
    """Add an uncertainty head to weights, in place of one that they have.

    Args:
        weights: Of a TCPFormer, PoseTransformer or WholeBody, trained on the split "train" of the
            same data.
        data: Motion capture with the splits "train" and "val".
        progress: Called with the parts of the work done, and their number.

    Returns:
        The weights, and errors and sigma of the held-out people, by kind of 2D.

    Raises:
        ValueError: If the weights are of another network, or their output is not in metres.
    """
    parts = 7
    model, mocap = _with_uncertainty(weights), load_mocap(data, "train")
    joints = joints_of(model.config)
    mocap = replace(mocap, xyz=mocap.xyz[:, :joints])
    assert weights.spec is not None
    step = max(1, round(weights.spec.frame_step * mocap.fps / weights.spec.fps))
    head = fit_head(model, mocap, step, config)
    progress(3, parts)
    model.uncertainty = head
    lifter = Lifter(replace(weights, model=model), "cpu")
    residuals: dict[str, Residuals] = {}
    held_out = load_mocap(data, "val")
    held_out = replace(held_out, xyz=held_out.xyz[:, :joints])
    for name, motions in _val_motions(held_out, config).items():
        residuals[name] = measure_residuals(lifter, motions, config.frame_step)
        progress(3 + len(residuals), parts)
    head.prior_std.copy_(torch.from_numpy(pose_std(mocap)))
    return replace(weights, model=model), scale_head(head, residuals, config)


def fit_head(
    model: Network, mocap: Mocap, frame_step: int, config: CalibrationConfig = DEFAULT
) -> UncertaintyHead:
    """Fit a head that predicts the size of a network's errors on clips; the network stays as it is.

    ``mocap`` holds people that it was trained on, ``frame_step`` is the number of frames of the
    capture from one frame of a clip to the next.
    """
    x, error = _clip_errors(model, mocap, frame_step, config)
    torch.manual_seed(config.seed)
    head = UncertaintyHead(x.shape[1] // 2 - BESIDE, joints_of(model.config))
    optimizer = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=config.steps)
    for _ in range(config.steps):
        rows = torch.randint(0, len(x), (config.batch_size,))
        loss = student_t_loss(error[rows], head.log_sigma(x[rows].float()), config)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head.requires_grad_(False).eval()


def student_t_loss(
    error: Float[Tensor, "n 3"],
    log_sigma: Float[Tensor, "n 3"],
    config: CalibrationConfig = DEFAULT,
) -> Float[Tensor, ""]:
    """Compute the negative log likelihood of Student's t but for a constant; mean over all.

    log s + (f + 1) / 2 log(1 + (e / s)^2 / f) for error e, scale s and f degrees of freedom.
    """
    f = config.degrees_of_freedom
    scaled = (error * (-log_sigma).exp()) ** 2 / f
    return (log_sigma + (f + 1) / 2 * torch.log1p(scaled)).mean()


@torch.inference_mode()
def _clip_errors(
    model: Network, mocap: Mocap, frame_step: int, config: CalibrationConfig
) -> tuple[Float[Tensor, "n i"], Float[Tensor, "n 3"]]:
    """Return inputs of the head and errors of the network, on clips of both camera domains."""
    how = {"frames": model.config.frames, "frame_step": (frame_step, frame_step)}
    network: Any = prepare_for_inference(model, "float32")
    rng = torch.Generator().manual_seed(config.seed)
    inputs, errors = [], []
    non_root = [joint for joint in range(joints_of(model.config)) if joint != H36M.root]
    for generate in (generate_benchmark_clips, generate_filmed_clips):
        batches = generate(mocap, **how, batch=config.clips_per_batch, seed=config.seed)
        for _ in range(-(-config.clips // config.clips_per_batch)):
            batch: ClipBatch = next(batches)
            xyc = torch.from_numpy(batch.xyc)
            features = network.represent(xyc)
            error = torch.from_numpy(batch.xyz - batch.flat) - network.head(features)
            error = error - error[:, :, H36M.root, None]
            count = xyc.shape[1] * len(non_root)
            rows = torch.randint(0, count, (config.rows_per_clip,), generator=rng)
            x = uncertainty_inputs(features, xyc)[:, :, non_root].flatten(1, 2)[:, rows]
            inputs.append(x.flatten(0, 1).half())
            errors.append(error[:, :, non_root].flatten(1, 2)[:, rows].flatten(0, 1))
    x, error = torch.cat(inputs), torch.cat(errors)
    known = error.isfinite().all(dim=1)
    return x[known], error[known]


def _val_motions(mocap: Mocap, config: CalibrationConfig) -> dict[str, Iterator[SyntheticMotion]]:
    """Return motions of held-out people by kind of 2D; in "gaps" each is hidden for a while."""
    n, step, seed = config.max_frames, config.sequence_step, config.seed
    rng = np.random.default_rng(seed)
    long = generate_benchmark_motions(mocap, noisy=True, every=2 * step, max_frames=2 * n, seed=7)
    hidden = (hide_interval(motion, rng) for motion in long)
    kinds: dict[str, Iterator[SyntheticMotion]] = {
        name: generate_benchmark_motions(
            mocap, noisy=name == "noisy", every=step, max_frames=n, seed=seed
        )
        for name in ("clean", "noisy")
    }
    return kinds | {
        "filmed": generate_filmed_motions(mocap, count=config.motions, seed=seed),
        "gaps": (motion for motion in hidden if motion is not None),
    }


def measure_residuals(
    lifter: Lifter, motions: Iterator[SyntheticMotion], frame_step: int = 1
) -> Residuals:
    """Lift motions as users do, at the standard height, and measure every n-th frame.

    Feet, hands and face share the line that is calibrated on the joints of the body.
    """
    parts = []
    for synthetic in motions:
        detected = synthetic.detected
        motion = lifter(detected, height=STANDARD_HEIGHT, focal=detected.focal)
        error, sigma = joint_errors_and_sigma(motion, synthetic.truth[:, BODY])
        unseen = seconds_unseen(motion.valid, motion.times)
        parts.append(Residuals(error, sigma, unseen)[::frame_step])
    return _join(parts)


def _join(parts: list[Residuals]) -> Residuals:
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Residuals(*(np.concatenate(column) for column in columns))


def scale_head(
    head: UncertaintyHead, residuals: dict[str, Residuals], config: CalibrationConfig = DEFAULT
) -> dict[str, Residuals]:
    """Set the calibration line, the region and the time constant of a head, in place.

    Kinds of 2D enter the line by `KIND_WEIGHTS`; the region holds its share of each kind, or more.
    The residuals were lifted with the head as fitted, with its `prior_std`; of "gaps" the bridged
    frames count. Returns them with the sigma that the head predicts from now on.
    """
    kinds = {name: residuals[name].seen for name in residuals if name != "gaps"}
    unit = min(len(kind.error) // KIND_WEIGHTS[name] for name, kind in kinds.items())
    rng = np.random.default_rng(config.seed)
    parts = [
        kind[rng.choice(len(kind.error), unit * KIND_WEIGHTS[name], replace=False)]
        for name, kind in kinds.items()
    ]
    sample = _join(parts)
    offset, slope = _fit_line(sample, config)
    factor = coverage_factor(sample.error, np.exp(offset + slope * np.log(sample.sigma)))
    offset = offset + np.log(factor)
    scaled = {
        name: replace(each, sigma=np.exp(offset + slope * np.log(each.sigma)))
        for name, each in residuals.items()
    }
    head.contract.weight *= torch.from_numpy(slope).float()[:, None]
    head.contract.bias.copy_(torch.from_numpy(offset + slope * head.contract.bias.numpy()))
    distances = [sigma_distance(scaled[name].seen.error, scaled[name].seen.sigma) for name in kinds]
    head.region_scale.fill_(max(float(np.quantile(each, REGION_SHARE)) for each in distances))
    prior = head.prior_std.numpy()[NON_ROOT]
    tau = fit_time_constant(scaled["gaps"], prior, float(head.region_scale), config)
    head.time_constant.fill_(tau)
    return {
        name: replace(each, sigma=widen_unseen(each.sigma, each.unseen, prior, tau))
        for name, each in scaled.items()
    }


def _fit_line(
    residuals: Residuals, config: CalibrationConfig
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Fit offset and slope, along each axis, of log sigma by the likelihood of the errors."""
    error, sigma = (
        torch.from_numpy(x.reshape(-1, 3)).float() for x in (residuals.error, residuals.sigma)
    )
    line = torch.stack([torch.zeros(3), torch.ones(3)]).requires_grad_()
    optimizer = torch.optim.LBFGS([line], max_iter=60)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = student_t_loss(error, line[0] + line[1] * sigma.log(), config)
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[arg-type]
    offset, slope = line.detach().double().numpy()
    return offset, slope


def fit_time_constant(
    residuals: Residuals,
    prior_std: Float[np.ndarray, " j"],
    region_scale: float,
    config: CalibrationConfig = DEFAULT,
) -> float:
    """Find the longest time constant, in seconds, with which regions hold their share, by halving.

    Sigma of the residuals is as if every frame had been seen; ``prior_std``, per joint but the
    pelvis, is in metres; ``region_scale``, the half-axes of the region, in sigma.
    """
    bridged = residuals.bridged

    def holds(tau: float) -> bool:
        sigma = widen_unseen(bridged.sigma, bridged.unseen, prior_std, tau)
        return float((sigma_distance(bridged.error, sigma) < region_scale).mean()) >= REGION_SHARE

    longest = config.time_constants[1]
    low, high = np.log(config.time_constants)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(np.exp(middle)) else (low, middle)
    return longest if holds(longest) else float(np.exp(low))


def pose_std(mocap: Mocap) -> Float[np.ndarray, " j"]:
    """Compute the standard deviation of each joint about its mean, relative to the pelvis, metres.

    It is the same along all axes, since people face all directions, and for left and right.
    """
    bounds = zip(mocap.starts, mocap.starts + mocap.lengths, strict=True)
    pose = mocap.xyz[np.concatenate([np.arange(*bound, 10) for bound in bounds])]
    pose = pose - pose[:, H36M.root, None]
    level = np.nanmean((pose[..., :2] ** 2).sum(axis=-1), axis=0)
    variance = (level + np.nanvar(pose[..., 2], axis=0)) / 3
    return np.sqrt((variance + variance[list(BODY_26.mirror[: len(variance)])]) / 2)


def to_saved_precision(model: Network) -> Network:
    """Convert a network to float16 if that holds its weights, but the head's, exactly."""
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("uncertainty.")}
    exact = all(torch.equal(value.half().float(), value) for value in state.values())
    return model.half() if exact else model


def coverage_report(weights: Weights, residuals: dict[str, Residuals]) -> Report:
    """Report the coverage of sigma on the people that it was calibrated on, by kind of 2D."""
    scale = float(weights.model.uncertainty.region_scale)
    kinds = {name: each.seen for name, each in residuals.items() if name != "gaps"}
    kinds["bridges"] = residuals["gaps"].bridged
    rows = {
        name: {"frames": float(len(each.error)), **coverage(each.error, each.sigma, scale)}
        for name, each in kinds.items()
    }
    return Report(
        f"{weights.name}, calibrated: the region has half-axes of {scale:.2f} sigma",
        scores={},
        tables={"2D": rows},
        published={},
        notes=("Ideal: 68.3 % within one sigma along each camera axis, 90 % in the region.",),
    )


def _with_uncertainty(weights: Weights) -> Network:
    """Return a copy of the network with a random uncertainty head."""
    config, spec = weights.model.config, weights.spec
    if type(config) is tcpformer.Config:
        config = hybrid.Config.extending(config)
    if not hasattr(config, "uncertainty"):
        kind = type(weights.model).__name__
        raise ValueError(
            f"expected weights of a TCPFormer, PoseTransformer or WholeBody, got {kind}."
        )
    if spec is None or (spec.normalization, spec.unit) != ("centered-camera", "metres"):
        raise ValueError(
            f"{weights.name}: expected weights of normalization 'centered-camera' and unit "
            f"'metres', as `tcpformer train open` makes them, got {spec}."
        )
    state = weights.model.state_dict()
    result = build(replace(config, uncertainty=True))
    own = {k: v for k, v in state.items() if not k.startswith("uncertainty.")}
    result.load_state_dict(own, strict=False)
    return result.eval().requires_grad_(False)
