"""Ablations: every network gets the same, and finished work is not repeated."""

import json
from pathlib import Path

import pytest
from paths import EXCERPT

from research import ablations as module
from research.ablations import FRAMES_PER_STEP, Budget, Result, ablate, compare, small_systems
from research.variants import TABLES
from tcpformer.models import build, inputs_of
from tcpformer.models.tcpformer import Config
from tcpformer.training.config import TrainConfig

BASE = Config(frames=27, depth=1, width=8, heads=1, representation=8)


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """Collect what would be trained; the score is the number of steps."""
    collected: list[TrainConfig] = []

    def scores(config: TrainConfig, budget: Budget, out: Path) -> dict[str, float]:
        collected.append(config)
        return {key: float(config.steps + config.seed) for key in module.COLUMNS}

    monkeypatch.setattr(module, "_scores", scores)
    paces = {"tcpformer": 0.4, "poseformerv2": 0.1, "strided-transformer": 0.8}
    monkeypatch.setattr(
        module, "seconds_per_step", lambda config, data, out: paces[module.name_of(config.network)]
    )
    return collected


def budget(tmp_path: Path, **changes: int) -> Budget:
    return Budget(data=tmp_path / "m.npz", benchmark=tmp_path / "b.npz", **changes)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_ablate_gives_all_networks_the_same_training(
    table: str, tmp_path: Path, configs: list[TrainConfig]
) -> None:
    result = ablate(table, BASE, tmp_path, budget(tmp_path, seeds=2))
    assert list(result.rows) == list(TABLES[table])
    assert len({str(config.network) for config in configs}) == len(TABLES[table])
    rest = {(p.batch_size, p.steps, p.lr, p.frame_step, p.ema_decay) for p in configs}
    assert len(rest) == 1
    assert [config.seed for config in configs] == [0, 1] * len(TABLES[table])


def test_compare_gives_equal_frames_then_equal_time(
    tmp_path: Path, configs: list[TrainConfig]
) -> None:
    """A network four times as fast takes four times the steps of the first one."""
    frames, times = compare(small_systems(), tmp_path, budget(tmp_path, frames=43_200, seeds=1))
    steps = {name: rows[0]["clean_n_mpjpe"] for name, rows in frames.rows.items()}
    assert set(steps.values()) == {100.0}
    assert {name: rows[0]["clean_n_mpjpe"] for name, rows in times.rows.items()} == {
        "TCPFormer": 100.0,
        "PoseFormerV2": 400.0,
        "StridedTransformer": 50.0,
    }
    assert times.about["PoseFormerV2"]["frames"] == 400 * FRAMES_PER_STEP
    supervised = {p.batch_size * (1 if p.batch_size == FRAMES_PER_STEP else 9) for p in configs}
    assert supervised == {FRAMES_PER_STEP}


def test_compare_trains_the_shorter_budget_first(
    tmp_path: Path, configs: list[TrainConfig]
) -> None:
    """The longer one resumes from it."""
    compare(small_systems(), tmp_path, budget(tmp_path, frames=43_200, seeds=1))
    steps = [config.steps for config in configs]
    assert steps == [100, 100, 100, 400, 50, 100]


def test_small_systems_have_one_size_and_input() -> None:
    models = [build(network) for network in small_systems().values()]
    sizes = [sum(p.numel() for p in model.parameters()) for model in models]
    assert max(sizes) < 1.12 * min(sizes)
    assert {inputs_of(model) for model in models} == {3}


def test_result_table_has_mean_and_deviation(tmp_path: Path) -> None:
    rows = {"A": [dict.fromkeys(module.COLUMNS, v) for v in (10.0, 14.0)]}
    result = Result("made_up", rows, {"A": {"parameters": 1234.0}})
    assert result.table().split("\n")[2].startswith("| A | 1,234 | 12.0 ± 2.8 |")
    result.write(tmp_path)
    assert json.loads((tmp_path / "made_up.json").read_text())["rows"] == rows
    assert (tmp_path / "made_up.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "made_up.md").read_text() == result.table() + "\n"


def test_ablate_refuses_an_unknown_table(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table 'heads': expected one of"):
        ablate("heads", BASE, tmp_path, budget(tmp_path))


@pytest.mark.slow
def test_ablate_caches_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tiny network; the second time nothing is trained."""
    from mocaps import mocap_file

    excerpt = EXCERPT
    mocap_file(tmp_path / "m.npz")
    given = Budget(data=tmp_path / "m.npz", benchmark=excerpt, frames=432, seeds=1, view_step=16)
    base = Config(frames=9, depth=1, width=8, heads=1, representation=8)
    monkeypatch.setitem(TABLES, "one", {"whole": TABLES["modules"]["+ PAM"]})
    first = ablate("one", base, tmp_path / "runs", given)
    assert 50 < first.rows["whole"][0]["clean_n_mpjpe"] < 500
    monkeypatch.setattr(module, "train", None)
    assert ablate("one", base, tmp_path / "runs", given).rows == first.rows


def test_main_writes_a_table(
    tmp_path: Path, configs: list[TrainConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs"
    line = f"modules --data m.npz --benchmark b.npz --out {out}"
    size = "--seeds 1 --frames 864 --frames-per-clip 9 --width 8"
    module.main([*line.split(), *size.split()])
    rows = json.loads((out / "modules.json").read_text())["rows"]
    assert list(rows) == ["implicit proxy", "+ PUM", "+ PIM", "+ PAM"]
    assert {(c.steps, c.network.frames, c.network.width) for c in configs} == {(2, 9, 8)}
    assert (out / "modules.png").exists()
    assert "| + PAM |" in capsys.readouterr().out
