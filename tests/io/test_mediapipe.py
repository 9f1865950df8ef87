"""Results of MediaPipe's pose landmarker."""

import json
from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE
from program_files import mediapipe

from tcpformer.io.keypoints import RateAndSize
from tcpformer.io.mediapipe import is_mediapipe, read_mediapipe
from tcpformer.skeleton import BLAZEPOSE
from tcpformer.tracking.assemble import assemble_people


def two_people(count: int = 20) -> np.ndarray:
    """Return two people (2, t, 33, 3) who stand apart and move."""
    body = np.random.default_rng(0).uniform(-1, 1, (33, 2)) * [40, 5]
    body[:, 1] += np.linspace(-120, 120, 33)
    start = np.array([[300, 350], [900, 350]])[:, None, None]
    xy = body + start + np.arange(count)[:, None, None]
    return np.concatenate([xy, np.full((*xy.shape[:-1], 1), 0.9)], axis=-1)


def read(path: Path, fps: float | None = FPS):
    content = json.loads(path.read_text())
    assert is_mediapipe(content)
    return read_mediapipe(path, content, RateAndSize(fps, SIZE))


@pytest.mark.parametrize("key", ["pose_landmarks", "poseLandmarks", "landmarks"])
def test_read_mediapipe_gives_pixels(key: str, tmp_path: Path) -> None:
    two = two_people()
    found = assemble_people(read(mediapipe(tmp_path / "a.json", two, key)))
    assert [motion.skeleton for motion in found] == [BLAZEPOSE] * 2
    for motion, true in zip(found, two, strict=True):
        np.testing.assert_allclose(motion.xy, true[..., :2], atol=1e-6)
        np.testing.assert_allclose(motion.confidence, 0.9)


def test_read_mediapipe_takes_the_older_solution_and_frames_without_people(tmp_path: Path) -> None:
    path = mediapipe(tmp_path / "a.json", two_people()[:1])
    content = json.loads(path.read_text())
    for i, entry in enumerate(content):
        landmarks = entry["pose_landmarks"][0]
        entry["pose_landmarks"] = {"landmark": landmarks} if i != 4 else None
    path.write_text(json.dumps({"frames": content}))
    (motion,) = assemble_people(read(path))
    assert np.flatnonzero(~motion.valid).tolist() == [4]


def test_read_mediapipe_takes_times_and_rate_of_its_stamps(tmp_path: Path) -> None:
    path = mediapipe(tmp_path / "a.json", two_people(), timestamp_ms=lambda i: 500 + 40 * i)
    found = read(path, fps=None)
    assert found.fps == pytest.approx(25)
    np.testing.assert_allclose(found.times, 0.5 + np.arange(20) / 25)
    path = mediapipe(path, two_people(), timestamp_ms=lambda i: 1617183612345 + 40 * i)
    np.testing.assert_allclose(read(path, fps=None).times, np.arange(20) / 25)


def test_read_mediapipe_takes_numbers_of_frames(tmp_path: Path) -> None:
    found = read(mediapipe(tmp_path / "a.json", two_people(), frame=lambda i: 2 * i))
    assert len(found.times) == 39
    assert sorted(set(found.frame.tolist())) == list(range(0, 39, 2))


def _with(path: Path, where: tuple[object, ...], value: object) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ((1, "pose_landmarks"), [[{"x": 1}]], r"entry 1, landmarks: expected 'y', found x"),
        ((1, "pose_landmarks"), [[{"x": 1, "y": 2}]], r"expected the 33 landmarks .* got 1"),
        ((1, "pose_landmarks", 0, 5, "x"), "left", r"entry 1, landmarks: expected a list of num"),
        ((1,), {"other": 1}, r"entry 1: expected 'pose_landmarks' or .*, found other"),
        ((1,), 7, r"entry 1: expected an object with 'pose_landmarks' .*got 7"),
        ((1, "timestamp_ms"), "soon", r"entry 1, timestamp_ms: expected the number .*'soon'"),
        ((1, "timestamp_ms"), 0, r"expected timestamp_ms in milliseconds that grow"),
    ],
)
def test_read_mediapipe_names_the_entry_at_fault(
    where: tuple[object, ...], value: object, message: str, tmp_path: Path
) -> None:
    path = mediapipe(tmp_path / "a.json", two_people(), timestamp_ms=lambda i: 33 * i)
    _with(path, where, value)
    with pytest.raises(ValueError, match=rf"a\.json.*{message}"):
        read(path)


def test_read_mediapipe_refuses_pixels(tmp_path: Path) -> None:
    two = two_people()
    two[..., :2] *= SIZE
    with pytest.raises(ValueError, match=r"expected x and y .* as fractions .*Divide x by the"):
        read(mediapipe(tmp_path / "a.json", two))
