"""Bad input to the command line: one sentence, and nothing written."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from commands import keypoint_file, keypoints, refused, run, written
from paths import SAMPLE

from tcpformer.io.video import Frame, write_video
from tcpformer.skeleton import H36M


def _text(folder: Path) -> Path:
    (folder / "a.mp4").write_text("this is no film\n")
    return folder / "a.mp4"


def _empty(folder: Path) -> Path:
    (folder / "a.mp4").touch()
    return folder / "a.mp4"


def _cut_off(folder: Path) -> Path:
    (folder / "a.mp4").write_bytes(SAMPLE.read_bytes()[:2000])
    return folder / "a.mp4"


def _audio(folder: Path) -> Path:
    with av.open(str(folder / "a.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=44100)
        for _ in range(4):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.sample_rate = 44100
            file.mux(stream.encode(sound))
        file.mux(stream.encode(None))
    return folder / "a.mp4"


def _blank(folder: Path) -> Path:
    grey = np.full((120, 160, 3), 128, np.uint8)
    write_video(folder / "a.mp4", (Frame(i, i / 10, grey) for i in range(4)), 10.0)
    return folder / "a.mp4"


def _npz(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "a.npz").write_bytes(content)
        return folder / "a.npz"

    return make


def _cut_npz(folder: Path) -> Path:
    whole = keypoint_file()(folder)
    whole.write_bytes(whole.read_bytes()[:-400])
    return whole


def _nan() -> np.ndarray:
    xy = keypoints()["xy"].copy()
    xy[12, 3] = np.nan
    return xy


BAD_SOURCES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no such video": (lambda folder: folder / "a.mp4", "no such file"),
    "no such keypoints": (lambda folder: folder / "a.npz", "no such file"),
    "a name of two lines": (lambda folder: folder / "a\nb.mp4", "no such file"),
    "a folder": (lambda folder: folder, "should hold either OpenPose's"),
    "text as video": (_text, "is not a video"),
    "an empty video": (_empty, "is not a video"),
    "a video cut off": (_cut_off, "is broken after 0 of 230 frames"),
    "audio only": (_audio, "only audio"),
    "no one in it": (_blank, "no one was found"),
    "text as npz": (_npz(b"this is no archive\n"), "not an npz file"),
    "an empty npz": (_npz(b""), "not an npz file"),
    "an npz cut off": (_cut_npz, "not an npz file"),
    "objects in an npz": (keypoint_file(xy=np.array([{}], dtype=object)), "Python objects"),
    "NaN": (keypoint_file(xy=_nan()), "NaN or infinite, the first in frame 12"),
    "unknown joints": (
        keypoint_file(joints=np.array([f"tentacle{i}" for i in range(17)])),
        r"unknown joint names \['tentacle0'",
    ),
    "a joint twice": (
        keypoint_file(joints=np.array([*H36M.joints[:16], "Hip"])),
        r"joint names must differ, but \['Hip'\] come twice",
    ),
    "too few joints": (
        keypoint_file(
            joints=np.array(H36M.joints[:5]), xy=np.zeros((4, 5, 2)), confidence=np.ones((4, 5))
        ),
        "no known skeleton is complete",
    ),
    "no rate": (
        keypoint_file(fps=None),
        "has no fps; give --fps, or the --video",
    ),
    "a rate of zero": (keypoint_file(fps=np.float64(0)), "size and fps must be positive"),
    "shapes at odds": (keypoint_file(confidence=np.ones((39, 17))), r"expected xy \(t, 17, 2\)"),
    "no frames": (
        keypoint_file(xy=np.zeros((0, 17, 2)), confidence=np.zeros((0, 17))),
        "at least one frame",
    ),
    "never seen": (keypoint_file(confidence=np.zeros((40, 17))), "no one is visible"),
    "sure beyond all": (
        keypoint_file(confidence=np.full((40, 17), 7.0)),
        "confidence must lie in 0 to 1",
    ),
}


@pytest.mark.parametrize("case", BAD_SOURCES)
def test_lift_refuses_bad_source(
    tmp_path: Path, tiny: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = BAD_SOURCES[case]
    source, out = make(tmp_path), tmp_path / "out"
    message = refused(
        capsys, "lift", source, "--out", out, "--weights", tiny, "--landmarks", "full"
    )
    assert re.search(words, message)
    assert not out.exists()


def _another_network(folder: Path) -> Path:
    torch.save({"state_dict": {"backbone.conv1.weight": torch.zeros(3)}}, folder / "a.pth")
    return folder / "a.pth"


def _code(folder: Path) -> Path:
    torch.save({"model": print}, folder / "a.pth")
    return folder / "a.pth"


def _no_weights(folder: Path) -> Path:
    (folder / "a.pth").write_text("weights\n")
    return folder / "a.pth"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none", "no weights at"),
        (_another_network, r"no known network.*backbone\.conv1"),
        (_code, "nothing in it was run"),
        (_no_weights, "not a checkpoint"),
        (lambda folder: folder, r"expected model\.safetensors and config\.json"),
    ],
)
def test_lift_refuses_bad_weights(
    tmp_path: Path,
    walking: Path,
    make: Callable[[Path], Path],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    message = refused(capsys, "lift", walking, "--out", out, "--weights", make(tmp_path))
    assert re.search(words, message)
    assert written(out) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--height", 170), r"height must be metres"),
        (("--height", 1.7, "--camera-height", 1.5), "got height and camera_height"),
        (("--bone-length", "RKnee-RAnkle"), "JOINT-JOINT=METRES"),
        (("--bone-length", "RKnee-RAnkle=43"), "the person would be .* m tall"),
        (("--camera-height", 1.5, "--no-postprocess"), "leave out --no-postprocess"),
        (("--focal", -5), "focal length must be positive"),
        (("--camera-tilt", 120), "tilt must be -90 to 90 degrees, got 120"),
        (("--camera-roll", "nan"), "roll must be -180 to 180 degrees, got nan"),
        (("--up", 0, 0, 0), "expected a direction for up"),
        (("--device", "gpu"), "device must be 'auto'"),
        (("--checkpoint-protocol", "h36m"), "omit checkpoint_protocol"),
        (("--threads", -1), "threads must be at least 0 .*, got -1"),
        (("--size", 640, 360), r"has size 1280 x 720, but --size is 640 x 360"),
    ],
)
def test_lift_refuses_bad_options(
    tmp_path: Path,
    walking: Path,
    tiny: Path,
    options: tuple[object, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    message = refused(capsys, "lift", walking, "--out", out, "--weights", tiny, *options)
    assert re.search(words, message)
    assert written(out) == []


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_lift_names_extra_of_missing_backend(
    tmp_path: Path,
    walking: Path,
    tiny: Path,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module, extra = {"onnx": ("onnxscript", "export"), "openvino": ("openvino", "openvino")}[
        backend
    ]
    monkeypatch.setitem(sys.modules, module, None)
    out = tmp_path / "out"
    message = refused(
        capsys, "lift", walking, "--out", out, "--weights", tiny, "--backend", backend
    )
    line = f"{sys.executable} -m pip install 'tcpformer[{extra}]'"
    assert message == f"tcpformer: This needs {module}: {line}\n"
    assert not out.exists()


@pytest.mark.parametrize("place", ["file", "file/below", "out"])
def test_lift_refuses_output_that_cannot_be_written(
    tmp_path: Path, walking: Path, tiny: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the folder should be, above it, or where the person's own should be."""
    (tmp_path / "file").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/person_0").write_text("precious")
    message = refused(capsys, "lift", walking, "--out", tmp_path / place, "--weights", tiny)
    assert "file" in message or "person_0" in message
    assert written(tmp_path) == ["file", "keypoints.npz", "out/person_0"]
    assert (tmp_path / "file").read_text() == "precious"
    assert (tmp_path / "out/person_0").read_text() == "precious"


def test_lift_keeps_results_if_it_fails(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run("lift", walking, "--out", out, "--weights", tiny)
    before = {path: (out / path).read_bytes() for path in written(out)}
    capsys.readouterr()
    refused(capsys, "lift", keypoint_file(xy=_nan())(tmp_path), "--out", out, "--weights", tiny)
    assert {path: (out / path).read_bytes() for path in written(out)} == before


@pytest.mark.parametrize("raw", [False, True])
def test_quality_refuses_other_files(
    tmp_path: Path, walking: Path, tiny: Path, raw: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keypoints, as the motion or as what it was before it was finished."""
    run("lift", walking, "--out", tmp_path / "out", "--weights", tiny)
    motion = tmp_path / "out/person_0/motion.npz"
    capsys.readouterr()
    message = refused(capsys, "quality", *((motion, "--raw", walking) if raw else (walking,)))
    assert "keypoints.npz" in message
    assert "camera_xyz" in message


@pytest.mark.parametrize("verb", ["evaluate", "train"])
def test_other_verbs_refuse_other_files(
    tmp_path: Path, walking: Path, tiny: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of keypoints is no benchmark and no motion capture."""
    if verb == "evaluate":
        message = refused(capsys, verb, "open", "--data", walking, "--weights", tiny)
        assert "keys" in message
    else:
        message = refused(capsys, verb, "open", "--out", tmp_path / "run", "--data", walking)
        assert "keypoints.npz" in message
