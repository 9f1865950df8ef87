"""Edges of rooms with known cameras: the posture is recovered, or left open."""

import numpy as np
import pytest
from rooms import FOCAL, SIZE, room_edges

from tcpformer.world.lines import LineEvidence, SceneLines
from tcpformer.world.posture import Posture, estimate_posture


def found(edges: np.ndarray, focal: float = FOCAL, *, known: bool = True) -> Posture:
    """Return the posture that edges tell, with cameras within some 20 degrees of level."""
    evidence = LineEvidence(SceneLines(edges, np.ones(len(edges)), SIZE), focal, known=known)

    def log_density(tilt: np.ndarray, roll: np.ndarray, step: float) -> np.ndarray:
        return evidence(tilt, roll, step) - 0.5 * (tilt**2 + roll**2) / 20**2

    return estimate_posture(log_density)


@pytest.mark.parametrize(("tilt", "roll"), [(0.0, 0.0), (25.0, 15.0), (-8.0, -25.0)])
def test_line_evidence_of_a_room(tilt: float, roll: float) -> None:
    edges = room_edges(tilt, roll, np.random.default_rng(1))
    posture = found(edges)
    assert (posture.tilt, posture.roll) == pytest.approx((tilt, roll), abs=1.0)
    assert posture.sigma < 1.0


def test_line_evidence_is_less_sure_of_an_assumed_focal_length() -> None:
    edges = room_edges(25.0, 0.0, np.random.default_rng(1), count=24)
    off = found(edges, 1.25 * FOCAL, known=False)
    assert off.tilt == pytest.approx(25.0, abs=max(2.0, 2 * off.tilt_sigma))
    assert off.tilt_sigma > found(edges).tilt_sigma


def test_line_evidence_of_edges_in_any_direction_is_weak() -> None:
    rng = np.random.default_rng(2)
    start = rng.uniform(0, SIZE, (60, 2))
    angle = rng.uniform(0, np.pi, 60)
    stop = start + 120 * np.column_stack([np.cos(angle), np.sin(angle)])
    assert found(np.concatenate([start, stop], axis=1)).sigma > 4


def test_line_evidence_of_few_edges_is_none() -> None:
    edges = room_edges(25.0, 15.0, np.random.default_rng(1))[:3]
    posture = found(edges)
    assert (posture.tilt, posture.roll) == pytest.approx((0.0, 0.0), abs=1e-6)
