"""The checks name every mistake, and find none in clean data."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paths import DATA, ROOT

from tcpformer.datasets.custom import Sequence, save_sequence
from tcpformer.datasets.validate.check import ADVICE, check_folder, check_sequence
from tcpformer.datasets.validate.tempo import log_speed_ratio

EXCERPT = DATA / "open_benchmark_excerpt.npz"
BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "validator.py"))
MISTAKES, RATES = BENCHMARK["MISTAKES"], BENCHMARK["RATES"]


def part(sequence: Sequence, cut: slice) -> Sequence:
    confidence = np.asarray(sequence.confidence)[cut]
    return replace(sequence, xy=sequence.xy[cut], xyz=sequence.xyz[cut], confidence=confidence)


def halves(sequence: Sequence) -> list[Sequence]:
    middle = len(sequence) // 2
    return [part(sequence, slice(None, middle)), part(sequence, slice(middle, None))]


WHOLE = list(BENCHMARK["views"](EXCERPT, noisy=False))
CLEAN = [half for view in WHOLE for half in halves(view)][:8]
NOISY = [half for view in BENCHMARK["views"](EXCERPT, noisy=True) for half in halves(view)][:8]


def overlapping(sequence: Sequence) -> list[Sequence]:
    return [part(sequence, slice(start, start + 110)) for start in (0, 40)]


LONG = [long for view in WHOLE for long in overlapping(view) if len(long) >= 100]


@pytest.mark.parametrize("sequences", [CLEAN, NOISY], ids=["exact", "noisy"])
@pytest.mark.parametrize("known", ["place", "pose"])
def test_check_sequence_finds_nothing_in_clean_data(sequences: list[Sequence], known: str) -> None:
    for sequence in sequences:
        assert (
            check_sequence(sequence if known == "place" else BENCHMARK["pose_only"](sequence)) == []
        )


@pytest.mark.parametrize("name", MISTAKES)
def test_check_sequence_names_mistakes(name: str, rng: np.random.Generator) -> None:
    make, fault, detail = MISTAKES[name]
    # The lag of a person who hardly moves is hidden by a detector's errors.
    sequences = LONG if fault == "time shift" else NOISY
    hits = [BENCHMARK["named"](check_sequence(make(s, rng)), fault, detail) for s in sequences]
    assert np.mean(hits) >= 0.95


def folder_of(path: Path, sequences: list[Sequence]) -> Path:
    path.mkdir()
    for i, sequence in enumerate(sequences):
        save_sequence(path / f"{i:02}.npz", sequence)
    return path


@pytest.mark.parametrize("name", RATES)
def test_check_folder_names_wrong_frame_rates(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    assert len(LONG) >= 20
    check = check_folder(folder_of(tmp_path / "own", [RATES[name](s, rng) for s in LONG]))
    faults = {f.sequence for f in check.findings if f.fault == "frame rate"}
    assert len(faults) >= 0.95 * len(LONG)


def test_check_folder_of_clean_data(tmp_path: Path) -> None:
    check = check_folder(folder_of(tmp_path / "own", LONG))
    assert check.findings == []
    assert check.table() == f"{len(LONG)} sequences, nothing found."


def test_table_advises(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "own", [replace(CLEAN[0], xyz=CLEAN[0].xyz * 1000), CLEAN[1]])
    (folder / "02.npz").write_text("nothing")
    check = check_folder(folder)
    assert [(f.sequence, f.fault) for f in check.findings] == [
        ("00.npz", "unit"),
        ("02.npz", "unreadable"),
    ]
    assert check.table().startswith("3 sequences, 2 with faults.")
    assert ADVICE["unit"] in check.table()
    assert "millimetres" in check.table()


def test_check_folder_finds_one_slow_sequence(tmp_path: Path) -> None:
    runner = max(LONG, key=lambda s: log_speed_ratio(s.to_h36m(s.xyz), s.fps) or 0.0)
    slow = replace(runner, fps=runner.fps / 12)
    check = check_folder(folder_of(tmp_path / "own", [slow, *LONG[:3]]))
    assert [(f.sequence, f.fault) for f in check.findings] == [("00.npz", "frame rate")]


def test_check_sequence_ignores_unseen_joints() -> None:
    s = CLEAN[0]
    xy, confidence = s.xy.copy(), np.asarray(s.confidence).copy()
    xy[::3, 5], confidence[::3, 5] = 0, 0
    assert check_sequence(replace(s, xy=xy, confidence=confidence)) == []
    nowhere = replace(s, xy=xy, confidence=np.zeros_like(confidence))
    assert check_sequence(nowhere) == []


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_check_sequence_of_short_motion(frames: int) -> None:
    assert check_sequence(part(CLEAN[0], slice(None, frames))) == []


def test_check_sequence_finds_a_mismatch() -> None:
    other = replace(CLEAN[0], xy=np.random.default_rng(0).uniform(0, 1000, CLEAN[0].xy.shape))
    assert [f.fault for f in check_sequence(other)] == ["mismatch"]


def test_check_sequence_finds_an_unknown_order(rng: np.random.Generator) -> None:
    order = rng.permutation(17)
    s = CLEAN[0]
    found = check_sequence(replace(s, xyz=s.xyz[:, order], xy=s.xy[:, order]))
    assert [(f.fault, f.detail) for f in found] == [("joint order", "unknown")]


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e300])
def test_check_sequence_takes_huge_numbers_for_infinite(number: float) -> None:
    xy = CLEAN[0].xy.copy()
    xy[3, 2, 0] = number
    (finding,) = check_sequence(replace(CLEAN[0], xy=xy))
    assert (finding.fault, finding.detail) == ("not finite", "xy")
