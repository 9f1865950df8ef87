"""Arms: every one builds a network that learns, and the table compares them."""

from pathlib import Path

import pytest
import torch
from mocaps import mocap_file

from research.training_arms import ARMS, config_of, main, table
from tcpformer.models import build


@pytest.mark.parametrize("name", ARMS)
def test_arm_builds_a_network_that_learns(name: str) -> None:
    arm = ARMS[name]
    config = config_of(arm, 2, 0)
    model = build(config.network)
    arm.dress(model)
    x = torch.rand(1, config.network.frames, 17, 3)
    model(x).square().mean().backward()
    assert model.head.weight.grad is not None


def test_table_states_gains_in_deviations_of_the_base() -> None:
    rows = [
        {"arm": "base", "seed": i, "parameters": 1000, "minutes": 1.0, "clean": c, "noisy": c}
        for i, c in enumerate((9.0, 10.0, 11.0))
    ]
    text = table([*rows, rows[0] | {"arm": "hot", "clean": 8.0, "noisy": 12.0}])
    assert "+2.0 sd / -2.0 sd" in text.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a kind of view has no clip of so few
def test_main_trains_and_scores_an_arm(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    main([str(mocap_file(tmp_path / "m.npz")), str(out), "box", "--steps", "1"])
    assert (out / "arms.jsonl").read_text().count("\n") == 1
