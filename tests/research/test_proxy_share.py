"""The proxy switched off: what then still depends on it, and the table."""

from pathlib import Path

import pytest
import torch
from paths import EXCERPT
from torch import Tensor, nn

from research.attention_maps import attention_maps
from research.proxy_share import VARIANTS, Skip, main, without_proxy
from tcpformer.evaluation.open_benchmark import evaluate_open
from tcpformer.lifting.lifter import Lifter
from tcpformer.models.checkpoint import save_model
from tcpformer.models.pose_transformer import Config as PoseConfig
from tcpformer.models.pose_transformer import PoseTransformer
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.weights import WeightsSpec


@pytest.fixture
def model() -> TCPFormer:
    torch.manual_seed(0)
    model = TCPFormer(Config(frames=9, depth=2, width=16, heads=4, representation=8))
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            nn.init.constant_(parameter, 0.3)
        if name.endswith(("qkv.weight", "query.weight")):
            nn.init.normal_(parameter, std=0.5)  # maps far from uniform
    return model.eval()


@torch.no_grad()
def change(model: TCPFormer, part: str) -> Tensor:
    """Return how much the output moves when weights of this name are exchanged for others."""
    x = torch.randn(2, 9, 17, 3, generator=torch.Generator().manual_seed(1))
    before = model(x)
    found = [p for name, p in model.named_parameters() if part in f".{name}"]
    assert found
    for parameter in found:
        nn.init.normal_(parameter)
    return (model(x) - before).abs().max()


@pytest.mark.parametrize(
    ("pam", "skip", "part", "matters"),
    [
        (False, "nothing", ".pum.query", True),
        (False, "nothing", ".pim.value", True),
        (True, "nothing", ".pum.value", True),  # through PIM
        (False, "attention", ".pim.value", False),
        (False, "attention", ".pim.mlp.body", True),
        (False, "attention", ".proxy", True),  # through A2
        (False, "all", ".pum.value", False),
        (False, "all", ".pim.mlp.body", False),
        (False, "all", ".pum.query", True),  # through A1
        (True, "all", ".proxy", False),
    ],
)
def test_without_proxy_leaves_parts_without_effect(
    model: TCPFormer, pam: bool, skip: Skip, part: str, matters: bool
) -> None:
    assert bool(change(without_proxy(model, pam=pam, skip=skip), part) > 1e-4) == matters


def test_without_proxy_leaves_the_original_and_self_attention(model: TCPFormer) -> None:
    before = {key: value.clone() for key, value in model.state_dict().items()}
    alone = without_proxy(model, pam=True, skip="all")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [maps.weight for maps in attention_maps(alone, torch.randn(1, 9, 17, 3))] == [1, 1]
    assert change(alone, ".pam.qkv") > 1e-4


def test_without_proxy_refuses_a_network_without_it() -> None:
    with pytest.raises(ValueError, match="a network with PAM"):
        without_proxy(PoseTransformer(PoseConfig(frames=9, layers=1)), pam=True, skip="all")


@pytest.mark.slow
def test_main_prints_every_variant(
    model: TCPFormer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(model, tmp_path / "tiny", spec=WeightsSpec())
    main([str(EXCERPT), "--weights", str(tmp_path / "tiny"), "--view-step", "16"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    table = {row[0]: [float(cell) for cell in row[1:]] for row in rows[3:]}
    assert list(table) == list(VARIANTS)
    assert len({tuple(errors) for errors in table.values()}) == len(VARIANTS)
    lifter = Lifter(str(tmp_path / "tiny"), "cpu")
    wanted = [
        evaluate_open(lifter, EXCERPT, noisy=noisy, view_step=16).scores["n_mpjpe"]
        for noisy in (False, True)
    ]
    assert table["as packaged"] == pytest.approx(wanted, abs=0.0051)
