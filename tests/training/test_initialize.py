"""What a run begins with: network, optimizer, and how layers are worked on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from trainings import HARDWARE, NETWORKS, OWN, STRIDED, TINY, own_folder, run, same

from research.variants import Variant
from tcpformer.models import build
from tcpformer.models.checkpoint import load_model, save_model
from tcpformer.models.pose_transformer import Config as PosesConfig
from tcpformer.models.pose_transformer import PoseTransformer
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.training import hardware as hardware
from tcpformer.training import initialize as begin
from tcpformer.training.config import TrainConfig
from tcpformer.training.initialize import beside, build_or_load_model, grown, with_joints

pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("own"))


@pytest.mark.parametrize("network", NETWORKS)
def test_recomputing_and_compiling_are_by_layer(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All layers of all stacks, each once; nothing that counts batches."""
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda layer: compiled.append(layer))
    model = build(replace(NETWORKS[network], depth=2))
    hardware.wrap_layers(model, replace(HARDWARE, compile=True, activation_checkpointing=True))
    assert len(compiled) == 4
    wrapped = [layer for layer in model.modules() if "forward" in vars(layer)]
    assert wrapped == compiled
    inner = [m for layer in compiled for m in layer.modules()]
    assert len(inner) == len(set(inner))
    assert not [m for m in inner if isinstance(m, nn.BatchNorm1d)]


@pytest.mark.parametrize(
    ("preset", "kind", "decays"),
    [("h36m-81", "AdamW", [0.01]), ("3dhp-9", "Adam", [0]), ("open", "Muon", [0.01, 0.0])],
)
def test_the_optimizer_is_the_planned_one(preset: str, kind: str, decays: list[float]) -> None:
    model = build(TINY)
    optimizer = begin.optimizer_for(model, PRESETS[preset])
    assert type(optimizer).__name__ == kind
    assert [group["weight_decay"] for group in optimizer.param_groups] == decays
    assert all(group.get("amsgrad", False) == (kind == "Adam") for group in optimizer.param_groups)
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in model.parameters()}
    if len(decays) == 2:
        assert all(p.ndim <= 1 for p in optimizer.param_groups[1]["params"])


@pytest.mark.parametrize("name", ["default", "fast"])
def test_packaged_weights_are_gone_on_with(name: str) -> None:
    """They have a second head, which is not trained along; the pose starts as it was."""
    packed = load_model(name)
    network = replace(packed.config, uncertainty=False)
    model = build_or_load_model(replace(PRESETS["open"], network=network, init_from=name)).eval()
    assert not [key for key in model.state_dict() if key.startswith("spread.")]
    x = torch.randn(2, network.frames, 17, 3)
    with torch.inference_mode():
        torch.testing.assert_close(model(x), packed.float()(x))


@pytest.mark.parametrize("pum", ["attention", "mlp"])
def test_a_variant_is_trained_and_never_loaded_as_another_network(
    pum: str, data: Path, tmp_path: Path
) -> None:
    variant = Variant(pum="mlp") if pum == "mlp" else Variant(mixing="0 fixed")
    modules = "pum+pim" if pum == "mlp" else "all"
    config = replace(OWN, network=replace(TINY, modules=modules), variant=variant)
    mean, _ = run(config, data, tmp_path)
    again, _ = run(config, data, tmp_path)
    assert same(mean, again)
    if pum == "mlp":
        with pytest.raises(ValueError, match=r"the keys are not those of .*missing: .*pum"):
            load_model(tmp_path / "weights")
        return
    loaded = load_model(tmp_path / "weights")
    assert {p.item() for n, p in loaded.named_parameters() if n.endswith("trust")} == {0.0}
    x = torch.randn(1, 9, 17, 3)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), mean(x))


# Longer clips


def _lively(frames: int, **changes: Any) -> TCPFormer:
    torch.manual_seed(0)
    model = TCPFormer(
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
def test_longer_lifts_repeated_frames_as_before(
    factor: int, how: str, proxy_frames: int | None
) -> None:
    """Whether the proxy is a third of the clip or of a given length."""
    short = _lively(9, proxy_frames=proxy_frames)
    long = grown(short, replace(short.config, frames=9 * factor)).eval()
    x = torch.randn(2, 9, 17, 3)

    def repeat(y: torch.Tensor) -> torch.Tensor:
        tiled = y.repeat(1, factor, 1, 1)
        return y.repeat_interleave(factor, dim=1) if how == "each" else tiled

    torch.testing.assert_close(long(repeat(x)), repeat(short(x)), atol=1e-5, rtol=0)
    assert long.config.frames == 9 * factor
    assert (short(x)[0] - short(x.flip(0))[0]).abs().max() > 0.1  # what goes in does matter


@torch.inference_mode()
def test_shorter_clips_keep_the_proxy_as_long_as_it_is() -> None:
    long, x = _lively(27), torch.randn(2, 9, 17, 3)
    for proxy_frames in (9, 18):
        short = grown(long, replace(long.config, frames=9, proxy_frames=proxy_frames)).eval()
        torch.testing.assert_close(short(x), long(x.repeat(1, 3, 1, 1))[:, :9], atol=1e-5, rtol=0)


@pytest.mark.parametrize("frames", [9, 27])
@pytest.mark.parametrize(
    ("field", "value"), [("pose_embedding", True), ("frame_position", True), ("pose_layers", 2)]
)
@torch.inference_mode()
def test_what_a_network_gains_starts_without_effect(frames: int, field: str, value: int) -> None:
    short = _lively(9)
    own = grown(short, replace(short.config, frames=frames, **{field: value})).eval()
    x = torch.randn(2, 9, 17, 3)
    repeated = x.repeat(1, frames // 9, 1, 1)
    torch.testing.assert_close(own(repeated)[:, :9], short(x), atol=1e-5, rtol=0)
    assert getattr(own.config, field)
    assert (grown(own, own.config)(repeated) == own(repeated)).all()
    with pytest.raises(ValueError, match="cannot start"):
        grown(own, replace(own.config, **{field: type(value)(0)}))


def _poses(seed: int = 1, **changes: Any) -> PoseTransformer:
    torch.manual_seed(seed)
    config = PosesConfig(frames=9, layers=2, width=48, heads=2, channels=16, representation=16)
    return PoseTransformer(replace(config, **changes)).eval()


@pytest.mark.parametrize("rotary", [False, True])
@torch.inference_mode()
def test_two_networks_side_by_side_answer_with_their_mean(rotary: bool) -> None:
    joints, poses, x = _lively(9), _poses(rotary=rotary), torch.randn(2, 9, 17, 3)
    both = beside(joints, poses).eval()
    torch.testing.assert_close(both(x), (joints(x) + poses(x)) / 2, atol=1e-5, rtol=0)
    assert both.config == replace(joints.config, pose_layers=2, rotary_poses=rotary)
    third = beside(joints, poses, 0.3).eval()
    torch.testing.assert_close(third(x), 0.3 * joints(x) + 0.7 * poses(x), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_whole_poses_take_the_place_of_others() -> None:
    """What the joints say stays, and counts as it did; only they hear other poses."""
    joints, before, after, x = _lively(9), _poses(), _poses(seed=2), torch.randn(2, 9, 17, 3)
    after.head.bias.copy_(before.head.bias)
    both = beside(joints, before, 0.3).eval()
    same = beside(both, before, 0.3).eval()
    torch.testing.assert_close(same(x), both(x), atol=1e-6, rtol=0)
    other = beside(both, after, 0.3).eval()
    torch.testing.assert_close(other(x), beside(joints, after, 0.3)(x), atol=1e-6, rtol=0)
    assert both.listen is not None
    both.listen.weight.normal_()
    less = beside(both, before, 0.15, kept=0.5).eval()
    torch.testing.assert_close(less(x), (both(x) + before(x)) / 2, atol=1e-6, rtol=0)
    deaf, heard = beside(both, after, 0.3).eval(), beside(both, before, 0.3).eval()
    assert (heard(x) - both(x)).abs().max() < 1e-6
    assert (deaf(x) - other(x)).abs().max() > 1e-3


@pytest.mark.parametrize("rotary", [False, True])
@torch.inference_mode()
def test_whole_poses_alone_go_on_in_a_network_of_joints(tmp_path: Path, rotary: bool) -> None:
    poses, x = _poses(rotary=rotary), torch.randn(2, 9, 17, 3)
    save_model(poses, tmp_path / "poses")
    config = replace(_lively(9).config, pose_layers=2, rotary_poses=rotary)
    begun = build_or_load_model(
        TrainConfig(steps=1, network=config, init_from=str(tmp_path / "poses"))
    ).eval()
    torch.testing.assert_close(begun(x), poses(x), atol=1e-5, rtol=0)
    assert begun.config == config


def test_what_starts_without_effect_learns_from_the_first_step_on() -> None:
    joints = _lively(9)
    for model in (grown(joints, replace(joints.config, pose_layers=2)), beside(joints, _poses())):
        for step in range(2):
            for p in model.parameters():
                p.grad = None
            model(torch.randn(2, 9, 17, 3)).square().mean().backward()
            if step:
                assert model.poses is not None
                gradient = model.poses.embed.weight.grad
                assert gradient is not None
                assert gradient.abs().max() > 0
            torch.optim.SGD(model.parameters(), lr=0.1).step()


@pytest.mark.parametrize("change", [{"width": 32}, {"frames": 27}, {"channels": 8}])
def test_whole_poses_of_another_size_stand_nowhere(change: dict[str, int]) -> None:
    config = replace(_lively(9).config, pose_layers=2)
    with pytest.raises(ValueError, match="cannot stand beside"):
        beside(_lively(9), _poses(**change))
    with pytest.raises(ValueError, match="cannot start"):
        with_joints(_poses(**change), config)


def test_nor_do_they_stand_in_two_places_or_in_none() -> None:
    both = beside(_lively(9), _poses())
    with pytest.raises(ValueError, match="cannot stand beside"):
        beside(both, _poses(layers=1))
    with pytest.raises(ValueError, match="cannot start"):
        with_joints(_poses(), _lively(9).config)


@pytest.mark.parametrize("known", [{"frame_position": True}, {"pose_layers": 1}])
def test_whose_frames_know_their_places_cannot_be_longer(known: dict[str, Any]) -> None:
    short = _lively(9, **known)
    with pytest.raises(ValueError, match="cannot start"):
        grown(short, replace(short.config, frames=27))


def _alone(poses: nn.Module) -> None:
    """No frame hears of another."""
    for name, parameter in poses.named_parameters():
        if name.endswith(".0.scale.gain"):
            nn.init.zeros_(parameter)


@torch.inference_mode()
def test_of_rotary_layers_what_a_frame_says_of_itself_stays(tmp_path: Path) -> None:
    """Alone, and beside joints, of clips whose frames are all repeated."""
    short, x = _poses(rotary=True), torch.randn(2, 27, 17, 3)
    _alone(short)
    save_model(short, tmp_path / "short")
    config = replace(short.config, frames=27)
    long = build_or_load_model(
        TrainConfig(network=config, init_from=str(tmp_path / "short"), steps=1)
    ).eval()
    torch.testing.assert_close(long(x)[:, 9:18], short(x[:, 9:18]), atol=1e-6, rtol=0)
    both = _lively(9, pose_layers=2, rotary_poses=True)
    assert both.poses is not None
    _alone(both.poses)
    longer = grown(both, replace(both.config, frames=27)).eval()
    once = x[:, :9]
    thrice = longer(once.repeat(1, 3, 1, 1))
    torch.testing.assert_close(thrice[:, :9], both(once), atol=1e-5, rtol=0)


@pytest.mark.parametrize("change", [{"rotary": False}, {"width": 96, "heads": 4}, {"layers": 3}])
def test_only_rotary_layers_of_one_size_lift_other_clips(change: dict[str, Any]) -> None:
    poses = _poses(rotary=change.get("rotary", True))
    with pytest.raises(ValueError, match="cannot start"):
        begin.stretched(poses, replace(poses.config, **{"frames": 27} | change))


def test_longer_leaves_the_short_one_alone() -> None:
    short = _lively(9)
    before = {key: value.clone() for key, value in short.state_dict().items()}
    long = grown(short, replace(short.config, frames=27))
    nn.init.zeros_(long.proxy)
    assert all(torch.equal(value, before[key]) for key, value in short.state_dict().items())


@pytest.mark.parametrize(
    "change", [{"frames": 12}, {"frames": 3}, {"width": 32}, {"depth": 1}, {"proxy_frames": 2}]
)
def test_longer_refuses_anything_else(change: dict[str, int]) -> None:
    short = _lively(9)
    with pytest.raises(ValueError, match="cannot start"):
        grown(short, replace(short.config, **change))


def test_a_run_may_start_from_shorter_weights(data: Path, tmp_path: Path) -> None:
    first, _ = run(OWN, data, tmp_path / "short")
    init = str(tmp_path / "short" / "weights")
    config = replace(OWN, network=replace(TINY, frames=27), init_from=init, lr=0.0, steps=1)
    second, _ = run(config, data, tmp_path / "long")
    x = torch.randn(1, 9, 17, 3)
    with torch.inference_mode():
        torch.testing.assert_close(second(x.repeat(1, 3, 1, 1))[:, :9], first(x), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="cannot start"):
        run(replace(OWN, network=STRIDED, init_from=init), data, tmp_path / "other")
