"""PoseFormerV2: equal to the released code; its transform, kept frames and dropped branches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from baselines import HINTS, checkpoint, golden, untouched

from tcpformer.models.checkpoint import load_model
from tcpformer.models.poseformerv2 import (
    PRESETS,
    Config,
    FrequencyMlp,
    MixedBlock,
    PoseFormerV2,
    Residual,
    cosines,
)

COUNTS = {27: 14_355_739, 81: 14_362_279, 243: 14_381_899}
TINY = Config(frames=9, kept_frames=3, kept_coefficients=5, depth=2, width=4, heads=2)


@pytest.fixture
def released(tmp_path: Path) -> PoseFormerV2:
    return load_model(checkpoint("poseformerv2", tmp_path), **HINTS["poseformerv2"])


def noisy(model: PoseFormerV2) -> PoseFormerV2:
    """Move every parameter away from the 0 or 1 that it starts at."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def test_forward_equals_released_code(released: PoseFormerV2) -> None:
    arrays = golden("poseformerv2")[1]
    with torch.inference_mode():
        torch.testing.assert_close(released(arrays["input"]), arrays["output"], atol=5e-6, rtol=0)


def test_forward_is_the_same_in_training_on_cpu(released: PoseFormerV2) -> None:
    """Training on a CPU forms the attention maps."""
    arrays = golden("poseformerv2")[1]
    torch.testing.assert_close(released(arrays["input"]), arrays["output"], atol=5e-6, rtol=0)


@pytest.mark.parametrize("frames", PRESETS)
def test_parameter_count_is_published(frames: int) -> None:
    with torch.device("meta"):
        model = PoseFormerV2(PRESETS[frames])
    assert sum(p.numel() for p in model.parameters()) == COUNTS[frames]


def test_backward_reaches_every_parameter() -> None:
    model = noisy(PoseFormerV2(TINY)).eval()
    model(torch.randn(4, 9, 17, 2)).square().sum().backward()
    assert not untouched(model)


def sublayers() -> list[str]:
    kinds = (Residual, MixedBlock)
    return [name for name, part in PoseFormerV2(TINY).named_modules() if isinstance(part, kinds)]


@pytest.mark.parametrize("name", sublayers())
def test_forward_depends_on_every_sublayer(
    released: PoseFormerV2, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = golden("poseformerv2")[1]
    monkeypatch.setattr(released.get_submodule(name), "forward", lambda x: x)
    with torch.inference_mode():
        assert (released(arrays["input"]) - arrays["output"]).abs().max() > 1e-4


# The cosine transform


@pytest.mark.parametrize("n", [1, 2, 3, 9, 243])
def test_cosines_is_the_dct_of_type_two(n: int, rng: np.random.Generator) -> None:
    x = rng.normal(size=(n, 5)).astype(np.float32)
    wanted = np.asarray(scipy.fft.dct(x.astype(np.float64), type=2, axis=0))
    np.testing.assert_allclose(cosines(n).numpy() @ x, wanted, atol=1e-4)


@pytest.mark.parametrize("n", [1, 3, 27])
def test_frequency_mlp_inverts_its_transform(n: int) -> None:
    mlp = FrequencyMlp(8, n)
    torch.testing.assert_close(mlp.from_cosines @ mlp.to_cosines, torch.eye(n), atol=1e-6, rtol=0)


def test_state_dict_holds_no_constants() -> None:
    assert not [key for key in PoseFormerV2(TINY).state_dict() if "cosines" in key]


@torch.inference_mode()
def test_forward_reads_far_frames_through_low_cosines() -> None:
    """A movement made of higher cosines, added to them, changes nothing."""
    config = Config(frames=27, kept_frames=3, kept_coefficients=5, depth=1, width=4, heads=2)
    model = noisy(PoseFormerV2(config)).eval()
    x = torch.randn(2, 27, 17, 2)
    basis = torch.cat([cosines(27)[:5], torch.eye(27)[12:15]]).double()
    unseen = torch.linalg.svd(basis).Vh[-1].float()[:, None, None]
    assert unseen.abs().max() > 0.1
    torch.testing.assert_close(model(x + unseen), model(x), atol=1e-5, rtol=0)
    shifted = model(x + unseen.roll(1, dims=0))
    assert (shifted - model(x)).abs().max() > 1e-3


# Training


def test_residual_drops_branches_per_clip_in_training() -> None:
    torch.manual_seed(0)
    residual = Residual(6, torch.nn.Linear(6, 6), drop=0.25)
    x = torch.randn(1, 3, 6).expand(4000, 3, 6)
    with torch.no_grad():
        branch = residual.eval()(x) - x
        trained = residual.train()(x) - x
    left_out = (trained == 0).all(dim=(1, 2))
    assert 0.22 < left_out.float().mean() < 0.28
    torch.testing.assert_close(trained[~left_out], branch[~left_out] / 0.75)


def test_drop_path_grows_with_depth() -> None:
    model = PoseFormerV2(Config(frames=9, kept_frames=1, kept_coefficients=1, drop_path=0.3))
    drops = [p.drop for p in model.mixed_blocks.modules() if isinstance(p, Residual)]
    np.testing.assert_allclose(drops, np.repeat([0.0, 0.1, 0.2, 0.3], 3), atol=1e-12)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"frames": 28}, "must be odd, so that one is the center, got 28"),
        ({"kept_frames": 0}, r"kept_frames must be at least 1 and at most \d+, got 0"),
        ({"kept_frames": 2}, "their sum even, got 2 and 27"),
        ({"kept_frames": 245, "kept_coefficients": 245}, r"at most frames \(243\)"),
        ({"width": 30}, r"heads \(8\) must divide width \(30\)"),
        ({"drop_path": 1.0}, r"drop_path must be in \[0, 1\), got 1.0"),
    ],
)
def test_config_refuses_bad_sizes(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config(**fields)
