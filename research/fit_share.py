"""Fit the share of the correction that counts, of a `WholeBody` network, to kept features.

    python -m research.fit_share WEIGHTS OUT --data MOCAP.npz SPLIT WEIGHT [--data ...]

Training learns the share slowly, and on people that the networks know: there the body errs less
than on others, so too little of the correction counts. Here only the share is fitted, to the
N-MPJPE of clips of motion capture, 17 joints, with exact 2D, noisy 2D and noisy 2D with confidence
1. The loss is the mean over the groups of people named by --data, by WEIGHT; people that neither
network was trained on belong among them. All else stays to the bit.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tcpformer.datasets.mocap import load_mocap
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_clips
from tcpformer.models.checkpoint import load_weights, save_model
from tcpformer.models.layers import JOINTS
from tcpformer.models.whole_body import WholeBody

SEED, PASS = 777, 16
"""Of the clips; clips that the network lifts at once."""
RATE, STEPS = 0.03, 300
"""Learning rate of Adam and number of its steps, each on all clips."""


class Clips(NamedTuple):
    """What the share is fitted to: clips of one group of people and one kind of 2D."""

    features: Float[Tensor, "b r"]
    """Their mean over a clip."""
    body: Float[Tensor, "b t j 3"]
    """Answer of the body's network, in metres."""
    correction: Float[Tensor, "b t j 3"]
    true: Float[Tensor, "b t j 3"]


def read_clips(model: WholeBody, xyc: Tensor, flat: Tensor, true: Tensor) -> Clips:
    """Run the network on clips, and keep what does not depend on the share."""
    parts = []
    with torch.no_grad():
        for some in xyc.split(PASS):
            features = model.represent(some)
            body = features[:, :, :JOINTS, : model.of_body]
            correction = model.correct(features[:, :, :JOINTS])
            parts.append((features.mean(dim=(1, 2)), model.body.head(body), correction))
    features, body, correction = (torch.cat(part) for part in zip(*parts, strict=True))
    return Clips(features, flat[:, :, :JOINTS] + body, correction, true[:, :, :JOINTS])


def make_clips(
    model: WholeBody, data: Path, split: str, frame_step: int, count: int
) -> dict[str, Clips]:
    """Return clips of the people of a split, by kind of 2D."""
    mocap = load_mocap(data, split, by_activity=True)
    batch = next(
        generate_benchmark_clips(
            mocap,
            frames=model.config.frames,
            frame_step=(frame_step, frame_step),
            seed=SEED,
            first=0,
            batch=count,
        )
    )
    xyc, flat, true = map(torch.from_numpy, (batch.xyc, batch.flat, batch.xyz))
    exact = (xyc[:, :, :JOINTS, 2] == 1).flatten(1).all(dim=1)
    if exact.all() or not exact.any():
        raise SystemExit(f"{data}: give more --clips, so that some are exact and some are not.")
    sure = xyc[~exact].clone()
    sure[..., 2] = (sure[..., 2] > 0).to(sure.dtype)
    return {
        "exact": read_clips(model, xyc[exact], flat[exact], true[exact]),
        "noisy": read_clips(model, xyc[~exact], flat[~exact], true[~exact]),
        "confidence 1": read_clips(model, sure, flat[~exact], true[~exact]),
    }


def errors(clips: Clips, share: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Return the N-MPJPE of each clip, millimetres, with one best scale for a clip."""
    pred = clips.body + share[:, None, None, None] * clips.correction
    pred, true = pred - pred[:, :, :1], clips.true - clips.true[:, :, :1]
    with torch.no_grad():
        scale = (pred * true).sum(dim=(1, 2, 3)) / (pred * pred).sum(dim=(1, 2, 3))
    return 1000 * (scale[:, None, None, None] * pred - true).norm(dim=-1).mean(dim=(1, 2))


def fit(groups: list[tuple[float, dict[str, Clips]]], penalty: float) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the share for features as they are.

    Args:
        groups: For each group of people, its part in the loss and its clips.
        penalty: Of the squared weights, with features of standard deviation 1.
    """
    every = torch.cat([clips.features for _, kinds in groups for clips in kinds.values()])
    mean, std = every.mean(dim=0), every.std(dim=0) + 1e-3
    weight = torch.zeros(len(mean), requires_grad=True)
    bias = torch.tensor(-1.0, requires_grad=True)
    whole = sum(part * len(kinds) for part, kinds in groups)
    optimizer = torch.optim.Adam([weight, bias], lr=RATE)
    for _ in range(STEPS):
        loss = penalty * (weight**2).sum()
        for part, kinds in groups:
            for clips in kinds.values():
                share = (((clips.features - mean) / std) @ weight + bias).sigmoid()
                loss = loss + part / whole * errors(clips, share).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weight = (weight / std).detach()
    return weight, bias.detach() - mean @ weight


def main(arguments: list[str] | None = None) -> None:
    """Fit, print the errors before and after, and write the weights."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--data", nargs=3, action="append", required=True, metavar=("MOCAP", "SPLIT", "WEIGHT")
    )
    parser.add_argument("--clips", type=int, default=480)
    parser.add_argument("--penalty", type=float, default=0.03)
    args = parser.parse_args(arguments)
    loaded = load_weights(args.weights)
    model, spec = loaded.model.eval(), loaded.spec
    if not isinstance(model, WholeBody) or spec is None:
        raise SystemExit(f"{args.weights}: expected weights of a `WholeBody`, with their clips.")
    groups = [
        (float(part), make_clips(model, Path(path), split, spec.frame_step, args.clips))
        for path, split, part in args.data
    ]
    show(model, args.data, groups, "before")
    weight, bias = fit(groups, args.penalty)
    with torch.no_grad():
        model.share.weight.copy_(weight[None])
        model.share.bias.copy_(bias)
    show(model, args.data, groups, "after")
    save_model(model, args.out, spec=spec)


def show(
    model: WholeBody,
    names: list[list[str]],
    groups: list[tuple[float, dict[str, Clips]]],
    when: str,
) -> None:
    """Print the N-MPJPE and the mean share of each group and kind."""
    for (path, split, _), (_, kinds) in zip(names, groups, strict=True):
        cells = []
        for kind, clips in kinds.items():
            with torch.no_grad():
                share = model.share(clips.features)[:, 0].sigmoid()
            cells.append(f"{kind} {errors(clips, share).mean():.1f} mm, share {share.mean():.2f}")
        print(f"{when}: {path} {split}: {'; '.join(cells)}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
