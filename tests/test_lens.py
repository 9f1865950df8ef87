"""The lens: undistortion is the inverse of distortion, and closed forms of both models."""

import numpy as np
import pytest

from tcpformer.lens import Lens, undistort_motion
from tcpformer.motion import Motion2D
from tcpformer.skeleton import COCO

SIZE = (1280, 720)
PLAIN = Lens(focal=(1000.0, 1000.0), center=(640.0, 360.0), size=SIZE)
LENSES = {
    "plain": PLAIN,
    "off-center": Lens((1100.0, 1050.0), (610.0, 395.0), SIZE),
    "k1": Lens((1000.0, 1000.0), (640.0, 360.0), SIZE, (-0.2,)),
    "opencv": Lens((1000.0, 990.0), (650.0, 350.0), SIZE, (-0.3, 0.1, 0.001, -0.002, 0.01)),
    "rational": Lens(
        (900.0, 900.0), (640.0, 360.0), SIZE, (0.1, 0.0, 0.0, 0.0, 0.0, 0.2, 0.01, 0.0)
    ),
    "fisheye": Lens((600.0, 600.0), (640.0, 360.0), SIZE, (0.05, -0.01, 0.002, 0.0), fisheye=True),
    "fisheye without numbers": Lens((600.0, 600.0), (640.0, 360.0), SIZE, fisheye=True),
}


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(1).uniform((0, 0), SIZE, (200, 2))


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)
def test_distort_is_the_inverse_of_undistort(lens: Lens, points: np.ndarray) -> None:
    ideal, solved = lens.undistort(points)
    assert solved.all()
    np.testing.assert_allclose(lens.distort(ideal), points, atol=1e-3)


def test_undistort_without_distortion_changes_nothing(points: np.ndarray) -> None:
    np.testing.assert_allclose(PLAIN.undistort(points)[0], points, atol=1e-9)


def test_undistort_moves_the_principal_point_to_the_middle() -> None:
    lens = LENSES["off-center"]
    np.testing.assert_allclose(lens.undistort(np.array([lens.center]))[0], [[640.0, 360.0]])


def test_distort_by_k1_has_the_closed_form() -> None:
    ideal = np.array([[640.0 + 500.0, 360.0]])  # a ray at r = 0.5
    expected = 640.0 + 1000.0 * 0.5 * (1 - 0.2 * 0.5**2)
    np.testing.assert_allclose(LENSES["k1"].distort(ideal), [[expected, 360.0]])


def test_distort_of_a_fisheye_maps_the_angle_to_the_radius() -> None:
    ideal = np.array([[640.0 + 600.0 * np.tan(0.7), 360.0]])
    found = LENSES["fisheye without numbers"].distort(ideal)
    np.testing.assert_allclose(found, [[640.0 + 600.0 * 0.7, 360.0]])


def test_undistort_marks_points_beyond_the_model() -> None:
    """With k1 = -0.5 the radius has its maximum at r = 0.816: points farther out have no ray."""
    lens = Lens((1000.0, 1000.0), (640.0, 360.0), SIZE, (-0.5,))
    _, solved = lens.undistort(np.array([[700.0, 360.0], [640.0 + 900.0, 360.0]]))
    assert solved.tolist() == [True, False]


def test_scaled_to_half_size_gives_half_of_each_place(points: np.ndarray) -> None:
    lens = LENSES["opencv"]
    half = lens.scaled_to((640, 360))
    np.testing.assert_allclose(half.undistort(points / 2)[0], lens.undistort(points)[0] / 2)


def test_scaled_to_another_aspect_ratio_is_refused() -> None:
    with pytest.raises(ValueError, match="1280 x 720, but these are 720 x 1280"):
        PLAIN.scaled_to((720, 1280))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"focal": (0.0, 1000.0)}, "must be positive pixels"),
        ({"focal": (float("nan"), 1000.0)}, "must be finite"),
        ({"center": (-5.0, 360.0)}, "outside of the image"),
        ({"distortion": (0.1, 0.1, 0.1)}, "distortion coefficients, got 3"),
        ({"distortion": (0.1,), "fisheye": True}, "expected 0, 4 distortion"),
    ],
)
def test_lens_refuses_impossible_numbers(change: dict[str, object], message: str) -> None:
    numbers = {"focal": (1000.0, 1000.0), "center": (640.0, 360.0), "size": SIZE, **change}
    with pytest.raises(ValueError, match=message):
        Lens(**numbers)  # pyright: ignore[reportArgumentType]


def test_undistort_motion_recovers_the_ideal_joints() -> None:
    lens = LENSES["opencv"]
    ideal = np.random.default_rng(2).uniform((200, 100), (1000, 600), (5, 17, 2))
    seen = lens.distort(ideal.reshape(-1, 2)).reshape(ideal.shape)
    motion = Motion2D(seen, np.ones((5, 17)), SIZE, 30.0, COCO)
    found = undistort_motion(motion, lens)
    np.testing.assert_allclose(found.xy, ideal, atol=1e-3)
    assert found.focal == pytest.approx(995.0)
    assert found.confidence.min() == 1.0


def test_undistort_motion_doubts_joints_without_solution() -> None:
    lens = Lens((1000.0, 1000.0), (640.0, 360.0), SIZE, (-0.5,))
    xy = np.full((1, 17, 2), 500.0)
    xy[0, 3] = (640.0 + 900.0, 360.0)
    found = undistort_motion(Motion2D(xy, np.ones((1, 17)), SIZE, 30.0, COCO), lens)
    assert np.flatnonzero(found.confidence[0] == 0).tolist() == [3]
    np.testing.assert_array_equal(found.xy[0, 3], xy[0, 3])


@pytest.mark.parametrize(
    ("axis", "expected"),
    [("z", (0, -1, 0)), ("-z", (0, 1, 0)), ("y", (0, 0, 1)), ("x", (1, 0, 0)), ("-x", (-1, 0, 0))],
)
def test_direction_of_turns_an_axis_of_the_world(axis: str, expected: tuple[int, ...]) -> None:
    """A level camera looks along y of a world whose z points up."""
    lens = Lens((900.0, 900.0), (640.0, 360.0), SIZE, rotation=(np.pi / 2, 0.0, 0.0))
    np.testing.assert_allclose(lens.direction_of(axis), expected, atol=1e-12)
    np.testing.assert_allclose(lens.scaled_to((640, 360)).direction_of(axis), expected, atol=1e-12)


def test_direction_of_refuses_a_calibration_without_world() -> None:
    with pytest.raises(ValueError, match=r"calibration has no rotation .* axis z could point up"):
        PLAIN.direction_of("z")
