"""Values of JSON."""

from typing import Any

import numpy as np
import pytest

from tcpformer.io.json_values import get_field, get_index, get_list, get_numbers


def test_get_field_takes_the_first_key_there_is() -> None:
    assert get_field("a", {"y": 2, "z": 3}, "x", "y", "z") == 2
    with pytest.raises(ValueError, match="a: expected 'x' or 'y', found z"):
        get_field("a", {"z": 3}, "x", "y")
    with pytest.raises(ValueError, match=r"a: expected an object with 'x', got \[1\]"):
        get_field("a", [1], "x")


@pytest.mark.parametrize("value", [None, {}, "ab", 3])
def test_get_list_refuses_other_values(value: Any) -> None:
    with pytest.raises(ValueError, match="a: expected a list, got"):
        get_list("a", value)


def test_get_numbers_gives_rows() -> None:
    expected = [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(get_numbers("a", [1, 2, 3, 4], 2), expected)
    np.testing.assert_array_equal(get_numbers("a", [[1, 2], [3, 4]], 2), expected)


@pytest.mark.parametrize(
    "value", [None, {}, "ab", ["x"], [[1, 2], [3]], [{}], [None, {}], [10**400], [1, 2, 3]]
)
def test_get_numbers_refuses_other_values(value: Any) -> None:
    with pytest.raises(ValueError, match=r"a: expected (a list of|2) numbers"):
        get_numbers("a", value, 2)


@pytest.mark.parametrize(
    "value", [None, True, -1, 1.5, float("nan"), float("inf"), "1", 10**30, []]
)
def test_get_index_refuses_what_counts_no_frame(value: Any) -> None:
    with pytest.raises(ValueError, match="a: expected the number of a frame, from 0 on, got"):
        get_index("a", value)


def test_get_index_takes_whole_numbers() -> None:
    assert [get_index("a", value) for value in (0, 7, 12.0)] == [0, 7, 12]
