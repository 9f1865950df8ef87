"""Speed on a GPU: attention, training steps of the packaged network, and lifting.

usage: python benchmarks/gpu.py [--clips 256] [--times 10]

Prints milliseconds: of attention's forward and backward pass at the network's two shapes, of whole
training steps, and of lifting batches of clips. "launched" is the processor time until a step is
queued; where it equals the step, the GPU waits. Without a GPU everything runs on the CPU.
"""

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch.nn import functional as F

from tcpformer.models import joints_of
from tcpformer.models.checkpoint import load_model
from tcpformer.models.layers import JOINTS
from tcpformer.runtime.device import prepare_for_inference
from tcpformer.training.hardware import HardwareConfig, wrap_layers
from tcpformer.training.losses import Objective
from tcpformer.training.optim import optimizer_for, update_average
from tcpformer.training.presets import PRESETS
from tcpformer.training.train import build_or_load_model

CONFIG = PRESETS["open"]
FRAMES, HEADS = CONFIG.network.frames, CONFIG.network.heads
CHANNELS = CONFIG.network.width // HEADS
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WARM_UP = 3


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--times", type=int, default=10, help="repetitions that are averaged")
    args = parser.parse_args(arguments)
    clips, measure = args.clips, partial(timed, times=args.times)
    torch.set_float32_matmul_precision("high")
    print(f"{DEVICE}, {clips} clips of {FRAMES} frames")
    forms = {"fused": F.scaled_dot_product_attention, "unfused": unfused_attention}
    for rows, places in ((clips * JOINTS, FRAMES), (clips * FRAMES, JOINTS)):
        for name, form in forms.items():
            whole, _ = measure(partial(attend, form, (rows, HEADS, places, CHANNELS)))
            print(f"attention over {places}, {name}: {whole:.2f} ms")
    for compiled in (False, True) if DEVICE == "cuda" else (False,):
        for half in (False, True):
            whole, launched = measure(training_step(clips, compiled, half))
            print(
                f"{'compiled' if compiled else 'eager'}, {'bf16' if half else 'tf32'}: "
                f"{whole:.0f} ms, {clips / whole * 1e3:.0f} clips/s, launched in {launched:.0f} ms"
            )
    for name in ("default", "fast"):
        whole, _ = measure(lifting(name, clips))
        print(f"lifting with {name}: {whole:.0f} ms, {clips / whole * 1e3:.0f} clips/s")


def attend(form: Callable[..., torch.Tensor], shape: tuple[int, ...]) -> None:
    parts = [torch.randn(shape, device=DEVICE, requires_grad=True) for _ in range(3)]
    form(*parts).sum().backward()


def unfused_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return (q * q.shape[-1] ** -0.5 @ k.mT).softmax(dim=-1) @ v


def training_step(clips: int, compiled: bool, half: bool) -> Callable[[], None]:
    """Return everything that a training step does after its clips are loaded."""
    model = build_or_load_model(CONFIG).to(DEVICE)
    wrap_layers(model, HardwareConfig(compile=compiled))
    mean, objective = deepcopy(model), Objective(model, CONFIG)
    optimizer = optimizer_for(model, CONFIG)
    x = torch.rand(clips, FRAMES, JOINTS, 3, device=DEVICE)

    def step() -> None:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=half):
            loss = objective(x, x, x.flip(0))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CONFIG.grad_clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        update_average(mean, model, CONFIG.ema_decay)

    return step


def lifting(weights: str, clips: int) -> Callable[[], None]:
    """Return the forward pass of packaged weights on a batch of clips."""
    model = load_model(weights, device=DEVICE)
    network = prepare_for_inference(model, "float32")
    x = torch.rand(clips, model.config.frames, joints_of(model.config), 3, device=DEVICE)

    def lift() -> None:
        with torch.inference_mode():
            network(x)

    return lift


def timed(do: Callable[[], None], times: int) -> tuple[float, float]:
    """Measure milliseconds of one call of several in a row, and until one alone is launched."""
    wait = torch.cuda.synchronize if DEVICE == "cuda" else (lambda: None)
    for _ in range(min(WARM_UP, times)):
        do()
    wait()
    start = time.perf_counter()
    do()
    launched = time.perf_counter() - start
    wait()
    start = time.perf_counter()
    for _ in range(times):
        do()
    wait()
    return (time.perf_counter() - start) / times * 1e3, launched * 1e3


if __name__ == "__main__":
    main()
