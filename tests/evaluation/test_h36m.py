"""Averages over the actions of Human3.6M."""

import numpy as np
import pytest

from tcpformer.evaluation.h36m import VideoScore, average_over_actions
from tcpformer.skeleton import H36M_NOSE


def test_average_over_actions_weighs_frames_within_and_actions_equally() -> None:
    scored = [
        VideoScore(action, frames, {"mpjpe": error}, np.full(17, error))
        for action, frames, error in (
            ("Walking", 10, 30.0),
            ("Eating", 5, 60.0),
            ("Walking", 30, 50.0),
        )
    ]
    scores, tables = average_over_actions(scored)
    assert list(tables["action"]) == ["Eating", "Walking"], "in the order of publications"
    assert tables["action"]["Walking"] == {"frames": 40, "mpjpe": pytest.approx(45)}
    assert scores == {"mpjpe": pytest.approx(52.5), "frames": 45}
    assert list(tables["joint"]) == list(H36M_NOSE.joints)
    assert tables["joint"]["Nose"]["mpjpe"] == pytest.approx(52.5)


def test_average_over_actions_refuses_nothing() -> None:
    with pytest.raises(ValueError, match="no video was scored"):
        average_over_actions([])
