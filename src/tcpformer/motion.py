"""`Motion2D`, a person's motion in the image, and `Motion3D`, the same in space.

Both are frozen and checked when made, so that functions need not check them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from .checks import check_type, describe
from .skeleton import BODY_26, GROUPS, Skeleton, conversion

WORLD_AXES = "x right, y away from the camera, z up"
CAMERA_AXES = "x right, y down, z forward"
ASSUMED_VIEW = 60.0
"""Degrees across the longer side of the image, if the focal length is unknown."""
REGION_SCALE = 2.5
"""Half-axes, in sigma, of the ellipsoid that holds a 3D Gaussian with probability 0.9."""


@dataclass(frozen=True)
class MotionLimits:
    """What motions and detections may hold: the cost of lifting follows the number of frames."""

    max_fps: float = 5000.0
    """Frames per second; no second may have more than twice as many."""
    min_step: float = 1e-6
    """Seconds between two frames."""
    max_pause: float = 600.0
    """Seconds that a motion may last beyond one second for each frame: of pauses, all together."""
    max_side: int = 100_000
    """Pixels along a side of the image."""
    max_xy: float = 1e7
    """Pixels of a detected joint from the corner of the image."""
    focal: tuple[float, float] = (1.0, 1e7)
    """Pixels of a focal length."""
    max_text: int = 10_000
    """Characters of a text."""


LIMITS = MotionLimits()
_FRACTION_RANGE, _MIN_IMAGE_SIZE = (-2.0, 5.0), 100
"""If all joints are in this range in an image of at least this many pixels, they are fractions of
the image; the range allows for joints outside of it."""
_BY_DEFAULT = np.zeros(0)
M = TypeVar("M", bound="Frames")
SKELETON_HINT = "give one such as tcpformer.COCO, BLAZEPOSE or HALPE26"


class ArrayRecord:
    """A frozen dataclass with arrays: compared by value, and still read-only after pickling.

    Arrays are copied when a record is made, unless they are those of a record, and cannot be
    written to.
    """

    __hash__ = None  # type: ignore[assignment]  # as of everything that is compared by value

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(value, getattr(other, name)) for name, value in _values(self).items())

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (type(self), _values(self))

    def _freeze(self) -> None:
        frozen: dict[int, np.ndarray] = {}  # an array that is there twice is copied once
        for name, value in _values(self).items():
            if isinstance(value, np.ndarray):
                if id(value) not in frozen:
                    frozen[id(value)] = read_only(value)
                _set(self, name, frozen[id(value)])


class Frames(ArrayRecord):
    """A motion as a sequence of frames, of which a slice is a motion."""

    fps: float
    times: np.ndarray
    skeleton: Skeleton
    person: int

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self: M, part: slice) -> M:
        """Return some frames: ``motion[10:20]``; times stay those of the video.

        Raises:
            ValueError: If it is no slice, one without a frame, or one that runs backwards.
        """
        if not isinstance(part, slice):
            raise ValueError(
                f"expected a slice of frames such as motion[10:20], got {describe(part)}; one "
                "frame is motion[10:11], and its joints alone are a row of the arrays."
            )
        try:
            start, stop, step = part.indices(len(self))
        except TypeError:
            raise ValueError(f"a slice takes whole numbers of frames, got {part}.") from None
        if step < 1 or stop <= start:
            raise ValueError(
                f"motion[{_bound(part.start)}:{_bound(part.stop)}"
                f"{'' if part.step is None else f':{part.step}'}] has no frame, or runs backwards; "
                f"the motion has frames 0 to {len(self) - 1}."
            )
        arrays = {n: v[part] for n, v in _values(self).items() if isinstance(v, np.ndarray)}
        return replace(self, **arrays, fps=self.fps / step)  # type: ignore[type-var]

    def __repr__(self) -> str:
        seconds = self.times[-1] - self.times[0] + 1 / self.fps
        frames = "1 frame" if len(self) == 1 else f"{len(self)} frames"
        return (
            f"{type(self).__name__}(person {self.person}, {len(self.skeleton.joints)} joints, "
            f"{frames}, {self.fps:.4g} fps, {seconds:.4g} s)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Motion2D(Frames):
    """A person's joints over time in the image.

    Attributes:
        xy: Joint positions in pixels; origin top-left, x right, y down.
        confidence: Detector score per joint, 0 (unseen) to 1 (certain).
        size: Image (width, height) in pixels.
        fps: Frames per second.
        skeleton: The joints, in the order of axis ``j``.
        valid: False in frames that do not show the person. By default True where any joint has
            confidence.
        times: Seconds since the first frame of the video. By default evenly spaced.
        focal: Focal length in pixels, None if unknown; the principal point is the image center.
        person: Number of the person among those in the video.
        focal_source: Where the focal length comes from, in words.

    Its arrays cannot be written to, ``==`` compares values, and a slice of frames is a motion.
    Positions and confidence are float64, or float32 if they are given so.

    Raises:
        ValueError: If a field is of another type, shapes disagree, numbers are not finite, a size,
            rate or focal length is not positive, a size not whole, a number beyond `LIMITS`, or
            positions are fractions of the image, not pixels.
    """

    xy: Float[np.ndarray, "t j 2"]
    confidence: Float[np.ndarray, "t j"]
    size: tuple[int, int]
    fps: float
    skeleton: Skeleton
    valid: Bool[np.ndarray, " t"] = field(default_factory=lambda: _BY_DEFAULT)
    times: Float[np.ndarray, " t"] = field(default_factory=lambda: _BY_DEFAULT)
    focal: float | None = None
    person: int = 0
    focal_source: str = "given with the 2D motion"

    def __post_init__(self) -> None:
        for name in ("xy", "confidence"):
            _set(self, name, as_floats(name, getattr(self, name), single=True))
        _check_2d(self)
        check_fields(self)
        set_field_types(self)
        if _is_default(valid := self.valid):
            valid = self.confidence.max(axis=1) > 0
        if _is_default(times := self.times):
            times = np.arange(len(self.xy)) / self.fps
        _set(self, "valid", np.asarray(valid, dtype=bool))
        _set(self, "times", as_floats("times", times))
        _check_frames(self.valid, self.times, len(self.xy))
        _check_pixels(self)
        self._freeze()


@dataclass(frozen=True, eq=False, repr=False)
class Motion3D(Frames):
    """A person's joints over time in space.

    Attributes:
        xyz: Joints in the world: x right, y away from the camera, z up. z = 0 is the floor at the
            soles with 26 joints, the height of standing ankles with 17. Metres.
        camera_xyz: The joints in the camera's axes: x right, y down, z forward. Metres.
        xy: The lifted joints in the image, in pixels.
        confidence: Detector score per joint, 0 to 1.
        valid: False in frames that did not show the person and were bridged.
        times: Seconds since the first frame of the video.
        fps: Frames per second.
        skeleton: The joints, in the order of axis ``j``.
        size: Image (width, height) in pixels.
        focal: Focal length in pixels; the principal point is the image center.
        provenance: Origin of the result, in words, by step: "weights" (name and fingerprint),
            "focal" (the focal length), "scale" (the metres), "ground" (gravity and floor),
            "postprocess" (the steps after lifting), "sigma" (what an assumed height adds to it).
            A step that was not done has no key.
        sigma: Standard deviation of each joint relative to the pelvis, metres along each camera
            axis; 0 for the pelvis. None if the weights predict no uncertainty.
        region_scale: Half-axes, in sigma, of the ellipsoid that holds a joint with probability
            0.9.
        person: Number of the person among those in the video.
        ground_sigma: One standard deviation of the camera's tilt and roll, in degrees, and of the
            floor's height below the camera, in metres, which the uncertainty of the scale does not
            enter. None if gravity and floor are not estimated.

    Its arrays cannot be written to, ``==`` compares values, and a slice of frames is a motion, in
    the world of the whole. Lifting gives float32, but for the times.

    Raises:
        ValueError: If a field is of another type, shapes disagree, numbers are not finite, a size,
            rate, focal length or region_scale is not positive, a sigma negative, or a number
            beyond `LIMITS`.
    """

    xyz: Float[np.ndarray, "t j 3"]
    camera_xyz: Float[np.ndarray, "t j 3"]
    xy: Float[np.ndarray, "t j 2"]
    confidence: Float[np.ndarray, "t j"]
    valid: Bool[np.ndarray, " t"]
    times: Float[np.ndarray, " t"]
    fps: float
    skeleton: Skeleton
    size: tuple[int, int]
    focal: float
    provenance: Mapping[str, str] = field(default_factory=dict)
    sigma: Float[np.ndarray, "t j 3"] | None = None
    region_scale: float = REGION_SCALE
    person: int = 0
    ground_sigma: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        _check_3d(self)
        check_fields(self)
        _check_sigma(self)
        set_field_types(self)
        _check_frames(self.valid, self.times, len(self.xyz))
        self._freeze()


def _set(motion: object, name: str, value: object) -> None:
    object.__setattr__(motion, name, value)


def _is_default(value: object) -> bool:
    return value is None or value is _BY_DEFAULT


def _bound(frame: int | None) -> str:
    return "" if frame is None else str(frame)


def _values(record: Any) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _make(kind: type, values: dict[str, Any]) -> Any:
    """Make a record of its fields, as unpickling does."""
    return kind(**values)


def _same(one: object, other: object) -> bool:
    """Return whether two fields are equal; NaN equals NaN."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")
    return not (isinstance(one, np.ndarray) or isinstance(other, np.ndarray)) and one == other


class _Given:
    """Memory that its owner writes to no more, or only before a motion of it is used."""

    def __init__(self, array: np.ndarray) -> None:
        address, _ = array.__array_interface__["data"]
        self.array = array  # which keeps the memory
        self.__array_interface__ = {**array.__array_interface__, "data": (address, True)}


def give(array: np.ndarray) -> np.ndarray:
    """Return a read-only array in the same memory, which a motion takes without a copy.

    For arrays that were made for the motion: an hour of joints is large.
    """
    return np.asarray(_Given(array))


def read_only(array: np.ndarray) -> np.ndarray:
    """Return an array that cannot be written to: a copy, or itself if it is such an array.

    Its memory is that of immutable bytes, so that no view of it, nor ``setflags``, can be either.
    An array that was given away with `give` is not copied.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    # Unpickled arrays are of bytes too, but writable.
    if isinstance(base, bytes | _Given) and not array.flags.writeable:
        return array
    return np.ndarray(array.shape, array.dtype, array.tobytes())


def as_floats(name: str, values: object, *, single: bool = False) -> np.ndarray:
    """Return real numbers as float64, without a copy where they are; else raise ValueError.

    With ``single``, float32 stays as it is.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{name} must be an array, got {describe(values)} of uneven length."
        ) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be real numbers, got an array of type {array.dtype}.")
    return array if single and array.dtype == np.float32 else np.asarray(array, dtype=np.float64)


def in_single_precision(motion: Motion2D) -> Motion2D:
    """Keep positions and confidence in half the memory: hours of them are large.

    All that follows from them is in single precision too: a ten-thousandth of a pixel, and a
    micrometre at ten metres. Positions of missing joints, which may be any number, are moved to
    within ``LIMITS.max_xy``.
    """
    xy = np.clip(motion.xy, -LIMITS.max_xy, LIMITS.max_xy).astype(np.float32)
    return replace(motion, xy=give(xy), confidence=give(motion.confidence.astype(np.float32)))


def set_field_types(record: Any) -> None:
    """Make plain numbers, texts and tuples of the fields that `check_fields` accepts."""
    _set(record, "size", (int(record.size[0]), int(record.size[1])))
    for name in {"fps", "focal", "region_scale"} & _values(record).keys():
        if (value := getattr(record, name)) is not None:
            _set(record, name, float(value))
    if hasattr(record, "person"):
        _set(record, "person", int(record.person))
    if isinstance(record, Motion3D):
        _set(record, "provenance", dict(record.provenance))
        if record.ground_sigma is not None:
            _set(record, "ground_sigma", tuple(map(float, record.ground_sigma)))


def _check_2d(motion: Motion2D) -> None:
    _check_skeleton(motion)
    t, j = (*motion.confidence.shape, 0, 0)[:2]
    if motion.xy.shape != (t, j, 2) or motion.confidence.shape != (t, j):
        raise ValueError(
            f"expected xy (t, j, 2) and confidence (t, j), got {motion.xy.shape} and "
            f"{motion.confidence.shape}."
        )
    if t == 0:
        raise ValueError("a motion needs at least one frame, got none.")
    if j != len(motion.skeleton.joints):
        raise ValueError(
            f"xy has {j} joints but skeleton {motion.skeleton.name!r} has "
            f"{len(motion.skeleton.joints)}; convert it first with `to_skeleton(motion, ...)`."
        )
    check_finite("xy", motion.xy)
    check_confidence(motion.confidence)


def _check_3d(motion: Motion3D) -> None:
    _check_skeleton(motion)
    for name in ("xyz", "camera_xyz", "xy", "confidence", "times", "valid", "sigma"):
        array, kind = getattr(motion, name), "bool" if name == "valid" else "float"
        if array is None and name == "sigma":
            continue
        if not isinstance(array, np.ndarray) or array.dtype.kind != kind[0]:
            found = getattr(array, "dtype", type(array).__name__)
            raise ValueError(f"{name} must be an array of type {kind}, got {found}.")
    t, j = (*motion.valid.shape, 0)[0], len(motion.skeleton.joints)
    shapes = tuple(x.shape for x in (motion.xyz, motion.camera_xyz, motion.xy, motion.confidence))
    if shapes != ((t, j, 3), (t, j, 3), (t, j, 2), (t, j)):
        raise ValueError(
            f"for {t} frames and skeleton {motion.skeleton.name!r} of {j} joints, expected xyz "
            f"and camera_xyz (t, j, 3), xy (t, j, 2) and confidence (t, j), got {shapes}."
        )
    for name in ("xyz", "camera_xyz", "xy"):
        check_finite(name, getattr(motion, name))
    check_confidence(motion.confidence)


def _check_skeleton(motion: Motion2D | Motion3D) -> None:
    check_type("skeleton", motion.skeleton, Skeleton, SKELETON_HINT)


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise ValueError if a number is NaN or infinite; axis 0 are frames."""
    if np.isfinite(array.sum()):  # in one pass, without an array of its size
        return
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise ValueError(
            f"{name} must be finite, but {len(bad)} numbers are NaN or infinite, the first in "
            f"frame {bad[0][0]}; set the confidence of a missing joint to 0 and its position "
            "to any number."
        )


def check_confidence(confidence: np.ndarray) -> None:
    """Raise ValueError if a confidence is not in 0 to 1."""
    check_finite("confidence", confidence)
    low, high = confidence.min(initial=0.0), confidence.max(initial=0.0)
    if low < 0 or high > 1:
        raise ValueError(f"confidence must lie in 0 to 1, got {low:.3g} to {high:.3g}.")


def _check_sigma(motion: Motion3D) -> None:
    ground = motion.ground_sigma
    if ground is not None and not _are_sigmas(ground):
        raise ValueError(f"ground_sigma must be three numbers of at least 0, got {ground}.")
    if not _is_positive(motion.region_scale):
        raise ValueError(f"region_scale must be positive, got {motion.region_scale}.")
    if motion.sigma is None:
        return
    if motion.sigma.shape != motion.camera_xyz.shape:
        raise ValueError(
            f"expected sigma along three axes for every joint, {motion.camera_xyz.shape}, got "
            f"{motion.sigma.shape}."
        )
    if motion.sigma.size and not (motion.sigma.min() >= 0 and motion.sigma.max() < np.inf):
        raise ValueError("sigma must be finite metres of at least 0.")


def _are_sigmas(values: object) -> bool:
    numbers = np.asarray(values, dtype=object)
    return numbers.shape == (3,) and all(x == 0 or _is_positive(x) for x in numbers)


def check_fields(motion: Any) -> None:
    """Check the fields that `Motion2D`, `Motion3D` and `Detections` share, but for the arrays.

    Raises:
        ValueError: If one is of another type, or a number is not positive or beyond `LIMITS`.
    """
    check_size_and_rate(motion.size, motion.fps)
    if motion.focal is not None and not _is_positive(motion.focal):
        raise ValueError(f"focal must be positive pixels, got {motion.focal}.")
    low, high = LIMITS.focal
    if motion.focal is not None and not low <= motion.focal <= high:
        raise ValueError(f"expected a focal of {low:g} to {high:g} pixels, got {motion.focal}.")
    person = getattr(motion, "person", 0)
    if not isinstance(person, int | np.integer) or isinstance(person, bool) or person < 0:
        raise ValueError(f"person must be a whole number of at least 0, got {person!r}.")
    provenance = getattr(motion, "provenance", {})
    if not isinstance(provenance, Mapping):
        raise ValueError(f"provenance must be a mapping, got {type(provenance).__name__}.")
    texts = {"focal_source": getattr(motion, "focal_source", ""), **provenance}
    for name, text in texts.items():
        if not isinstance(name, str) or not isinstance(text, str) or len(text) > LIMITS.max_text:
            raise ValueError(
                f"{str(name)[:40]} must be a text of at most {LIMITS.max_text} characters, got "
                f"{str(text)[:40]!r}."
            )


def check_size_and_rate(size: object, fps: object) -> None:
    """Check an image size in pixels and a frame rate.

    Raises:
        ValueError: If one is not positive or beyond `LIMITS`, or the size not a pair of whole
            numbers.
    """
    pair = np.asarray(size, dtype=object)
    whole = pair.shape == (2,) and all(_is_positive(x) and x % 1 == 0 for x in pair)
    if not whole or not _is_positive(fps):
        raise ValueError(f"size and fps must be positive, the size whole, got {size} and {fps}.")
    if max(pair) > LIMITS.max_side or np.asarray(fps) > LIMITS.max_fps:
        raise ValueError(
            f"expected at most {LIMITS.max_side} pixels along a side of the image and "
            f"{LIMITS.max_fps:g} frames per second, got {size} and {fps}."
        )


def _is_positive(x: object) -> bool:
    return isinstance(n := np.asarray(x, dtype=object)[()], Real) and bool(0 < n < np.inf)


def _check_pixels(motion: Motion2D) -> None:
    detected = ((motion.confidence > 0) & motion.valid[:, None])[..., None]
    low = float(motion.xy.min(where=detected, initial=np.inf))
    high = float(motion.xy.max(where=detected, initial=-np.inf))
    if max(motion.size) >= _MIN_IMAGE_SIZE and _FRACTION_RANGE[0] < low < high < _FRACTION_RANGE[1]:
        raise ValueError(
            f"xy from {low:.3g} to {high:.3g} look like fractions of the picture {motion.size}; "
            "pixels are expected: multiply x by the width and y by the height."
        )
    if low < -LIMITS.max_xy or (high > LIMITS.max_xy and low <= high):
        raise ValueError(
            f"expected xy of detected joints within {LIMITS.max_xy:g} pixels, got {low:.3g} to "
            f"{high:.3g}; set the confidence of a missing joint to 0."
        )


def _check_frames(valid: np.ndarray, times: np.ndarray, t: int) -> None:
    if valid.shape != (t,) or times.shape != (t,):
        raise ValueError(f"valid and times need {t} entries, got {valid.shape} and {times.shape}.")
    check_times(times)


def check_times(times: np.ndarray) -> None:
    """Check the times of frames, in seconds.

    Raises:
        ValueError: If they are not finite, do not increase, last much longer than one second a
            frame, or a second has too many; see `LIMITS`.
    """
    steps = np.diff(times)
    if not np.isfinite(times).all() or (steps < LIMITS.min_step * (1 - 1e-6)).any():
        raise ValueError(
            f"times must be finite and increase from frame to frame, by at least "
            f"{LIMITS.min_step:g} s."
        )
    if len(steps) and times[-1] - times[0] > LIMITS.max_pause + len(times):
        i = int(steps.argmax())
        raise ValueError(
            f"frame {i} is at {times[i]:.10g} s and frame {i + 1} at {times[i + 1]:.10g} s; the "
            f"{len(times)} frames may last one second each and have pauses of {LIMITS.max_pause:g} "
            "s in all: correct the times or fps, or split the motion there."
        )
    window = 2 * int(LIMITS.max_fps)
    if (times[window:] - times[:-window] < 1).any():
        raise ValueError(
            f"expected at most {window} frames within a second, got more: correct the times, which "
            "are in seconds."
        )


def assumed_focal(size: tuple[int, int]) -> float:
    """Return the focal length in pixels of a camera with a field of view of `ASSUMED_VIEW`."""
    return float(max(size) / (2 * np.tan(np.radians(ASSUMED_VIEW) / 2)))


def to_skeleton(motion: Motion2D, target: Skeleton) -> Motion2D:
    """Convert a motion to the joints of another skeleton.

    A joint made of several has the least confidence of them; one that the source lacks has
    confidence 0. If one ear is not detected, as in profile, the other stands for both in what is
    made of ears; the ears themselves stay as they are.

    Raises:
        ValueError: If no conversion between the two skeletons is known.
    """
    check_type("motion", motion, Motion2D)
    check_type("target", target, Skeleton, SKELETON_HINT)
    if target == motion.skeleton:
        return motion
    weights = conversion(motion.skeleton, target)
    from_ears = _with_both_ears(motion)
    least = [from_ears.confidence[:, p].min(axis=1, initial=float(p.any())) for p in weights != 0]
    xy = np.einsum("js,tsx->tjx", weights.astype(motion.xy.dtype), from_ears.xy)
    confidence = np.stack(least, axis=1)
    ears = [ear for ear in ("LEar", "REar") if ear in target.index and ear in motion.skeleton.index]
    there, here = target.indices(*ears), motion.skeleton.indices(*ears)
    xy[:, there], confidence[:, there] = motion.xy[:, here], motion.confidence[:, here]
    return replace(motion, xy=give(xy), confidence=give(confidence), skeleton=target)


def seen_groups(motion: Motion3D) -> list[str]:
    """Return the names of `GROUPS` of which the motion has joints that were ever detected."""
    if motion.skeleton != BODY_26:
        return []
    seen = motion.confidence[motion.valid]
    return [name for name, joints in GROUPS.items() if seen[:, joints].any()]


def _with_both_ears(motion: Motion2D) -> Motion2D:
    """Move an ear of confidence 0 to the other one, with its confidence."""
    ears = [motion.skeleton.index[ear] for ear in ("LEar", "REar") if ear in motion.skeleton.index]
    xy, confidence = motion.xy.copy(), motion.confidence.copy()
    for ear, other in zip(ears, ears[::-1], strict=True):
        hidden = motion.confidence[:, ear] == 0
        xy[hidden, ear] = motion.xy[hidden, other]
        confidence[hidden, ear] = motion.confidence[hidden, other]
    return replace(motion, xy=give(xy), confidence=give(confidence))
