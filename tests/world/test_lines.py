"""Edges of rooms with known cameras: the posture is recovered, or left open."""

import numpy as np
import pytest
from rooms import FOCAL, SIZE, room_edges

from tcpformer.world.lines import LINES, LineEvidence, SceneLines
from tcpformer.world.posture import Posture, estimate_posture, up_of


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


def test_line_evidence_is_that_of_its_formula() -> None:
    """Coughlan and Yuille's mixture in double precision, direction by direction."""
    edges, at = room_edges(20.0, 5.0, np.random.default_rng(1), count=24), np.array([18.0, 22.0])
    roll, step, weight = np.array([5.0, -3.0]), 2.0, np.linspace(0.2, 1.0, len(edges))
    ends = (edges.reshape(-1, 2, 2) - np.array(SIZE) / 2) / FOCAL
    ends = np.concatenate([ends, np.ones((len(ends), 2, 1))], axis=-1)
    ends /= np.linalg.norm(ends, axis=-1, keepdims=True)
    normal, middle = np.cross(ends[:, 0], ends[:, 1]), ends.sum(axis=1)
    sine = np.linalg.norm(normal, axis=1)
    normal, half = normal / sine[:, None], sine / 2
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    count = int(np.ceil(90 / step))
    blur = np.radians(np.hypot(max(step, 90 / count) / 2, LINES.bent))

    def agreement(axis: np.ndarray) -> np.ndarray:
        variance = LINES.pixel**2 * (1 + (1 - (middle @ axis) ** 2) / half**2) + blur**2
        return np.exp(-0.5 * (normal @ axis) ** 2 / variance) / np.sqrt(variance)

    expected = []
    for up, right in zip(up_of(at, roll), up_of(0 * at, roll - 90), strict=True):
        away, scores = np.cross(up, right), list[float]()
        for angle in np.radians(np.arange(count) * 90 / count):
            c, s = np.cos(angle), np.sin(angle)
            axes = up, c * right + s * away, c * away - s * right
            total = sum(agreement(axis) for axis in axes)
            scores.append(float(np.log1p(LINES.share * total) @ weight))
        log = LINES.trust * (max(scores) - LINES.chance)
        expected.append(np.log1p(np.exp(log)))
    found = LineEvidence(SceneLines(edges, weight, SIZE), FOCAL)(at, roll, step)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[0] > found[1] + 1
