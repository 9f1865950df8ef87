"""Tables of experiments: every network gets the same, and done work is not done again."""

import json
from pathlib import Path

import pytest
from paths import EXCERPT

from research import ablations as module
from research.ablations import FRAMES_A_STEP, Budget, Result, ablate, compare, small_systems
from research.variants import TABLES
from tcpformer.models import build, inputs_of
from tcpformer.models.tcpformer import Config
from tcpformer.training.config import TrainConfig

BASE = Config(frames=27, depth=1, width=8, heads=1, representation=8)


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[TrainConfig]:
    """Instead of training, note what would be trained; the score is the number of steps."""
    seen: list[TrainConfig] = []

    def scores(config: TrainConfig, budget: Budget, out: Path) -> dict[str, float]:
        seen.append(config)
        return {key: float(config.steps + config.seed) for key in module.COLUMNS}

    monkeypatch.setattr(module, "_scores", scores)
    paces = {"tcpformer": 0.4, "poseformerv2": 0.1, "strided-transformer": 0.8}
    monkeypatch.setattr(module, "pace", lambda config, data, out: paces[module.name_of(config.network)])
    return seen


def budget(tmp_path: Path, **changes: int) -> Budget:
    return Budget(data=tmp_path / "m.npz", benchmark=tmp_path / "b.npz", **changes)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_networks_of_a_table_differ_in_what_it_is_about_alone(
    table: str, tmp_path: Path, configs: list[TrainConfig]
) -> None:
    result = ablate(table, BASE, tmp_path, budget(tmp_path, seeds=2))
    assert list(result.rows) == list(TABLES[table])
    assert len({(str(config.network), config.variant) for config in configs}) == len(TABLES[table])
    rest = {(p.batch_size, p.steps, p.lr, p.frame_step, p.ema_decay) for p in configs}
    assert len(rest) == 1
    assert [config.seed for config in configs] == [0, 1] * len(TABLES[table])


def test_systems_get_equally_many_frames_then_equal_time(
    tmp_path: Path, configs: list[TrainConfig]
) -> None:
    """A network four times as fast takes four times the steps of the first one, in its time."""
    frames, times = compare(small_systems(), tmp_path, budget(tmp_path, frames=43_200, seeds=1))
    steps = {name: rows[0]["clean_n_mpjpe"] for name, rows in frames.rows.items()}
    assert set(steps.values()) == {100.0}
    assert {name: rows[0]["clean_n_mpjpe"] for name, rows in times.rows.items()} == {
        "TCPFormer": 100.0,
        "PoseFormerV2": 400.0,
        "StridedTransformer": 50.0,
    }
    assert times.about["PoseFormerV2"]["frames"] == 400 * FRAMES_A_STEP
    supervised = {p.batch_size * (1 if p.batch_size == FRAMES_A_STEP else 9) for p in configs}
    assert supervised == {FRAMES_A_STEP}


def test_a_run_never_goes_back(tmp_path: Path, configs: list[TrainConfig]) -> None:
    """The shorter of two budgets comes first: the longer one goes on from it."""
    compare(small_systems(), tmp_path, budget(tmp_path, frames=43_200, seeds=1))
    steps = [config.steps for config in configs]
    assert steps == [100, 100, 100, 400, 50, 100]


def test_the_systems_are_of_one_size_and_see_the_same() -> None:
    models = [build(network) for network in small_systems().values()]
    sizes = [sum(p.numel() for p in model.parameters()) for model in models]
    assert max(sizes) < 1.12 * min(sizes)
    assert {inputs_of(model) for model in models} == {3}


def test_the_table_shows_mean_and_spread(tmp_path: Path) -> None:
    rows = {"A": [dict.fromkeys(module.COLUMNS, v) for v in (10.0, 14.0)]}
    result = Result("made_up", rows, {"A": {"parameters": 1234.0}})
    assert result.table().split("\n")[2].startswith("| A | 1,234 | 12.0 ± 2.8 |")
    result.write(tmp_path)
    assert json.loads((tmp_path / "made_up.json").read_text())["rows"] == rows
    assert (tmp_path / "made_up.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "made_up.md").read_text() == result.table() + "\n"


def test_an_unknown_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table 'heads': expected one of"):
        ablate("heads", BASE, tmp_path, budget(tmp_path))


def test_scores_are_those_of_a_trained_network_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole road with tiny numbers; the second time nothing is trained."""
    from mocaps import mocap_file

    excerpt = EXCERPT
    mocap_file(tmp_path / "m.npz")
    given = Budget(data=tmp_path / "m.npz", benchmark=excerpt, frames=432, seeds=1, every=16)
    base = Config(frames=9, depth=1, width=8, heads=1, representation=8)
    monkeypatch.setitem(TABLES, "one", {"whole": TABLES["modules"]["+ PAM"]})
    first = ablate("one", base, tmp_path / "runs", given)
    assert 50 < first.rows["whole"][0]["clean_n_mpjpe"] < 500
    monkeypatch.setattr(module, "train", None)
    assert ablate("one", base, tmp_path / "runs", given).rows == first.rows
