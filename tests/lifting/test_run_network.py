"""Networks that lift the centre frame of a clip: every frame gets its own, and is lifted alike."""

from dataclasses import replace
from pathlib import Path
from threading import Barrier
from time import sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from baselines import HINTS, checkpoint
from lifters import SPECS, lifter, network, seen
from motions import FOCAL, walk

from tcpformer.lifting.lifter import Lifter
from tcpformer.lifting.normalize import to_screen
from tcpformer.lifting.run_network import run_network
from tcpformer.models import Network, build
from tcpformer.models.checkpoint import load_weights
from tcpformer.models.poseformerv2 import Config as PoseFormerV2Config
from tcpformer.models.strided_transformer import Config as StridedTransformerConfig
from tcpformer.skeleton import H36M
from tcpformer.weights import WeightsSpec

FRAMES = 9
CONFIGS = {
    "poseformerv2": PoseFormerV2Config(
        frames=FRAMES, kept_frames=3, kept_coefficients=3, depth=1, width=4, heads=2
    ),
    "strided": StridedTransformerConfig(
        frames=FRAMES, strides=(3, 3), depth=1, width=8, hidden=8, heads=2, inputs=3
    ),
}


def centre_network(name: str) -> Network:
    """Random, and far from silent."""
    torch.manual_seed(0)
    model = build(CONFIGS[name])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("spacing", [1, 3])
@pytest.mark.parametrize("length", [1, 5, 20])
def test_predict_center_network_equals_windows_by_hand(
    tmp_path: Path, name: str, spacing: int, length: int
) -> None:
    model, person = centre_network(name), seen(walk(length))
    convention = WeightsSpec(normalization="screen", fps=30.0, frame_step=spacing)
    lift = lifter(tmp_path, convention, model=model, flip=False)
    confidence = np.random.default_rng(0).uniform(0.5, 1, (length, 17))
    person = replace(person, confidence=confidence)
    xyc = np.concatenate([to_screen(person.xy, person.size), confidence[..., None]], axis=-1)
    for frame, pose in enumerate(lift.predict(person, FOCAL)):
        window = np.clip(frame + spacing * np.arange(-4, 5), 0, length - 1)
        x = torch.from_numpy(xyc[window][None, ..., : model.config.inputs]).float()
        with torch.inference_mode():
            wanted = model(x)[0, 0].numpy()
        np.testing.assert_allclose(pose, wanted - wanted[0], atol=2e-5)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("convention", SPECS)
def test_predict_is_independent_of_clips_in_memory(
    tmp_path: Path, name: str, convention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lift = lifter(tmp_path, SPECS[convention], model=centre_network(name))
    person = seen(walk(40))
    whole = lift(person).xyz
    assert whole.shape == (40, 17, 3)
    assert np.isfinite(whole).all()
    monkeypatch.setattr("tcpformer.lifting.lifter.CLIPS_IN_MEMORY", 7)
    np.testing.assert_allclose(lift(person).xyz, whole, atol=1e-5)


def test_run_network_joins_batches_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the batches that are computed side by side ends last."""
    monkeypatch.setattr("tcpformer.lifting.run_network.CLIPS_AT_ONCE", 2)
    clips = np.random.default_rng(0).normal(size=(7, 5, 17, 3)).astype(np.float32)
    together = Barrier(4, timeout=20)

    def answer(x: np.ndarray) -> np.ndarray:
        if model.workers > 1:
            together.wait()
            sleep(0.05 if np.array_equal(x, clips[:2]) else 0)
        return 2 * x

    model = SimpleNamespace(answer=answer, workers=4, config=SimpleNamespace(inputs=3))
    for workers in (4, 1):
        model.workers = workers
        found = run_network(model, clips, H36M.mirror, flip=False)
        np.testing.assert_array_equal(found, 2 * clips)


@pytest.mark.parametrize("name", CONFIGS)
def test_predict_center_network_mirror_image(tmp_path: Path, name: str) -> None:
    person, swap = seen(walk(20)), list(H36M.mirror)
    image = replace(person, xy=person.xy[:, swap] * [-1, 1] + [person.size[0], 0])
    apart = {}
    for flip in (True, False):
        lift = lifter(tmp_path, model=centre_network(name), flip=flip)
        direct = lift.predict(person, FOCAL)
        through = lift.predict(image, FOCAL)[:, swap] * [-1, 1, 1]
        apart[flip] = np.abs(direct - through).max() / np.ptp(direct)
    assert apart[True] < 5e-6
    assert apart[False] > 1e-2


@pytest.mark.parametrize("name", HINTS)
def test_released_baseline_lifts_with_its_protocol(tmp_path: Path, name: str) -> None:
    """Hints are given when loading; the protocol as for every released checkpoint."""
    weights = load_weights(checkpoint(name, tmp_path), **HINTS[name])
    with pytest.raises(ValueError, match=r"released\.bin sha256:\w+ does not tell"):
        Lifter(weights, "cpu")
    lift = Lifter(weights, "cpu", checkpoint_protocol="h36m-cpn")
    assert lift.spec == WeightsSpec(skeleton="h36m-nose", normalization="screen")
    assert np.isfinite(lift(seen(walk(30))).xyz).all()


def test_lifter_of_loaded_weights_equals_lifter_of_path(tmp_path: Path) -> None:
    lift, person = lifter(tmp_path), seen(walk(12))
    weights = load_weights(tmp_path)
    again = Lifter(weights, "cpu")
    assert again.name == lift.name
    np.testing.assert_array_equal(again(person).xyz, lift(person).xyz)


# predict


def models() -> dict[str, Network]:
    return {"tcpformer": network().eval()} | {name: centre_network(name) for name in CONFIGS}


@pytest.mark.parametrize("name", models())
@pytest.mark.parametrize("flip", [False, True])
def test_run_network_averages_with_mirror_image(
    name: str, flip: bool, rng: np.random.Generator
) -> None:
    model, swap, negate = models()[name], list(H36M.mirror), np.array([-1.0, 1.0, 1.0])
    inputs: Any = getattr(model.config, "inputs", 3)
    xyc = rng.normal(size=(3, FRAMES, 17, 3))

    def direct(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(x[..., :inputs]).float()).numpy()

    wanted = direct(xyc)
    if flip:
        mirrored = direct(xyc[:, :, swap] * negate)[:, :, swap] * negate
        wanted = (wanted + mirrored) / 2
    given = run_network(model, xyc, H36M.mirror, flip=flip)
    assert given.dtype == np.float32
    assert given.shape == (3, FRAMES if name == "tcpformer" else 1, 17, 3)
    np.testing.assert_allclose(given, wanted, atol=1e-6)


def test_run_network_takes_any_number_of_clips(rng: np.random.Generator) -> None:
    model, xyc = models()["strided"], rng.normal(size=(70, FRAMES, 17, 3)).astype(np.float32)
    whole = run_network(model, xyc, H36M.mirror, flip=True)
    parts = [run_network(model, xyc[i : i + 1], H36M.mirror, flip=True) for i in range(70)]
    np.testing.assert_allclose(whole, np.concatenate(parts), atol=1e-5)
