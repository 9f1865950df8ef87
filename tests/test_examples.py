"""The examples run, and give what they promise."""

import runpy
import subprocess
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from foreign import blender_python
from mocaps import mocap_file
from motions import walk
from paths import EXCERPT, ROOT, SAMPLE
from walk26 import walk26

from tcpformer import (
    BODY_26,
    H36M,
    Lifter,
    Motion2D,
    load_motion,
    open_video,
    save,
    to_skeleton,
)
from tcpformer.io.video import write_video
from tcpformer.models import MODELS
from tcpformer.models.checkpoint import load_weights
from tcpformer.runtime.export import export
from tcpformer.skeleton import stature

EXAMPLES = ROOT / "examples"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run an example as a program."""

    def run_example(name: str, *arguments: object) -> None:
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    return run_example


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_example_is_short_and_in_the_docs(path: Path) -> None:
    assert 10 <= len(path.read_text().splitlines()) <= 40
    pages = [page.read_text() for page in (ROOT / "docs").rglob("*.md")]
    assert any(f"examples/{path.name}" in page for page in pages)


def test_lift_video_writes_bvh(tmp_path: Path, run: Callable[..., None]) -> None:
    video = open_video(SAMPLE)
    write_video(tmp_path / "dance.mp4", islice(video.frames(), 5), video.fps)
    run("lift_video.py", tmp_path / "dance.mp4")
    assert (tmp_path / "dance_0.bvh").read_text().splitlines().count("Frames: 5") == 1


def test_lift_keypoints_raises_right_arm(tmp_path: Path, run: Callable[..., None]) -> None:
    run("lift_keypoints.py", tmp_path / "arm.npz")
    motion = load_motion(tmp_path / "arm.npz")
    wrist = motion.xyz[:, H36M.index["RWrist"]] - motion.xyz[:, H36M.index["RShoulder"]]
    other = motion.xyz[:, H36M.index["LWrist"]] - motion.xyz[:, H36M.index["LShoulder"]]
    assert wrist[0, 2] < -0.3
    assert wrist[-1, 2] > 0.3
    assert np.abs(other[:, 2] + 0.4).max() < 0.25


def first_views(path: Path, count: int) -> Path:
    """Write the first views of the benchmark's excerpt."""
    content = dict(np.load(EXCERPT))
    views, frames = len(content["offsets"]) - 1, content["offsets"][-1]
    length = {views: count, views + 1: count + 1, frames: content["offsets"][count]}
    shorter = {k: v[: length.get(len(v))] if v.ndim else v for k, v in content.items()}
    np.savez(path, **(shorter | {"joints": content["joints"]}))
    return path


def test_score_weights_prints_both_tables(
    tmp_path: Path, tiny: Path, run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run("score_weights.py", tiny, first_views(tmp_path / "two.npz", 2))
    assert capsys.readouterr().out.count("| all |") == 2


def test_new_model_trains_and_saves_weights(
    tmp_path: Path,
    run: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tcpformer.models.MODELS", MODELS.copy())
    run("new_model.py", mocap_file(tmp_path / "mocap.npz"), tmp_path / "run")
    assert "'step': 20" in capsys.readouterr().out
    assert (tmp_path / "run" / "weights" / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fast", "default"])
def test_onnx_without_package_gives_the_package_s_answer(
    name: str, tmp_path: Path, run: Callable[..., None]
) -> None:
    weights = load_weights(name)
    export(weights, tmp_path / "a.onnx", "onnx")
    lifter = Lifter(weights, flip=False, overlap=0.0)
    frames, step = weights.model.config.frames, lifter.spec.frame_step
    motion = walk26(frames * step, lifter.spec.fps, speed=0.3)
    flat = Motion2D(motion.xy, motion.confidence, motion.size, motion.fps, BODY_26)
    if name == "fast":
        flat = to_skeleton(flat, H36M)
    expected = lifter.predict_metric(flat, height=1.8, focal=motion.focal)
    arrays = {"xy": flat.xy[::step], "confidence": flat.confidence[::step]}
    arrays |= {"size": np.array(flat.size), "focal": np.array(motion.focal)}
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    run("onnx_without_package.py", tmp_path / "a.onnx", tmp_path / "a.npz", 1.8, tmp_path / "b.npz")
    xyz = np.load(tmp_path / "b.npz")["xyz"]
    assert xyz.shape == (frames, len(flat.skeleton.joints), 3)
    apart = np.linalg.norm(xyz - expected[::step], axis=-1)
    assert apart.mean() < 0.003  # the package smooths what alternates between its clips
    assert np.median(stature(xyz)) == pytest.approx(1.8)


@pytest.mark.slow
def test_blender_import_sets_rate_length_and_camera(tmp_path: Path) -> None:
    motion = walk(40, fps=29.97)
    save(motion, tmp_path / "people.glb")
    report = (
        "import bpy, runpy, sys; bpy.ops.wm.read_factory_settings(use_empty=True); "
        "runpy.run_path(sys.argv[1], run_name='__main__'); s = bpy.context.scene; "
        "image = s.camera.data.background_images[0].image; "
        "print('FOUND', s.render.fps / s.render.fps_base, s.frame_start, s.frame_end, "
        "s.render.resolution_x, s.render.resolution_y, image.source, *s.camera.location)"
    )
    script = EXAMPLES / "blender_import.py"
    arguments = [blender_python(), "-c", report, script, "--", tmp_path / "people.glb", SAMPLE]
    done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, timeout=300)
    found = next(line for line in done.stdout.splitlines() if line.startswith("FOUND")).split()
    assert float(found[1]) == pytest.approx(29.97, rel=1e-6)
    assert found[2:6] == ["0", "39", *map(str, motion.size)]
    assert found[6] == "MOVIE"
    np.testing.assert_allclose([float(x) for x in found[7:]], [0, -5, 1], atol=1e-5)  # CAMERA
