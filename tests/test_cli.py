"""The command line: files in, files out, and one sentence when that cannot be."""

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from motions import walk

from tcpformer import __version__, load_motion, open_video
from tcpformer.cli import main
from tcpformer.models.tcpformer import Config, TCPFormer
from tcpformer.skeleton import H36M
from tcpformer.video import Frame, write_video
from tcpformer.weights import Convention, packaged, save_model

SAMPLE = Path(__file__).parents[1] / "assets/sample.mp4"
Files = dict[str, np.ndarray]
# Kind of number (floating, boolean, integer, text) and axes, as docs/files.md tells them.
KEYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "xyz": ("f", (40, 17, 3)),
    "camera_xyz": ("f", (40, 17, 3)),
    "xy": ("f", (40, 17, 2)),
    "confidence": ("f", (40, 17)),
    "valid": ("b", (40,)),
    "times": ("f", (40,)),
    "fps": ("f", ()),
    "joints": ("U", (17,)),
    "unit": ("U", ()),
    "axes": ("U", ()),
    "size": ("i", (2,)),
    "focal": ("f", ()),
    "focal_source": ("U", ()),
    "scale_source": ("U", ()),
    "weights": ("U", ()),
}


def keypoints() -> Files:
    """A walk as a detector of Human3.6M joints would see it, in an order of its own."""
    figure, order = walk(40), np.random.default_rng(0).permutation(17)
    return {
        "xy": figure.xy[:, order],
        "confidence": figure.confidence[:, order],
        "joints": np.array(H36M.joints)[order],
        "fps": np.array(30.0),
        "size": np.array(figure.size),
    }


@pytest.fixture
def walking(tmp_path: Path) -> Path:
    return _with()(tmp_path).rename(tmp_path / "keypoints.npz")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that answer at once, though not well."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    model = TCPFormer(Config(frames=9, depth=1, width=8, heads=1, representation=8))
    save_model(model, folder, convention=Convention(fps=30.0))
    return folder


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def written(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def bvh_frames(path: Path) -> np.ndarray:
    text = path.read_text()
    assert text.startswith("HIERARCHY\nROOT Hip\n")
    return np.array(
        [line.split() for line in text.split("Frame Time:")[1].split("\n")[1:-1]], float
    )


# What is written


def test_keypoints_become_a_motion_and_its_skeleton(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made" / "anew"
    run("lift", walking, "--out", out, "--weights", tiny, "--height", 1.8, "--device", "cpu")
    assert written(out) == ["person_0/motion.bvh", "person_0/motion.npz"]
    with np.load(out / "person_0/motion.npz", allow_pickle=False) as file:
        found = {key: (file[key].dtype.kind, file[key].shape) for key in file}
        assert found == KEYS
        assert str(file["unit"]) == "m"
        assert "x right, y away from the camera, z up" in str(file["axes"])
    motion = load_motion(out / "person_0/motion.npz")
    np.testing.assert_allclose(motion.xy, walk(40).xy)
    assert motion.scale_source == "body height, given: 1.80 m"
    assert motion.weights.startswith(f"{tiny.name} sha256:")
    assert bvh_frames(out / "person_0/motion.bvh").shape == (40, 3 + 17 * 3)
    said = capsys.readouterr()
    assert said.err == ""
    for words in ("person_0/motion.npz", "person_0/motion.bvh", "40 frames at 30", "seen in 40"):
        assert words in said.out
    assert re.search(r"scale: .*1\.80 m; focal length: assumed", said.out)
    assert re.search(r"done in \d+\.\d s\n$", said.out)


def test_options_reach_the_lifter(tmp_path: Path, walking: Path, tiny: Path) -> None:
    motions = []
    for i, options in enumerate([(), ("--no-flip",), ("--focal", 700), ("--height", 1.2)]):
        run("lift", walking, "--out", tmp_path / str(i), "--weights", tiny, *options)
        motions.append(load_motion(tmp_path / str(i) / "person_0/motion.npz"))
    plain, no_flip, focal, height = motions
    assert focal.focal == 700
    assert "1.20 m" in height.scale_source
    assert all(np.abs(m.xyz - plain.xyz).max() > 1e-4 for m in (no_flip, focal, height))


def test_lifting_again_replaces_what_was_there(tmp_path: Path, walking: Path, tiny: Path) -> None:
    out = tmp_path / "out"
    for height in (1.5, 1.9):
        run("lift", walking, "--out", out, "--weights", tiny, "--height", height)
    assert "1.90 m" in load_motion(out / "person_0/motion.npz").scale_source
    assert written(out) == ["person_0/motion.bvh", "person_0/motion.npz"]


def test_info_names_versions_devices_and_weights(capsys: pytest.CaptureFixture[str]) -> None:
    run("info")
    said = capsys.readouterr().out
    assert said.startswith(f"tcpformer {__version__}, Python 3.")
    for words in (f"torch {torch.__version__}", "devices: cpu", "cuda:", "mps:", "extras missing:"):
        assert words in said
    for name in packaged():
        assert f"weights {name} sha256:" in said
    assert "rule=" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["lift", "info", "evaluate", "train"]),
        (("lift",), ["--out", "--height", "--trained-on", "A video, or an .npz of keypoints"]),
        (("evaluate",), ["--data", "--know-focal"]),
        (("train",), ["--plan.frames", "Clip length"]),
    ],
)
def test_help_is_made_of_the_docstrings(
    arguments: tuple[str, ...], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments, "--help")
    assert ended.value.code == 0
    said = " ".join(re.sub(r"[│─╭╮╰╯]", " ", capsys.readouterr().out).split())
    assert not [word for word in words if word not in said]


def test_the_sample_goes_all_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two seconds of video: people found, lifted by the packaged weights, drawn."""
    clip, out = tmp_path / "clip.mp4", tmp_path / "out"
    write_video(clip, (_half(f) for f in islice(open_video(SAMPLE).frames(2), 30)), 15.0)
    run("lift", clip, "--out", out, "--landmarks", "full", "--device", "cpu")
    assert written(out) == ["overlay.mp4", "person_0/motion.bvh", "person_0/motion.npz"]
    motion = load_motion(out / "person_0/motion.npz")
    assert (len(motion), motion.size) == (30, (640, 360))
    assert motion.fps == pytest.approx(15, rel=0.01)
    assert motion.valid.mean() > 0.8
    head, feet = H36M.index["Head"], [H36M.index["LAnkle"], H36M.index["RAnkle"]]
    assert (motion.xyz[:, head, 2] > motion.xyz[:, feet, 2].max(axis=1) + 0.5).mean() > 0.8
    drawn = list(open_video(out / "overlay.mp4").frames())
    np.testing.assert_allclose([f.time for f in drawn], motion.times, atol=1e-3)
    assert drawn[0].image.shape[0] == 360
    assert drawn[0].image.shape[1] > 640  # the figures stand beside the picture
    said = capsys.readouterr()
    assert said.err == ""  # progress bars are for terminals
    assert "overlay.mp4" in said.out


def _half(frame: Frame) -> Frame:
    return Frame(frame.index, frame.time, np.ascontiguousarray(frame.image[::2, ::2]))


# What cannot be


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


def _with(**changes: object) -> Callable[[Path], Path]:
    """The keypoint file, but for some of its arrays; None leaves one out."""

    def make(folder: Path) -> Path:
        content = {k: v for k, v in (keypoints() | changes).items() if v is not None}
        np.savez(folder / "a.npz", **content)  # type: ignore[arg-type]
        return folder / "a.npz"

    return make


def _npz(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "a.npz").write_bytes(content)
        return folder / "a.npz"

    return make


def _cut_npz(folder: Path) -> Path:
    whole = _with()(folder)
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
    "a folder": (lambda folder: folder, "is not a video"),
    "text as video": (_text, "is not a video"),
    "an empty video": (_empty, "is not a video"),
    "a video cut off": (_cut_off, "is broken after 0 frames"),
    "audio only": (_audio, "only audio"),
    "nobody in it": (_blank, "nobody was found"),
    "text as npz": (_npz(b"this is no archive\n"), "not an npz file"),
    "an empty npz": (_npz(b""), "not an npz file"),
    "an npz cut off": (_cut_npz, "not an npz file"),
    "objects in an npz": (_with(xy=np.array([{}], dtype=object)), "not an npz file"),
    "NaN": (_with(xy=_nan()), "NaN or infinite, the first in frame 12"),
    "unknown joints": (
        _with(joints=np.array([f"tentacle{i}" for i in range(17)])),
        r"unknown joint names \['tentacle0'",
    ),
    "a joint twice": (
        _with(joints=np.array([*H36M.joints[:16], "Hip"])),
        r"joint names must differ, but \['Hip'\] come twice",
    ),
    "too few joints": (
        _with(joints=np.array(H36M.joints[:5]), xy=np.zeros((4, 5, 2)), confidence=np.ones((4, 5))),
        "no known skeleton is complete",
    ),
    "no rate": (_with(fps=None), r"keys \['fps'\] are missing"),
    "a rate of zero": (_with(fps=np.float64(0)), "size and fps must be positive"),
    "shapes at odds": (_with(confidence=np.ones((39, 17))), r"expected xy \(t, 17, 2\)"),
    "no frames": (
        _with(xy=np.zeros((0, 17, 2)), confidence=np.zeros((0, 17))),
        "at least one frame",
    ),
    "never seen": (_with(confidence=np.zeros((40, 17))), "nobody is visible"),
    "sure beyond all": (_with(confidence=np.full((40, 17), 7.0)), "confidence must lie in 0 to 1"),
}


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which a command ends."""
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith("tcpformer: ")
    assert said.err.count("\n") == 1
    assert said.err.endswith("\n")
    assert "Traceback" not in said.err + said.out
    return said.err


@pytest.mark.parametrize("case", BAD_SOURCES)
def test_a_bad_source_ends_in_one_sentence(
    tmp_path: Path, tiny: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = BAD_SOURCES[case]
    source, out = make(tmp_path), tmp_path / "out"
    said = refused(capsys, "lift", source, "--out", out, "--weights", tiny, "--landmarks", "full")
    assert re.search(words, said)
    assert written(out) == []


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
        (_another_network, r"not the weights of a TCPFormer.*backbone\.conv1"),
        (_code, "nothing in it was run"),
        (_no_weights, "not a checkpoint"),
        (lambda folder: folder, r"expected model\.safetensors and config\.json"),
    ],
)
def test_bad_weights_end_in_one_sentence(
    tmp_path: Path,
    walking: Path,
    make: Callable[[Path], Path],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    said = refused(capsys, "lift", walking, "--out", out, "--weights", make(tmp_path))
    assert re.search(words, said)
    assert written(out) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--height", 170), r"height must be metres"),
        (("--focal", -5), "focal length must be positive"),
        (("--device", "gpu"), "device must be 'auto'"),
        (("--trained-on", "h36m"), "leave trained_on out"),
    ],
)
def test_bad_options_end_in_one_sentence(
    tmp_path: Path,
    walking: Path,
    tiny: Path,
    options: tuple[object, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    said = refused(capsys, "lift", walking, "--out", out, "--weights", tiny, *options)
    assert re.search(words, said)
    assert written(out) == []


@pytest.mark.parametrize("place", ["file", "file/below", "out"])
def test_an_output_that_cannot_be_ends_in_one_sentence(
    tmp_path: Path, walking: Path, tiny: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the folder should be, above it, or where the person's own should be."""
    (tmp_path / "file").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/person_0").write_text("precious")
    said = refused(capsys, "lift", walking, "--out", tmp_path / place, "--weights", tiny)
    assert "file" in said or "person_0" in said
    assert written(tmp_path) == ["file", "keypoints.npz", "out/person_0"]
    assert (tmp_path / "file").read_text() == "precious"
    assert (tmp_path / "out/person_0").read_text() == "precious"


def test_a_failed_run_leaves_older_results_alone(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run("lift", walking, "--out", out, "--weights", tiny)
    before = {path: (out / path).read_bytes() for path in written(out)}
    capsys.readouterr()
    refused(capsys, "lift", _with(xy=_nan())(tmp_path), "--out", out, "--weights", tiny)
    assert {path: (out / path).read_bytes() for path in written(out)} == before


@pytest.mark.parametrize("verb", ["evaluate", "train"])
def test_other_verbs_refuse_in_one_sentence_too(
    tmp_path: Path, walking: Path, tiny: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of keypoints is no benchmark and no motion capture."""
    if verb == "evaluate":
        said = refused(capsys, verb, "open", "--data", walking, "--weights", tiny)
        assert "expected an open-benchmark file" in said
    else:
        said = refused(capsys, verb, tmp_path / "run", "--data", walking)
        assert "keypoints.npz" in said


def test_the_command_itself(tmp_path: Path, walking: Path) -> None:
    """In a process of its own, with the packaged weights; first well, then not."""
    command = [sys.executable, "-c", "from tcpformer.cli import main; main()", "lift"]
    done = subprocess.run(
        [*command, walking, "--out", tmp_path / "out"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert written(tmp_path / "out") == ["person_0/motion.bvh", "person_0/motion.npz"]
    done = subprocess.run(
        [*command, tmp_path / "none.mp4"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tcpformer: no such file: {tmp_path / 'none.mp4'}\n"
