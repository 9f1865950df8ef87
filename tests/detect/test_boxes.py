"""Boxes: overlap, suppression of doubles, and their weighted average."""

import numpy as np
import pytest

from tcpformer.detect.boxes import intersection_over_union, merge, suppress


def boxes(*corners: tuple[float, float]) -> np.ndarray:
    return np.array([(x, y, x + 10, y + 10, x) for x, y in corners], dtype=float)


def test_intersection_over_union_of_shifted_squares() -> None:
    others = boxes((0, 0), (5, 0), (0, 10), (30, 30))
    shares = intersection_over_union(others, others[0])
    np.testing.assert_allclose(shares, [1, 50 / 150, 0, 0])


def test_suppress_keeps_the_surest_of_overlapping_boxes() -> None:
    rows = np.array([(0, 0, 10, 10, 0.5), (1, 0, 11, 10, 0.9), (20, 0, 30, 10, 0.7)], float)
    assert suppress(rows, 0.45) == [1, 2]
    assert suppress(rows[:0], 0.45) == []


@pytest.mark.parametrize("grid", [False, True], ids=["anywhere", "on a grid with equal scores"])
@pytest.mark.parametrize("overlap", [0.45, 0.5, 0.8])
def test_suppress_equals_greedy_suppression(
    grid: bool, overlap: float, rng: np.random.Generator
) -> None:
    for _ in range(200):
        count = int(rng.integers(1, 30))
        corner, side = rng.uniform(0, 100, (count, 2)), rng.uniform(5, 60, (count, 2))
        score = rng.uniform(0.3, 1, count)
        if grid:
            corner, side, score = corner.round(-1), side.round(-1) + 10, score.round(1)
        rows = np.column_stack([corner, corner + side, score])
        order, kept = np.argsort(-score, kind="stable"), []
        while len(order):
            kept.append(int(order[0]))
            shares = intersection_over_union(rows[order[1:]], rows[order[0]])
            order = order[1:][shares <= overlap]
        assert suppress(rows, overlap) == kept


def test_merge_keeps_separate_rows_in_order_of_score() -> None:
    rows, scores = boxes((0, 0), (50, 0), (0, 50)), np.array([0.6, 0.9, 0.7])
    merged, best = merge(rows, scores, 0.3)
    np.testing.assert_allclose(merged, rows[[1, 2, 0]])
    np.testing.assert_array_equal(best, [0.9, 0.7, 0.6])


def test_merge_of_no_rows_is_empty() -> None:
    none, nothing = merge(np.zeros((0, 5)), np.zeros(0), 0.3)
    assert none.shape == (0, 5)
    assert nothing.shape == (0,)


def test_merge_averages_overlapping_rows_by_score() -> None:
    rows = boxes((0, 0), (2, 0), (80, 0))
    merged, best = merge(rows, np.array([0.9, 0.3, 0.5]), 0.3)
    np.testing.assert_allclose(merged[0], [0.5, 0, 10.5, 10, 0.5])
    np.testing.assert_allclose(best, [0.9, 0.5])
    shuffled, _ = merge(rows[[2, 1, 0]], np.array([0.5, 0.3, 0.9]), 0.3)
    np.testing.assert_allclose(shuffled, merged)
