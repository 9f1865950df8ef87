"""Weight surgery: networks of another shape compute the same function."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from trainings import POSEFORMER, same

from research.surgery import (
    add_joint_layers,
    add_layers,
    average_models,
    change_clip_length,
    convert_model,
    extend,
    hang_more,
    join_models,
    main,
)
from tcpformer.models.checkpoint import load_model, save_model
from tcpformer.models.hybrid import Config, HybridTCPFormer
from tcpformer.models.pose_transformer import Config as PosesConfig
from tcpformer.models.pose_transformer import PoseTransformer
from tcpformer.weights import WeightsSpec


def _lively(frames: int, **changes: Any) -> HybridTCPFormer:
    torch.manual_seed(0)
    model = HybridTCPFormer(
        Config(frames=frames, depth=2, width=16, heads=2, representation=16, **changes)
    )
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, 0.5)
    return model.eval()


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("how", ["each", "all"])
@pytest.mark.parametrize("proxy_frames", [None, 4])
@torch.inference_mode()
def test_extend_lifts_repeated_frames_as_before(
    factor: int, how: str, proxy_frames: int | None
) -> None:
    """Whether the proxy is a third of the clip or of a given length."""
    short = _lively(9, proxy_frames=proxy_frames)
    long = extend(short, replace(short.config, frames=9 * factor)).eval()
    x = torch.randn(2, 9, 17, 3)

    def repeat(y: torch.Tensor) -> torch.Tensor:
        tiled = y.repeat(1, factor, 1, 1)
        return y.repeat_interleave(factor, dim=1) if how == "each" else tiled

    torch.testing.assert_close(long(repeat(x)), repeat(short(x)), atol=1e-5, rtol=0)
    assert long.config.frames == 9 * factor
    assert (short(x)[0] - short(x.flip(0))[0]).abs().max() > 0.1  # what goes in does matter


@torch.inference_mode()
def test_extend_to_shorter_clips_keeps_the_proxy() -> None:
    long, x = _lively(27), torch.randn(2, 9, 17, 3)
    for proxy_frames in (9, 18):
        short = extend(long, replace(long.config, frames=9, proxy_frames=proxy_frames)).eval()
        torch.testing.assert_close(short(x), long(x.repeat(1, 3, 1, 1))[:, :9], atol=1e-5, rtol=0)


@pytest.mark.parametrize("frames", [9, 27])
@pytest.mark.parametrize(
    ("field", "value"), [("pose_embedding", True), ("frame_position", True), ("pose_layers", 2)]
)
@torch.inference_mode()
def test_extend_adds_without_effect(frames: int, field: str, value: int) -> None:
    short = _lively(9)
    own = extend(short, replace(short.config, frames=frames, **{field: value})).eval()
    x = torch.randn(2, 9, 17, 3)
    repeated = x.repeat(1, frames // 9, 1, 1)
    torch.testing.assert_close(own(repeated)[:, :9], short(x), atol=1e-5, rtol=0)
    assert getattr(own.config, field)
    assert (extend(own, own.config)(repeated) == own(repeated)).all()
    with pytest.raises(ValueError, match="cannot convert"):
        extend(own, replace(own.config, **{field: type(value)(0)}))


def _poses(seed: int = 1, **changes: Any) -> PoseTransformer:
    torch.manual_seed(seed)
    config = PosesConfig(frames=9, layers=2, width=48, heads=2, channels=16, representation=16)
    return PoseTransformer(replace(config, **changes)).eval()


@pytest.mark.parametrize("rotary", [False, True])
@torch.inference_mode()
def test_join_models_outputs_the_mean(rotary: bool) -> None:
    joints, poses, x = _lively(9), _poses(rotary=rotary), torch.randn(2, 9, 17, 3)
    both = join_models(joints, poses).eval()
    torch.testing.assert_close(both(x), (joints(x) + poses(x)) / 2, atol=1e-5, rtol=0)
    assert both.config == replace(joints.config, pose_layers=2, rotary_poses=rotary)
    third = join_models(joints, poses, 0.3).eval()
    torch.testing.assert_close(third(x), 0.3 * joints(x) + 0.7 * poses(x), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_join_models_replaces_pose_layers() -> None:
    """What the joints say stays, and counts as it did; only they hear other poses."""
    joints, before, after, x = _lively(9), _poses(), _poses(seed=2), torch.randn(2, 9, 17, 3)
    after.head.bias.copy_(before.head.bias)
    both = join_models(joints, before, 0.3).eval()
    same = join_models(both, before, 0.3).eval()
    torch.testing.assert_close(same(x), both(x), atol=1e-6, rtol=0)
    other = join_models(both, after, 0.3).eval()
    torch.testing.assert_close(other(x), join_models(joints, after, 0.3)(x), atol=1e-6, rtol=0)
    assert both.pose_to_joint is not None
    both.pose_to_joint.weight.normal_()
    less = join_models(both, before, 0.15, keep=0.5).eval()
    torch.testing.assert_close(less(x), (both(x) + before(x)) / 2, atol=1e-6, rtol=0)
    deaf, heard = join_models(both, after, 0.3).eval(), join_models(both, before, 0.3).eval()
    assert (heard(x) - both(x)).abs().max() < 1e-6
    assert (deaf(x) - other(x)).abs().max() > 1e-3


@pytest.mark.parametrize("rotary", [False, True])
@torch.inference_mode()
def test_add_joint_layers_keeps_the_function(rotary: bool) -> None:
    poses, x = _poses(rotary=rotary), torch.randn(2, 9, 17, 3)
    config = replace(_lively(9).config, pose_layers=2, rotary_poses=rotary)
    converted = convert_model(poses, config).eval()
    torch.testing.assert_close(converted(x), poses(x), atol=1e-5, rtol=0)
    assert converted.config == config


def test_additions_without_effect_learn() -> None:
    joints = _lively(9)
    for model in (
        extend(joints, replace(joints.config, pose_layers=2)),
        join_models(joints, _poses()),
    ):
        for step in range(2):
            for p in model.parameters():
                p.grad = None
            model(torch.randn(2, 9, 17, 3)).square().mean().backward()
            if step:
                poses: Any = model.poses
                gradient = poses.embed.weight.grad
                assert gradient is not None
                assert gradient.abs().max() > 0
            torch.optim.SGD(model.parameters(), lr=0.1).step()


@pytest.mark.parametrize("change", [{"width": 32}, {"frames": 27}, {"channels": 8}])
def test_join_models_refuses_another_size(change: dict[str, int]) -> None:
    config = replace(_lively(9).config, pose_layers=2)
    with pytest.raises(ValueError, match="expected pose layers that fit"):
        join_models(_lively(9), _poses(**change))
    with pytest.raises(ValueError, match="cannot convert"):
        add_joint_layers(_poses(**change), config)


def test_join_models_refuses_other_pose_layers() -> None:
    both = join_models(_lively(9), _poses())
    with pytest.raises(ValueError, match="expected pose layers that fit"):
        join_models(both, _poses(layers=1))
    with pytest.raises(ValueError, match="cannot convert"):
        add_joint_layers(_poses(), _lively(9).config)


@pytest.mark.parametrize("known", [{"frame_position": True}, {"pose_layers": 1}])
def test_extend_refuses_longer_clips_with_learned_positions(known: dict[str, Any]) -> None:
    short = _lively(9, **known)
    with pytest.raises(ValueError, match="cannot convert"):
        extend(short, replace(short.config, frames=27))


def _alone(poses: nn.Module) -> None:
    """No frame hears of another."""
    for name, parameter in poses.named_parameters():
        if name.endswith(".0.scale.gain"):
            nn.init.zeros_(parameter)


@torch.inference_mode()
def test_change_clip_length_keeps_what_single_frames_compute() -> None:
    """Alone, and beside joints, of clips whose frames are all repeated."""
    short, x = _poses(rotary=True), torch.randn(2, 27, 17, 3)
    _alone(short)
    config = replace(short.config, frames=27)
    long = convert_model(short, config).eval()
    torch.testing.assert_close(long(x)[:, 9:18], short(x[:, 9:18]), atol=1e-6, rtol=0)
    both = _lively(9, pose_layers=2, rotary_poses=True)
    assert both.poses is not None
    _alone(both.poses)
    longer = extend(both, replace(both.config, frames=27)).eval()
    once = x[:, :9]
    thrice = longer(once.repeat(1, 3, 1, 1))
    torch.testing.assert_close(thrice[:, :9], both(once), atol=1e-5, rtol=0)


@pytest.mark.parametrize("change", [{"rotary": False}, {"width": 96, "heads": 4}, {"layers": 3}])
def test_change_clip_length_refuses(change: dict[str, Any]) -> None:
    poses = _poses(rotary=change.get("rotary", True))
    with pytest.raises(ValueError, match="cannot convert"):
        change_clip_length(poses, replace(poses.config, **{"frames": 27} | change))


def test_extend_leaves_the_original_unchanged() -> None:
    short = _lively(9)
    before = {key: value.clone() for key, value in short.state_dict().items()}
    long = extend(short, replace(short.config, frames=27))
    nn.init.zeros_(long.proxy)
    assert all(torch.equal(value, before[key]) for key, value in short.state_dict().items())


@pytest.mark.parametrize(
    "change", [{"frames": 12}, {"frames": 3}, {"width": 32}, {"depth": 1}, {"proxy_frames": 2}]
)
def test_extend_refuses(change: dict[str, int]) -> None:
    short = _lively(9)
    with pytest.raises(ValueError, match="cannot convert"):
        extend(short, replace(short.config, **change))


def test_convert_model_refuses_another_kind_of_network() -> None:
    with pytest.raises(ValueError, match="cannot convert"):
        convert_model(_lively(9), POSEFORMER)


def test_average_models_is_half_way() -> None:
    one, other = _poses(1), _poses(2)
    wanted = {k: (v + other.state_dict()[k]) / 2 for k, v in one.state_dict().items()}
    mean = average_models(one, other).state_dict()
    assert all(torch.equal(mean[k], wanted[k]) for k in wanted)
    with pytest.raises(ValueError, match="of one shape"):
        average_models(one, _poses(layers=1))


def test_main_converts_joins_and_averages(tmp_path: Path) -> None:
    spec = WeightsSpec()
    joints, poses = tmp_path / "joints", tmp_path / "poses"
    save_model(_lively(9), joints, spec=spec)
    save_model(_poses(), poses, spec=spec)
    main(["join", str(joints), str(poses), str(tmp_path / "both"), "--share", "0.3"])
    both = load_model(tmp_path / "both")
    assert same(both, join_models(load_model(joints), load_model(poses), 0.3))
    main(["convert", str(joints), str(tmp_path / "both"), str(tmp_path / "wide")])
    assert load_model(tmp_path / "wide").config == both.config
    main(["mean", str(tmp_path / "both"), str(tmp_path / "wide"), str(tmp_path / "mean")])
    assert load_model(tmp_path / "mean").config == both.config


@pytest.mark.parametrize("layers", [3, 5, 8])
def test_add_layers_computes_almost_the_same(layers: int) -> None:
    """Check that a new layer adds 1e-5 times its answer, and that the old ones are all there."""
    torch.manual_seed(0)
    poses = PoseTransformer(PosesConfig(frames=9, layers=2, width=8, heads=2, channels=4)).eval()
    with torch.no_grad():
        for name, parameter in poses.named_parameters():
            if name.endswith("gain"):
                parameter.fill_(0.5)
    deeper = convert_model(poses, replace(poses.config, layers=layers)).eval()
    x = torch.randn(3, 9, 17, 3)
    with torch.inference_mode():
        torch.testing.assert_close(deeper(x), poses(x), atol=1e-3, rtol=0)
    gains = [float(layer[0].scale.gain[0].detach()) for layer in deeper.poses.layers]  # type: ignore[operator,union-attr]
    assert gains.count(0.5) == 2


def test_add_layers_refuses_another_width() -> None:
    poses = PoseTransformer(PosesConfig(frames=9, layers=1, width=8, heads=2, channels=4))
    with pytest.raises(ValueError, match="cannot convert"):
        add_layers(poses, replace(poses.config, layers=2, width=16))


@pytest.mark.parametrize("head", [False, True])
@torch.inference_mode()
def test_hang_more_lifts_the_body_as_one_network_and_hangs_the_others_as_the_other(
    head: bool,
) -> None:
    """Whether these have an uncertainty head or not."""
    body = HybridTCPFormer(replace(_lively(9, pose_layers=1).config, uncertainty=head)).eval()
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"frames": 9, "layers": 2, "width": 16, "heads": 2, "channels": 8}
    more = PoseTransformer(PosesConfig(**sizes, joints=26, uncertainty=head)).eval()
    whole = hang_more(body, more).eval()
    x = torch.randn(2, 9, 26, 3)
    answer, expected = whole(x), more(x)
    torch.testing.assert_close(answer[:, :, :17], body(x[:, :, :17]))
    parents = list(whole.config.hang_on)
    hung = expected[:, :, 17:] - expected[:, :, parents]
    torch.testing.assert_close(answer[:, :, 17:] - answer[:, :, parents], hung)


def test_hang_writes_a_network_that_training_starts_from(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"frames": 9, "layers": 1, "width": 8, "heads": 2, "channels": 4}
    spec = WeightsSpec(skeleton="body26", fps=50.0, frame_step=12)
    save_model(_lively(9), tmp_path / "body", spec=spec)
    save_model(PoseTransformer(PosesConfig(**sizes, joints=26)), tmp_path / "more", spec=spec)
    main(["hang", *(str(tmp_path / name) for name in ("body", "more", "out"))])
    assert load_model(tmp_path / "out").config.joints == 26
    with pytest.raises(SystemExit, match="expected a pose transformer of 26 joints"):
        main(["hang", *(str(tmp_path / name) for name in ("body", "body", "out"))])
