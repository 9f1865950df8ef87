"""A training step of the packaged network on a GPU: attention, precision, compiling, launching.

usage: python benchmarks/training_gpu.py [--clips 256]

Prints milliseconds: of attention's forward and backward pass at the network's two shapes, then of
whole steps. "launched" is what the processor takes to ask for a step; where that is as long as the
step, the GPU waits for it. Without a GPU it says how long the processor itself takes.
"""

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch.nn import functional as F

from tcpformer.models.layers import JOINTS
from tcpformer.training.config import PRESETS
from tcpformer.training.hardware import HardwareConfig, wrap_layers
from tcpformer.training.initialize import build_or_load_model, optimizer_for
from tcpformer.training.train import Objective, follow

PLAN = PRESETS["open"]
FRAMES, HEADS = PLAN.network.frames, PLAN.network.heads
CHANNELS = PLAN.network.width // HEADS
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WARM, TIMES = 3, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=256)
    clips = parser.parse_args().clips
    torch.set_float32_matmul_precision("high")
    print(f"{DEVICE}, {clips} clips of {FRAMES} frames")
    forms = {"fused": F.scaled_dot_product_attention, "formed": formed}
    for rows, places in ((clips * JOINTS, FRAMES), (clips * FRAMES, JOINTS)):
        for name, form in forms.items():
            whole, _ = timed(partial(attend, form, (rows, HEADS, places, CHANNELS)))
            print(f"attention over {places}, {name}: {whole:.2f} ms")
    for compiled in (False, True):
        for half in (False, True):
            whole, launched = timed(step_of(clips, compiled, half))
            print(
                f"{'compiled' if compiled else 'eager'}, {'bf16' if half else 'tf32'}: "
                f"{whole:.0f} ms, {clips / whole * 1e3:.0f} clips/s, launched in {launched:.0f} ms"
            )


def attend(form: Callable[..., torch.Tensor], shape: tuple[int, ...]) -> None:
    parts = [torch.randn(shape, device=DEVICE, requires_grad=True) for _ in range(3)]
    form(*parts).sum().backward()


def formed(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return (q * q.shape[-1] ** -0.5 @ k.mT).softmax(dim=-1) @ v


def step_of(clips: int, compiled: bool, half: bool) -> Callable[[], None]:
    """All that a step does once its clips are there."""
    model = build_or_load_model(PLAN).to(DEVICE)
    wrap_layers(model, HardwareConfig(compile=compiled))
    mean, objective, optimizer = deepcopy(model), Objective(model, PLAN), optimizer_for(model, PLAN)
    x = torch.rand(clips, FRAMES, JOINTS, 3, device=DEVICE)

    def step() -> None:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=half):
            loss = objective(x, x, x.flip(0))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), PLAN.clip_gradient)
        optimizer.step()
        optimizer.zero_grad()
        follow(mean, model, PLAN.average)

    return step


def timed(do: Callable[[], None]) -> tuple[float, float]:
    """Milliseconds of one of several in a row, and until one alone was launched."""
    wait = torch.cuda.synchronize if DEVICE == "cuda" else (lambda: None)
    for _ in range(WARM):
        do()
    wait()
    began = time.perf_counter()
    do()
    launched = time.perf_counter() - began
    wait()
    began = time.perf_counter()
    for _ in range(TIMES):
        do()
    wait()
    return (time.perf_counter() - began) / TIMES * 1e3, launched * 1e3


if __name__ == "__main__":
    main()
