"""The command line: files in, files out."""

import json
import re
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from commands import refused, run, written
from keypoint_files import openpose, people
from motions import walk
from paths import SAMPLE
from weights26 import save_weights26

from tcpformer import __version__, load_motion, open_video
from tcpformer.io.video import Frame, write_video
from tcpformer.runtime import device
from tcpformer.skeleton import BODY25, H36M
from tcpformer.world.ground import ground_of
from tcpformer.world.posture import angles_of
from tcpformer.world.scale import median_height

# Kind of number (floating, boolean, integer, text) and axes, as the docs list them.
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
    "person": ("i", ()),
    "ground_sigma": ("f", (3,)),
    "provenance": ("U", ()),
}


def bvh_frames(path: Path) -> np.ndarray:
    text = path.read_text()
    assert text.startswith("HIERARCHY\nROOT Hips\n")
    return np.array(
        [line.split() for line in text.split("Frame Time:")[1].split("\n")[1:-1]], float
    )


def test_lift_keypoints_writes_npz_and_bvh(
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
    assert motion.provenance["scale"] == "body height, given: 1.80 m"
    assert motion.provenance["weights"].startswith(f"{tiny.name} sha256:")
    assert len(bvh_frames(out / "person_0/motion.bvh")) == 40
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in ("person_0: motion.npz, motion.bvh", "40 frames at 30", "seen in 40"):
        assert words in printed.out
    assert re.search(r"\nscale: .*1\.80 m\nfocal length: assumed", printed.out)
    assert re.search(r"done in \d+\.\d s\n$", printed.out)


def test_lift_passes_options_to_the_lifter(tmp_path: Path, walking: Path, tiny: Path) -> None:
    motions = []
    for i, options in enumerate([(), ("--no-flip",), ("--focal", 700), ("--height", 1.2)]):
        run("lift", walking, "--out", tmp_path / str(i), "--weights", tiny, *options)
        motions.append(load_motion(tmp_path / str(i) / "person_0/motion.npz"))
    plain, no_flip, focal, height = motions
    assert focal.focal == 700
    assert "1.20 m" in height.provenance["scale"]
    assert all(np.abs(m.xyz - plain.xyz).max() > 1e-4 for m in (no_flip, focal, height))


def test_lift_again_replaces_results(tmp_path: Path, walking: Path, tiny: Path) -> None:
    out = tmp_path / "out"
    for height in (1.5, 1.9):
        run("lift", walking, "--out", out, "--weights", tiny, "--height", height)
    assert "1.90 m" in load_motion(out / "person_0/motion.npz").provenance["scale"]
    assert written(out) == ["person_0/motion.bvh", "person_0/motion.npz"]


def test_lift_deletes_overlay_and_raw_motion_of_earlier_run(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the overlay of other motions, nor a raw motion beside another finished one."""
    out = tmp_path / "out"
    run("lift", walking, "--out", out, "--weights", tiny, "--save-raw")
    (out / "overlay.mp4").write_bytes(b"an older one")
    capsys.readouterr()
    run("lift", walking, "--out", out, "--weights", tiny, "--overwrite")
    assert written(out) == ["person_0/motion.bvh", "person_0/motion.npz"]
    assert "overlay.mp4 was of an earlier run and was deleted" in capsys.readouterr().out


def test_lift_deletes_people_of_earlier_run(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their results are of another world; other files, and the source of the lift, stay."""
    out = tmp_path / "out"
    run("lift", walking, "--out", out, "--weights", tiny, "--save-raw")
    for other in ("person_1", "person_2"):
        shutil.copytree(out / "person_0", out / other)
    (out / "person_2/notes.txt").write_text("mine")
    capsys.readouterr()
    run("lift", walking, "--out", out, "--weights", tiny, "--overwrite")
    kept = ["person_0/motion.bvh", "person_0/motion.npz", "person_2/notes.txt"]
    assert written(out) == kept
    assert not (out / "person_1").exists()
    assert "person_1/motion.npz was of an earlier run and was deleted" in capsys.readouterr().out
    shutil.copytree(out / "person_0", out / "person_1")
    run("lift", walking, "--out", out, "--weights", tiny, "--person", 0, "--overwrite")
    assert "person_1/motion.npz" in written(out), "--person excludes it"
    assert "person_1 is of an earlier run" in capsys.readouterr().out
    printed = refused(capsys, "lift", out / "person_1/motion.npz", "--out", out, "--weights", tiny)
    assert "would replace" in printed
    assert "person_1/motion.npz" in written(out)


def test_lift_accepts_capital_suffix(tmp_path: Path, walking: Path, tiny: Path) -> None:
    loud = Path(shutil.copy(walking, tmp_path / "WALK.NPZ"))
    run("lift", loud, "--out", tmp_path / "out", "--weights", tiny)
    assert "person_0/motion.npz" in written(tmp_path / "out")


def test_lift_reports_other_length_of_video(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = walk(1).size
    pictures = (Frame(i, i / 30, np.zeros((size[1], size[0], 3), np.uint8)) for i in range(3))
    write_video(tmp_path / "short.mp4", pictures, 30.0)
    run("lift", walking, "--out", tmp_path / "out", "--weights", tiny, "--video",
        tmp_path / "short.mp4")  # fmt: skip
    printed = capsys.readouterr().out
    assert "keypoints are of frames 0 to 39, counted from 0, of the 3 of short.mp4" in printed


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--camera-height", 1.1), r"camera height, given: 1\.10 m above the floor; the person is"),
        (
            ("--bone-length", "RKnee-RAnkle=0.41"),
            r"(bone )?length, given: RKnee to RAnkle 0\.410 m; the person",
        ),
    ],
)
def test_lift_scales_raw_motion_too(
    tmp_path: Path, walking: Path, tiny: Path, option: tuple[object, ...], words: str
) -> None:
    run("lift", walking, "--out", tmp_path, "--weights", tiny, "--save-raw", *option)
    motion, raw = (load_motion(tmp_path / f"person_0/motion{kind}.npz") for kind in ("", "_raw"))
    assert re.match(words + r".* m tall", motion.provenance["scale"])
    assert raw.provenance["scale"] == motion.provenance["scale"]
    assert median_height(motion) == pytest.approx(median_height(raw), abs=1e-5)
    assert f"{median_height(motion):.2f} m tall" in motion.provenance["scale"]


@pytest.mark.parametrize(
    "options",
    [
        ("--camera-tilt", 20, "--camera-roll", -30),
        ("--up", 0.4698, -0.8138, -0.3420),
    ],
    ids=["angles", "up"],
)
def test_lift_with_a_known_camera(
    tmp_path: Path,
    walking: Path,
    tiny: Path,
    options: tuple[object, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("lift", walking, "--out", tmp_path, "--weights", tiny, *options)
    motion = load_motion(tmp_path / "person_0/motion.npz")
    assert angles_of(ground_of(motion).up) == pytest.approx((20, -30), abs=0.1)
    assert motion.ground_sigma is not None
    assert motion.ground_sigma[:2] == (0.0, 0.0)
    assert "ground: up: given" in capsys.readouterr().out


def test_lift_reports_and_saves_sigma_of_the_ground(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("lift", walking, "--out", tmp_path, "--weights", tiny)
    sigma = load_motion(tmp_path / "person_0/motion.npz").ground_sigma
    assert sigma is not None
    words = f"one sigma: vertical {max(sigma[:2]):.1f} degrees, floor {sigma[2]:.2f} m"
    printed = capsys.readouterr().out
    assert words in printed
    assert ("the vertical is uncertain" in printed) == (max(sigma[:2]) > 6 or sigma[2] > 0.5)


@pytest.mark.slow
def test_lift_backend_onnx_gives_the_same(tmp_path: Path, walking: Path, tiny: Path) -> None:
    for backend in ("torch", "onnx"):
        run("lift", walking, "--out", tmp_path / backend, "--weights", tiny, "--backend", backend)
    ours, other = (load_motion(tmp_path / b / "person_0/motion.npz") for b in ("torch", "onnx"))
    np.testing.assert_allclose(other.xyz, ours.xyz, atol=1e-4)
    assert (other.xyz != ours.xyz).any()


def test_lift_passes_precision_to_the_network(
    tmp_path: Path, walking: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precisions: list[str] = []
    form = device.prepare_for_inference
    monkeypatch.setattr(
        device,
        "prepare_for_inference",
        lambda model, numbers: (precisions.append(numbers), form(model, "float32"))[1],
    )
    for options in ((), ("--precision", "bfloat16")):
        run("lift", walking, "--out", tmp_path / "out", "--weights", tiny, *options)
    assert precisions == ["float32", "bfloat16"]


def test_lift_sample_clip_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two seconds of video: people found, lifted by the packaged weights, drawn."""
    clip, out = tmp_path / "clip.mp4", tmp_path / "out"
    write_video(clip, (_half(f) for f in islice(open_video(SAMPLE).frames(2), 30)), 15.0)
    run("lift", clip, "--out", out, "--landmarks", "full", "--device", "cpu")
    people = [f"person_{i}/motion.{kind}" for i in (0, 1) for kind in ("bvh", "npz")]
    bridged = sorted(file for file in written(out) if file.endswith(".bvh.json"))
    assert written(out) == sorted(["overlay.mp4", *people, *bridged])
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
    printed = capsys.readouterr()
    assert printed.err == ""  # progress bars are for terminals
    assert "overlay.mp4" in printed.out


def _half(frame: Frame) -> Frame:
    return Frame(frame.index, frame.time, np.ascontiguousarray(frame.image[::2, ::2]))


def test_lift_takes_the_people_of_a_foreign_keypoint_file(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = openpose(tmp_path / "json", people(BODY25))
    given = ("--fps", 30, "--size", 1280, 720, "--weights", tiny, "--device", "cpu")
    run("lift", folder, *given, "--out", tmp_path / "out")
    expected = [f"person_{i}/motion.{s}" for i in (0, 1) for s in ("bvh", "npz")]
    assert written(tmp_path / "out") == expected
    run("lift", folder, *given, "--out", tmp_path / "one", "--person", 1)
    assert written(tmp_path / "one") == ["person_1/motion.bvh", "person_1/motion.npz"]
    capsys.readouterr()
    message = refused(capsys, "lift", folder, *given, "--person", 7, "--out", tmp_path / "none")
    assert "'longest' or a number from 0 to 1" in message
    assert not (tmp_path / "none").exists()
    assert "--fps and --size" in refused(capsys, "lift", folder, "--weights", tiny)


def test_lift_refuses_a_pattern_that_the_shell_expanded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = refused(capsys, "lift", "frames/1.png", "frames/2.png", "--fps", 25)
    assert 'got 2 pictures; quote the pattern: tcpformer lift "frames/*.png" --fps' in error


def test_lift_refuses_pictures_without_a_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "2.png").write_bytes(b"")
    assert "as --fps" in refused(capsys, "lift", tmp_path, "--out", tmp_path / "out")


@pytest.mark.parametrize("joints", ["17", "26"])
def test_lift_reports_what_was_never_detected(
    joints: str, tmp_path: Path, walking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = save_weights26(tmp_path / "weights")
    run("lift", walking, "--out", tmp_path / "out", "--weights", weights, "--joints", joints)
    printed = capsys.readouterr().out
    assert ("never detected, placed by the network alone: feet, hands" in printed) == (
        joints == "26"
    )


def test_lift_refuses_joints_that_the_weights_lack(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ("--weights", tiny, "--joints", 26, "--out", tmp_path / "out")
    assert "give 17 joints, got joints=26" in refused(capsys, "lift", walking, *wanted)


OPENPOSE = ("--fps", 30, "--size", 1280, 720, "--device", "cpu")


def test_lift_quiet_prints_nothing(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("lift", walking, "-o", tmp_path / "out", "--weights", tiny, "--quiet", "--camera-tilt", 3)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert "person_0/motion.npz" in written(tmp_path / "out")


def test_lift_quiet_prints_warnings_on_stderr(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heights = ("--height", "0=1.8,7=1.6")
    run("lift", walking, "-o", tmp_path, "--weights", tiny, "--quiet", *heights)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "a height is given for person 7, who is not lifted; lifted are 0" in printed.err


def test_lift_takes_a_height_for_each_person(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = openpose(tmp_path / "json", people(BODY25))
    run("lift", folder, *OPENPOSE, "-o", tmp_path, "--weights", tiny, "--height", "0=1.85,1=1.62")
    heights = [median_height(load_motion(tmp_path / f"person_{i}/motion.npz")) for i in (0, 1)]
    assert heights == pytest.approx([1.85, 1.62], abs=0.02)
    printed = capsys.readouterr().out
    assert "  scale: body height, given: 1.62 m" in printed
    assert printed.count("focal length: ") == printed.count("post-processing: ") == 1
    assert "got the text '0=1.85,0=2'" in refused(capsys, "lift", folder, "--height", "0=1.85,0=2")


def test_lift_a_part_keeps_the_times_of_the_whole(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("lift", walking, "-o", tmp_path, "--weights", tiny, "--start", 0.5, "--end", 1)
    motion, whole = load_motion(tmp_path / "person_0/motion.npz"), walk(40)
    np.testing.assert_allclose(motion.times, whole.times[15:30])
    np.testing.assert_allclose(motion.xy, whole.xy[15:30])
    assert (tmp_path / "person_0/motion.bvh").read_text().count("\n") > 15
    message = refused(capsys, "lift", walking, "-o", tmp_path, "--weights", tiny, "--start", 9)
    assert "the frames are at 0 to 1.3 s, and none from 9 s to its end" in message


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    run("--version")
    assert capsys.readouterr().out == f"tcpformer {__version__}\n"


def test_lift_of_several_sources_gives_each_a_folder(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """In this process; those of `serve.processes` have tests of their own."""
    from tcpformer.cli import _batch
    from tcpformer.serve.task import run_task

    def here(job, tasks, watch):
        for number, task in enumerate(tasks, 1):
            line = run_task(job, task, lambda *step, t=task: watch.progress(0, t, *step))
            watch.ended(line, number, len(tasks))
            yield line

    monkeypatch.setattr(_batch.BatchOptions, "run", lambda self, threads: here)
    bad = tmp_path / "videos/deep/bad.mp4"
    bad.parent.mkdir(parents=True)
    bad.write_text("no video")
    command = ("lift", walking, tmp_path / "videos", "--out", tmp_path / "out", "--weights", tiny)
    for words in ("1 lifted, 1 failed", "1 lifted before, 1 failed"):
        with pytest.raises(SystemExit) as ended:
            run(*command)
        assert ended.value.code == 3
        printed = capsys.readouterr()
        assert words in printed.out
        assert "bad.mp4 is not a video" in printed.err
    assert "keypoints/person_0/motion.npz" in written(tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out/report.jsonl").read_text().splitlines()]
    assert [(line["file"], line["state"]) for line in lines] == [
        ("deep/bad", "failed"),
        ("keypoints", "done"),
    ]
    assert lines[1]["frames"] == 40
    assert lines[1]["weights"].startswith(f"{tiny.name} sha256:")
    with pytest.raises(SystemExit) as ended:
        run("lift", tmp_path / "videos", "--out", tmp_path / "none", "--weights", tiny, "--quiet")
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--jobs", 2), "for several inputs, got one clip"),
        (("--part", "1/2"), "for several inputs, got one clip"),
        (("--jobs", 0), "at least 1"),
        (("--split", 0.5), "at least 1 minute"),
        (("--part", "3/2"), "K/N with K from 1 to N"),
        (("--ray", "auto", "--jobs", 2), "for one machine"),
        (("missing.npz",), "no such file or folder: missing"),
    ],
)
def test_lift_refuses_options_of_a_batch(
    tmp_path: Path, walking: Path, capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...], words: str,
) -> None:  # fmt: skip
    assert words in refused(capsys, "lift", walking, *arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
