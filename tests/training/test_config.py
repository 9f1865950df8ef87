"""`TrainConfig`: what cannot be trained is refused, with the name of the field."""

from dataclasses import fields
from typing import Any

import pytest

from tcpformer.training.config import OLD_NAMES, TrainConfig
from tcpformer.training.hardware import HardwareConfig
from tcpformer.training.presets import config_from_dict


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"lr": float("nan")}, "lr must be at least 0, got nan"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"cooldown": 1.5}, "cooldown must be at least 0 and at most 1, got 1.5"),
        ({"frame_step": [3, 2]}, r"frame_step must be \(smallest, largest\)"),
        ({"frame_step": [1, 10**9]}, r"frame_step .* from 1 to 10000, got \(1, 1000000000\)"),
        ({"batch_size": 10**9}, "batch_size must be at least 1 and at most 100000, got"),
        ({"batch_size": 50_000}, "at most 1,000,000 frames, got batch_size=50000 clips of 27"),
        ({"steps": 10**30}, "steps must be at least 0 and at most 1000000000, got"),
        ({"epochs": 10**9, "steps": 0}, "epochs must be at least 0 and at most 1000000, got"),
        ({"seed": 2**64}, "seed must be at least 0 and at most 4294967295, got"),
        ({"steps": 0}, "give either steps or epochs"),
        ({"epochs": 2}, "give either steps or epochs"),
        ({"epochs": 2, "steps": 0}, "clips of mocap start at random frames: give steps"),
        ({"normalization": "screen"}, "mocap needs normalization='centered-camera'"),
        ({"val_subjects": ["S8"]}, "val_subjects and ground_truth are for"),
        ({"ground_truth": True}, "val_subjects and ground_truth are for"),
        ({"data": "h36m-cpn", "normalization": "screen"}, "needs val_subjects, for example"),
        ({"preset": "3dhp-9", "ground_truth": True}, "3dhp has no detections"),
        ({"preset": "3dhp-9", "frame_step": [1, 2]}, r"3dhp needs frame_step=\(1, 1\)"),
        ({"preset": "open", "data": "own"}, "camera_domain is for mocap; with data='own'"),
        ({"data": "own", "tilt_prob": 0.1}, "tilt_prob is for mocap; with data='own'"),
        ({"preset": "3dhp-9", "camera_domain": "as-filmed"}, "camera_domain is for mocap"),
        ({"split": "train+val"}, "contains the people that checkpoint_selection='validation'"),
        (
            {"split": "train+test", "checkpoint_selection": "test"},
            "contains the people that checkpoint_selection='test'",
        ),
    ],
)
def test_train_config_refuses(content: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config_from_dict(content if "preset" in content else {"steps": 5, **content})


def test_old_names_lead_to_fields() -> None:
    names = {f.name for kind in (TrainConfig, HardwareConfig) for f in fields(kind)}
    assert set(OLD_NAMES.values()) <= names
    assert not OLD_NAMES.keys() & names
