"""Tiny training runs for tests: networks, few steps, and synthetic data of every kind."""

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
from tcpformer.training.config import Data, TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import PRESETS
from tcpformer.training.run_dir import Row, RunDir
from tcpformer.training.train import train

TINY = Config(frames=9, depth=1, width=8, heads=2, representation=8)
STRIDED = Strided(
    frames=9, strides=(3, 3), width=8, hidden=16, depth=1, heads=2, dropout=0.2, inputs=3
)
POSEFORMER = PoseFormerV2(
    frames=9, kept_frames=3, kept_coefficients=3, width=2, depth=1, heads=2, inputs=3
)
OWN = TrainConfig(
    network=TINY, data="own", checkpoint_selection="last", batch_size=4, steps=6, ema_decay=0.9
)
MOCAP = replace(OWN, data="mocap", checkpoint_selection="validation", frame_step=(2, 2))
HARDWARE = HardwareConfig(device="cpu", tracker="none")
NETWORKS = {"tcpformer": TINY, "poseformerv2": POSEFORMER, "strided": STRIDED}


def run(config: TrainConfig, data: Path, out: Path, **hardware: Any) -> tuple[Any, list[Row]]:
    """Train; return the averaged network and the rows of the log."""
    rows: list[Row] = []
    return train(config, data, out, replace(HARDWARE, **hardware), report=rows.append), rows


def logged(folder: Path) -> list[Row]:
    """Return the rows of the log without their times."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in RunDir(folder).read_log()]


def close(a: nn.Module, b: nn.Module, atol: float) -> None:
    for one, other in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=atol, rtol=0)


def same(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def data_of(kind: Data, folder: Path) -> Path:
    """Write a little data of a kind, with the validation subjects S8, S9 and S11."""
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
    """Write four walking people: two of split train, one of val and one of test."""
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
    """Return a preset with a tiny network and two steps of few clips."""
    config = PRESETS[preset]
    network = replace(TINY, local_branch=getattr(config.network, "local_branch", False))
    changes = {"batch_size": 2, "steps": 2, "epochs": 0, "warmup": 0, "init_from": None}
    return replace(config, network=network, **changes)
