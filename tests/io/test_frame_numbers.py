"""Which number in a name counts the frames."""

from pathlib import Path

import numpy as np
import pytest

from tcpformer.io.frame_numbers import FrameNumbers, number_ids, number_names

PLACE = Path("folder")


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("IMG_{}_v2", 0),
        ("clip_{:012d}", 0),
        ("2024-01-31 take 2 - {:04d} 1080p", 0),
        ("{}", 0),
    ],
)
def test_number_names_finds_the_number_that_varies(pattern: str, first: int) -> None:
    names = [pattern.format(i) for i in (3, 0, 1, 5)]
    assert number_names(names, PLACE) == FrameNumbers((3, 0, 1, 5), first)


def test_number_names_keeps_where_the_first_frame_is() -> None:
    assert number_names(["a_10", "a_12"], PLACE) == FrameNumbers((0, 2), 10)
    assert number_names(["a_1", "a_2"], PLACE) == FrameNumbers((0, 1), 0)  # counted from 1
    assert number_names(["a_1", "a_2"], PLACE, zero=0) == FrameNumbers((0, 1), 1)
    assert number_names(["a_5", "a_6"], PLACE, zero=1) == FrameNumbers((0, 1), 4)
    assert number_names([f"a_{i:012d}" for i in (1, 2)], PLACE).first == 1  # OpenPose of a video
    assert number_names(["cam4_0007"], PLACE) == FrameNumbers((0,), 7)


def test_number_names_takes_the_counter_beside_a_time_stamp() -> None:
    names = [f"frame{i}_{1617183612345 + 33 * i}" for i in range(7)]
    assert number_names(names, PLACE) == FrameNumbers(tuple(range(7)), 0)


@pytest.mark.parametrize("unit", [1e-3, 1e-6, 1e-9])
def test_number_names_takes_time_stamps_as_times(unit: float) -> None:
    start = round(1617183612.345 / unit)
    times = np.cumsum([0, 0.033, 0.034, 0.1, 0.033])
    numbers = [start + round(t / unit) for t in times]
    found = number_names([f"{number}_keypoints" for number in numbers[::-1]], PLACE)
    assert found.index == (4, 3, 2, 1, 0)
    assert found.first == 0
    np.testing.assert_allclose(found.times, times, atol=1e-3)


def test_number_names_takes_milliseconds_only_at_the_rate_given() -> None:
    names = [f"{round(1000 * i / 30)}" for i in range(30)]
    np.testing.assert_allclose(
        number_names(names, PLACE, fps=30.0).times, np.arange(30) / 30, atol=1e-3
    )
    for fps in (None, 25.0):
        with pytest.raises(ValueError, match=r"grow by 33 a file \(0, 33.*--fps.*\(30\)"):
            number_names(names, PLACE, fps=fps)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a_1", "a_01", "a_2"], "a_1 and a_01 are both number 1"),
        (["cam1_5", "cam2_5"], None),
        (["left_1", "right_1"], "found left_1 and right_1; keep one clip"),
        (["a_1", "classes"], "the name classes"),
        (["cam1_1", "cam1_2", "cam2_1", "cam2_2"], "cam1_1 and cam2_2 differ in 2"),
        (["a_0", "a_1", "a_20240131"], "after 1, the next .* is 20240131, but there are 3 in all"),
        (["10-00-58_1", "10-00-59_2", "10-01-00_1"], "differ in 3"),
    ],
)
def test_number_names_refuses_what_has_two_readings(names: list[str], message: str | None) -> None:
    if message is None:
        assert number_names(names, PLACE).index == (0, 1)  # one picture of each camera
        return
    with pytest.raises(ValueError, match=message):
        number_names(names, PLACE)


def test_number_names_refuses_stamps_of_no_rate_of_a_video() -> None:
    with pytest.raises(ValueError, match=r"time stamps.* show 0\.1 frames a second"):
        number_names([str(1617183612345 + 10_000 * i) for i in range(4)], PLACE)


def test_number_ids_takes_numbers_in_any_order_more_than_once() -> None:
    assert number_ids([4, 2, 4, 3], PLACE) == FrameNumbers((2, 0, 2, 1), 2)
    assert number_ids([], PLACE) == FrameNumbers(())
    assert number_ids([10000010001, 10000010002], PLACE) == FrameNumbers((0, 1), 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 10**9], r"after 0, the next of frame numbers is 1000000000, but there are 2 in all"),
        ([-1, 0], "from 0 on, got -1"),
        ([139, 785, 15000], "after 785"),
    ],
)
def test_number_ids_refuses_what_no_clip_has(values: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        number_ids(values, PLACE)


def test_fill_gives_every_frame_its_people() -> None:
    numbers = number_ids([7, 5, 7], PLACE)
    assert numbers.fill([["a"], ["b"], ["c"]]) == [["b"], [], ["a", "c"]]
