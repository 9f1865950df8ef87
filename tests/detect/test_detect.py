"""The package: `detect_people` on a path, and the deprecated call of the package."""

from pathlib import Path

import pytest
from clips import sample

import tcpformer
from tcpformer.detect import FrameDetector, detect_people
from tcpformer.detect.frame_detector import FrameDetector as defined


def test_detect_people_opens_a_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*nothing\.mp4"):
        detect_people(str(tmp_path / "nothing.mp4"))


def test_calling_the_package_warns_and_detects_people(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(
        tcpformer.detect, "detect_people", lambda *a, **k: given.append((a, k)) or []
    )
    with pytest.warns(DeprecationWarning, match="detect_people"):
        tcpformer.detect("a.mp4", person=0)  # type: ignore[operator]
    assert given == [(("a.mp4",), {"person": 0})]


def test_detect_people_gives_motions_with_numbers() -> None:
    (motion,) = detect_people(sample(50, 52), person=0, landmarks="full")
    assert (motion.person, len(motion)) == (0, 2)
    assert motion.valid.all()


def test_frame_detector_is_a_name_of_the_package() -> None:
    assert FrameDetector is defined
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tcpformer.detect.nothing  # type: ignore[attr-defined]  # noqa: B018
