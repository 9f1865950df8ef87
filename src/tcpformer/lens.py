"""`Lens`: the intrinsic calibration of a camera; joints as a camera without distortion sees them.

Axis legend: ``n`` points.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from .motion import Motion2D

_ITERATIONS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-10)
_MAX_RESIDUAL = 0.5
"""Pixels between a point and the distorted image of its solution; beyond, there is none."""
_SAME_ASPECT = 0.005
"""Relative difference of two aspect ratios that count as one."""
DISTORTION_COUNTS = (0, 1, 2, 4, 5, 8, 12, 14)
"""Numbers of OpenCV coefficients (k1, k2, p1, p2, k3, k4, k5, k6, s1 ... s4, tx, ty); one or two
are k1 and k2."""


_MAX_NUMBER = 1e9
"""Pixels and coefficients beyond which a number is taken for infinite."""


@dataclass(frozen=True)
class Lens:
    """Intrinsic calibration of a camera by OpenCV's model.

    Attributes:
        focal: Focal lengths (fx, fy) in pixels.
        center: Principal point (cx, cy) in pixels.
        size: Image (width, height) in pixels that these refer to.
        distortion: OpenCV's coefficients k1, k2, p1, p2, k3, ...; four of k1 to k4 if ``fisheye``.
        fisheye: True for OpenCV's equidistant model (Kannala and Brandt 2006).
        source: Where the calibration comes from, in words.
        rotation: Rodrigues vector that turns the axes of the calibration's world into those of the
            camera, as OpenCV has it; None if it places the camera in no world.

    Raises:
        ValueError: If a number is not finite, a focal length or size not positive, the principal
            point outside of the image, or the number of coefficients fits no model.
    """

    focal: tuple[float, float]
    center: tuple[float, float]
    size: tuple[int, int]
    distortion: tuple[float, ...] = ()
    fisheye: bool = False
    source: str = "calibration"
    rotation: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        numbers = (*self.focal, *self.center, *self.size, *self.distortion, *(self.rotation or ()))
        if not all(abs(number) < _MAX_NUMBER for number in numbers):  # false for NaN
            raise ValueError(
                f"{self.source}: the numbers of a camera must be finite, below {_MAX_NUMBER:g}."
            )
        if min(*self.focal, *self.size) <= 0:
            raise ValueError(
                f"{self.source}: focal lengths and size must be positive pixels, got {self.focal} "
                f"and {self.size}."
            )
        if not all(0 <= c <= s for c, s in zip(self.center, self.size, strict=True)):
            raise ValueError(
                f"{self.source}: the principal point {self.center} lies outside of the image "
                f"{self.size}; pixels are expected."
            )
        counts = (0, 4) if self.fisheye else DISTORTION_COUNTS
        if len(self.distortion) not in counts:
            raise ValueError(
                f"{self.source}: expected {', '.join(map(str, counts))} distortion coefficients, "
                f"got {len(self.distortion)}."
            )

    @property
    def ideal_focal(self) -> float:
        """Focal length in pixels of the camera without distortion: the mean of fx and fy."""
        return sum(self.focal) / 2

    def direction_of(self, axis: str) -> Float[np.ndarray, " 3"]:
        """Return an axis of the calibration's world, such as "z" or "-y", in axes of the camera.

        Raises:
            ValueError: If the calibration has no world.
        """
        if self.rotation is None:
            raise ValueError(
                f"{self.source} has no rotation of the camera in a world whose axis {axis} could "
                "point up; leave out --camera-up, or give --up."
            )
        turn = cv2.Rodrigues(np.array(self.rotation))[0]
        return turn[:, "xyz".index(axis[-1])] * (-1.0 if axis[0] == "-" else 1.0)

    def scaled_to(self, size: tuple[int, int]) -> "Lens":
        """Return the calibration for the same image at another size.

        Raises:
            ValueError: If the aspect ratio is another.
        """
        ratio = np.array(size) / self.size
        if abs(ratio[0] / ratio[1] - 1) > _SAME_ASPECT:
            raise ValueError(
                f"{self.source} is for images of {self.size[0]} x {self.size[1]}, but these are "
                f"{size[0]} x {size[1]}; calibrate at their aspect ratio."
            )
        focal, center = (tuple((ratio * pair).tolist()) for pair in (self.focal, self.center))
        return replace(self, focal=focal, center=center, size=size)

    def undistort(
        self, xy: Float[np.ndarray, "n 2"]
    ) -> tuple[Float[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
        """Return points as the ideal camera sees them, and which of them have a solution.

        The ideal camera has no distortion, focal length `ideal_focal`, and its principal point in
        the middle of the image.

        Args:
            xy: Pixels of the image as it was recorded.
        """
        points = xy.reshape(-1, 1, 2).astype(np.float64)
        if self.fisheye:
            rays = cv2.fisheye.undistortPoints(
                points, self._matrix, self._fisheye, criteria=_ITERATIONS
            )
        else:
            rays = cv2.undistortPoints(
                points, self._matrix, self._coefficients, criteria=_ITERATIONS
            )
        ideal = rays[:, 0] * self.ideal_focal + np.array(self.size) / 2
        residual = np.linalg.norm(self.distort(ideal) - xy, axis=1)
        return ideal, np.isfinite(ideal).all(axis=1) & (residual < _MAX_RESIDUAL)

    def distort(self, xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Return where points of the ideal camera lie in the recorded image, in pixels."""
        rays = (xy - np.array(self.size) / 2) / self.ideal_focal
        if self.fisheye:
            return cv2.fisheye.distortPoints(rays[:, None], self._matrix, self._fisheye)[:, 0]
        points = np.column_stack([rays, np.ones(len(rays))])
        zero = np.zeros(3)
        return cv2.projectPoints(points, zero, zero, self._matrix, self._coefficients)[0][:, 0]

    def describe(self) -> str:
        """Describe the calibration in words and numbers, for the provenance of a motion."""
        model = "fisheye" if self.fisheye else "OpenCV"
        numbers = ", ".join(f"{x:.6g}" for x in self.distortion) or "none"
        return (
            f"{self.source}: {self.size[0]} x {self.size[1]}, fx {self.focal[0]:.6g}, "
            f"fy {self.focal[1]:.6g}, cx {self.center[0]:.6g}, cy {self.center[1]:.6g}, "
            f"{model} distortion {numbers}; xy is undistorted, with the principal point in the "
            "middle"
        )

    @property
    def _matrix(self) -> Float[np.ndarray, "3 3"]:
        (fx, fy), (cx, cy) = self.focal, self.center
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    @property
    def _coefficients(self) -> Float[np.ndarray, " k"]:
        return np.array([*self.distortion, *[0.0] * max(4 - len(self.distortion), 0)])

    @property
    def _fisheye(self) -> Float[np.ndarray, " 4"]:
        return np.array(self.distortion or (0.0,) * 4)


def undistort_motion(motion: Motion2D, lens: Lens) -> Motion2D:
    """Return a motion as the ideal camera of a lens sees it, with its focal length.

    A joint without a solution, far outside of the calibrated image, gets confidence 0.

    Raises:
        ValueError: If the calibration is for another aspect ratio.
    """
    lens = lens.scaled_to(motion.size)
    ideal, solved = lens.undistort(motion.xy.reshape(-1, 2))
    solved = solved.reshape(motion.confidence.shape)
    return replace(
        motion,
        xy=np.where(solved[..., None], ideal.reshape(motion.xy.shape), motion.xy),
        confidence=np.where(solved, motion.confidence, 0.0),
        focal=lens.ideal_focal,
        focal_source=lens.source,
    )
