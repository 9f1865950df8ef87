"""Networks trained for the same time: what each gets, and a run with tiny ones."""

from dataclasses import replace
from pathlib import Path

import pytest
from mocaps import mocap_file
from paths import EXCERPT

from research import equal_time as module
from research.equal_time import Rules, Stage, contest, contestants
from tcpformer.models import build, inputs_of
from tcpformer.models.hybrid import Config
from tcpformer.training.config import TrainConfig
from tcpformer.training.hardware import HardwareConfig

BOTH = Config(frames=3, depth=1, width=8, heads=1, representation=8, pose_layers=1)
POSES = BOTH.pose_transformer


def test_contestants_have_one_size_and_input() -> None:
    models = {name: build(stages[-1].network) for name, stages in contestants().items()}
    sizes = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    whole = sizes["TCPFormer with pose transformer"]
    for name in ("PoseFormerV2", "StridedTransformer"):
        for frames in (9, 27):
            assert models[f"{name}, {frames} frames"].config.frames == frames
            assert abs(sizes[f"{name}, {frames} frames"] / whole - 1) < 0.1
    assert {inputs_of(model) for model in models.values()} == {3}


def test_contest_gives_each_network_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs: list[TrainConfig] = []

    def note(config: TrainConfig, data: Path, out: Path, hardware: HardwareConfig) -> None:
        out.mkdir(parents=True)
        configs.append(config)

    scores = {"frames": 10.0, "mpjpe": 50.0}
    monkeypatch.setattr(
        module, "seconds_per_step", lambda config, *rest: 0.5 if config.network == POSES else 2.0
    )
    monkeypatch.setattr(module, "_converted", lambda weights, *rest: weights)
    monkeypatch.setattr(module, "train", note)
    monkeypatch.setattr(module, "_score", lambda *rest: {"clean": scores, "noisy": scores})
    first, then = Stage(network=POSES, share=0.75), Stage(network=BOTH, share=0.25, batch_size=4)
    systems = {"one": [Stage(network=POSES)], "two": [first, then]}
    rules = Rules(data=tmp_path, benchmark=tmp_path, minutes=10.0)
    table = contest(systems, tmp_path, rules)
    assert [config.steps for config in configs] == [1200, 900, 75]
    assert [config.init_from for config in configs] == [
        None,
        None,
        str(tmp_path / "two/stage_0_900/weights"),
    ]
    assert f"| {1200 * 64 * 3:,} | 50.0 |" in table
    assert f"| {900 * 64 * 3 + 75 * 4 * 3:,} | 50.0 |" in table
    contest(systems, tmp_path, rules)
    assert len(configs) == 3, "what is done is not done again"
    contest({"one": systems["one"]}, tmp_path, replace(rules, minutes=5.0))
    assert configs[3:] == [replace(configs[0], steps=600)], "in another time it is another run"


def test_contest_trains_and_scores_in_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mocap_file(tmp_path / "m.npz")
    monkeypatch.setattr(module, "seconds_per_step", lambda *rest: 30.0)
    stages = [
        Stage(network=POSES, share=0.5, batch_size=2),
        Stage(network=BOTH, share=0.5, batch_size=2),
    ]
    rules = Rules(data=tmp_path / "m.npz", benchmark=EXCERPT, minutes=2.0, view_step=16)
    table = contest({"tiny": stages}, tmp_path, rules)
    clean, noisy = table.split("\n\n")
    assert clean.startswith(
        "| clean 2D | parameters | training frames | MPJPE | N-MPJPE | P-MPJPE |"
    )
    size = sum(p.numel() for p in build(BOTH).parameters())
    assert f"| tiny | {size:,} | {4 * 2 * 3} |" in noisy
    assert (tmp_path / "tiny/stage_1_2/weights").exists()
    assert (tmp_path / "tiny/stage_1_2/report_16/report.json").exists()
