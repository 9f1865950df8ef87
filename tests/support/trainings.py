"""What tests of training run: tiny networks, few steps, data of every kind made up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mocaps import mocap_file
from motions import walk
from synthetic import cpn_folder, sh_file
from synthetic_3dhp import scored_content, train_content, write_npz
from torch import nn

from tcpformer.datasets.custom import Sequence, save_sequence
from tcpformer.models.poseformerv2 import Config as PoseFormerV2
from tcpformer.models.strided_transformer import Config as Strided
from tcpformer.models.tcpformer import Config
from tcpformer.skeleton import H36M
from tcpformer.training.config import PRESETS, Data, TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.run_dir import Row, RunDir
from tcpformer.training.train import train

TINY = Config(frames=9, depth=1, width=8, heads=2, representation=8)
STRIDED = Strided(
    frames=9, strides=(3, 3), width=8, hidden=16, depth=1, heads=2, dropout=0.2, inputs=3
)
POSEFORMER = PoseFormerV2(
    frames=9, kept_frames=3, kept_coefficients=3, width=2, depth=1, heads=2, inputs=3
)
OWN = TrainConfig(network=TINY, data="own", select="last", batch=4, steps=6, average=0.9)
MOCAP = replace(OWN, data="mocap", select="validation", spacing=(2, 2))
MACHINE = HardwareConfig(device="cpu", tracker="none")
NETWORKS = {"tcpformer": TINY, "poseformerv2": POSEFORMER, "strided": STRIDED}


def run(plan: TrainConfig, data: Path, out: Path, **machine: Any) -> tuple[Any, list[Row]]:
    """Train; the averaged network, and the rows of the log."""
    rows: list[Row] = []
    return train(plan, data, out, replace(MACHINE, **machine), report=rows.append), rows


def logged(folder: Path) -> list[Row]:
    """The log, but for the time that it took."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in RunDir(folder).rows()]


def close(a: nn.Module, b: nn.Module, atol: float) -> None:
    for one, other in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=atol, rtol=0)


def same(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def data_of(kind: Data, folder: Path) -> Path:
    """A file or folder with a little data of a kind; S8, S9 and S11 are there to be judged by."""
    folder.mkdir(exist_ok=True)
    if kind == "mocap":
        return mocap_file(folder / "mocap.npz")
    if kind == "own":
        return own_folder(folder)
    if kind == "h36m-sh":
        train = [(f"s_0{s}_act_02_subact_01_ca_01", "Directions", 20) for s in (1, 5, 8)]
        test = [("s_09_act_02_subact_01_ca_01", "Directions", 20)]
        return sh_file(folder / "sh.pkl", test, train)
    if kind == "h36m-cpn":
        who = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
        return cpn_folder(folder, {subject: {"Walking": 12} for subject in who})
    write_npz(folder / "data_train_3dhp.npz", train_content({"S1 Seq1": 20, "S8 Seq2": 20}))
    write_npz(folder / "data_test_3dhp.npz", scored_content({"TS1": 12, "TS6": 12}))
    return folder


def own_folder(folder: Path) -> Path:
    """People walking at their own pace: two to learn from, one to validate and one to test by."""
    for i, split in enumerate(("train", "train", "val", "test")):
        seen = walk(40 + 5 * i, speed=1.0 + 0.1 * i)
        sequence = Sequence(
            xy=seen.xy,
            xyz=seen.camera_xyz,
            joints=H36M.joints,
            fps=seen.fps,
            size=seen.size,
            focal=seen.focal,
            subject=f"P{i}",
            split=split,
        )
        save_sequence(folder / f"{i}.npz", sequence)
    return folder


def shrunk(preset: str) -> TrainConfig:
    """A preset with a network that is quick, and two steps of few clips."""
    plan = PRESETS[preset]
    local = getattr(plan.network, "local_branch", False)
    network = replace(TINY, local_branch=local)
    return replace(plan, network=network, batch=2, steps=2, epochs=0, warmup=0, init=None)
