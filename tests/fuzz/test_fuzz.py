"""Some hundred damaged files of every format, and laws of the harness itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutators import BYTES, TEXT, Mutator, json_tree, toml_tree
from paths import TESTS
from runner import MEMORY_BYTES, Job, Target, find_not_finite, make_input, run_inputs, try_input
from structured import NPZ, ONNX, PICKLE, SAFETENSORS, TORCH

from tcpformer.io.bvh import read_bvh
from tcpformer.pipeline import InputOptions, read_source

INPUTS, SECONDS = 1200, 6


def run_campaign(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TESTS / "fuzz" / "campaign.py"), "--out", str(out), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_readers_read_or_refuse_damaged_files(tmp_path: Path) -> None:
    ran = run_campaign(tmp_path, "--inputs", "6000", "--seed", "2026")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_readers_read_or_refuse_some_damaged_files(tmp_path: Path) -> None:
    ran = run_campaign(tmp_path, "--inputs", f"{INPUTS}", "--seconds", f"{SECONDS}")
    assert ran.returncode == 0, ran.stdout + ran.stderr


# The harness finds what it shall find


def find_kinds(tmp_path: Path, read: object) -> list[str]:
    target = Target("made-up", (), read, {".x": BYTES})  # type: ignore[arg-type]
    tally = run_inputs(Job(target, [{"a.x": b"0123456789"}], 0, tmp_path), 0, 3)
    assert tally.inputs == 3
    assert tally.finds == sum(tally.kinds.values())
    return sorted(tally.kinds)


def refuse(folder: Path) -> object:
    raise ValueError(f"{folder / 'a.x'}: no")


def test_run_inputs_takes_results_and_refusals(tmp_path: Path) -> None:
    assert find_kinds(tmp_path, lambda folder: np.zeros(3)) == []
    assert find_kinds(tmp_path, refuse) == []


def fail(folder: Path) -> object:
    raise KeyError(folder)


def refuse_without_name(folder: Path) -> object:
    raise ValueError("no")


def take_memory(folder: Path) -> object:
    return len(b"1" * (3 * MEMORY_BYTES >> 5))


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (fail, "KeyError in test_fuzz.py fail"),
        (refuse_without_name, "message names no file"),
        (lambda folder: {"x": [np.array([0.0, np.nan])]}, "not finite: item"),
        (lambda folder: os.abort(), "process died (-6)"),
        (take_memory, "more than 1 GB"),
    ],
)
def test_run_inputs_finds(
    read: object, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.MEMORY_BYTES", MEMORY_BYTES >> 4)
    (found,) = find_kinds(tmp_path, read)
    assert kind in found
    assert list(tmp_path.glob("made-up/*/0/a.x"))


def test_run_inputs_ends_a_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.CPU_SECONDS", 0.05)

    def hang(folder: Path) -> object:
        while True:
            pass

    (found,) = find_kinds(tmp_path, hang)
    assert "hang" in found


def test_run_inputs_reads_again_what_took_long_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.CPU_SECONDS", 0.5)
    monkeypatch.setattr("runner.PATIENCE", 2)
    stood_still = tmp_path / "stood still"

    def wait_once(folder: Path) -> object:
        if not stood_still.exists():
            stood_still.touch()
            time.sleep(60)
        return 1

    assert not find_kinds(tmp_path, wait_once)
    assert stood_still.exists()


def test_find_not_finite_names_the_place() -> None:
    assert find_not_finite({"a": [1.0, np.zeros(2)], "b": None}) == ""
    assert find_not_finite({"a": (1.0, float("inf"))}) == "item"


@pytest.mark.parametrize(
    "mutators", [BYTES, TEXT, NPZ, PICKLE, TORCH, SAFETENSORS, ONNX, (json_tree, toml_tree)]
)
def test_make_input_is_the_same_for_a_seed(mutators: tuple[Mutator, ...], tmp_path: Path) -> None:
    target = Target("made-up", (), refuse, {".x": mutators})
    content = {"a.x": b'{"a": [1, 2.5, "x"]}\n' * 4, "b": b"untouched"}
    jobs = [Job(target, [content], seed, tmp_path) for seed in (1, 1, 2)]
    first, again, other = ([make_input(job, i) for i in range(20)] for job in jobs)
    assert first == again
    assert first != other
    assert all(files["b"] == b"untouched" for files in first)
    assert sum(files["a.x"] != content["a.x"] for files in first) > 10


# Structure: inputs that hypothesis builds


def read_any(path: Path) -> object:
    return read_source(path, InputOptions(fps=30.0, size=(640, 480)))


SMALL = st.floats(allow_subnormal=False)  # threads of networks flush subnormal numbers
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | SMALL | st.text(max_size=4),
    lambda parts: st.lists(parts, max_size=4)
    | st.dictionaries(
        st.sampled_from(["instances", "keypoints", "keypoint_scores", "frame_id", "track_id",
                         "image_id", "pose_landmarks", "x", "y", "score", "idx"]),
        parts, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip
QUICK = settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@QUICK
@given(st.lists(VALUES, max_size=3) | st.fixed_dictionaries({"instance_info": VALUES}))
def test_read_detections_refuses_or_reads_any_json(
    tmp_path_factory: pytest.TempPathFactory, content: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    target = Target("any", (), lambda folder: read_any(folder / path.name), {})
    files = {path.name: path.read_bytes()}
    outcome, trace = try_input(target, files, path.parent / "any", MEMORY_BYTES << 10)
    assert outcome in ("read", "refused"), trace


CHANNELS = [f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")]
NUMBERS = st.floats(-1e3, 1e3, allow_subnormal=False)


@QUICK
@given(st.data())
def test_read_bvh_reads_any_hierarchy(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bones of joints without position channels keep their lengths."""
    count = data.draw(st.integers(1, 6), "joints")
    parents = [data.draw(st.integers(0, i - 1)) if i else -1 for i in range(count)]
    channels = [data.draw(st.lists(st.sampled_from(CHANNELS), unique=True)) for _ in parents]
    channels[0] = channels[0] or CHANNELS[:1]
    offsets = [data.draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)) for _ in parents]
    frames, total = data.draw(st.integers(1, 3)), sum(map(len, channels))

    def joint(i: int) -> str:
        inner = "".join(joint(k) for k, parent in enumerate(parents) if parent == i)
        names = " ".join([str(len(channels[i])), *channels[i]])
        offset = " ".join(f"{x:.6f}" for x in offsets[i])
        word = "JOINT" if i else "ROOT"
        return f"{word} j{i} {{ OFFSET {offset} CHANNELS {names} {inner} }}\n"

    rows = [[data.draw(NUMBERS) for _ in range(total)] for _ in range(frames)]
    numbers = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in rows)
    path = tmp_path_factory.getbasetemp() / "any.bvh"
    path.write_text(f"HIERARCHY {joint(0)} MOTION Frames: {frames} Frame Time: 0.02\n{numbers}\n")
    capture = read_bvh(path)
    assert capture.xyz.shape == (frames, count, 3)
    for name, i in zip(capture.joints, range(count), strict=True):
        own = int(name[1:])
        if i and not any("position" in channel for channel in channels[own]):
            bone = np.linalg.norm(capture.xyz[:, i] - capture.xyz[:, capture.parents[i]], axis=-1)
            np.testing.assert_allclose(bone, np.linalg.norm(offsets[own]), rtol=1e-4, atol=1e-5)
