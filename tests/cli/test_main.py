"""The command line as a whole: help, exit codes, closed pipes, words of older versions."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import refused, run, written


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["lift", "info", "evaluate", "train"]),
        (("lift",), ["--out", "--height", "--checkpoint-protocol", "A video; or keypoints"]),
        (("evaluate",), ["--data", "--known-focal"]),
        (("train",), ["--config.network.frames", "Clip length", "h36m-243", "--hardware.device"]),
        (("data",), ["check", "mocap", "open"]),
        (("data", "check"), ["one npz per sequence"]),
    ],
)
def test_help_comes_from_docstrings(
    arguments: tuple[str, ...], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments, "--help")
    assert ended.value.code == 0
    printed = " ".join(re.sub(r"[│─╭╮╰╯]", " ", capsys.readouterr().out).split())
    assert not [word for word in words if word not in printed]


def test_main_in_a_process_of_its_own(tmp_path: Path, walking: Path) -> None:
    """First a run that succeeds with the packaged weights, then one that fails."""
    code = (
        "import sys; from tcpformer.cli import main; failed = main(); "
        "sys.argv[2] = 'none.mp4'; sys.exit(failed or main())"
    )
    done = subprocess.run(  # one for both: imports take most of its time
        [sys.executable, "-c", code, "lift", walking, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        # As in conftest: a second thread spins while it waits for a busy core.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert (done.returncode, done.stderr) == (2, "tcpformer: no such file: none.mp4\n")
    assert re.search(r"person_0/motion\.bvh\n(.*\n)*done in \d+\.\d s\n$", done.stdout)
    assert written(tmp_path / "out") == ["person_0/motion.bvh", "person_0/motion.npz"]


def test_main_exits_quietly_if_stdout_is_closed() -> None:
    """As `tcpformer info | head -1` does."""
    code = "import sys; from tcpformer.cli import main; main(['info'])"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120,
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lift", "a.mp4", "--length", "RKnee-RAnkle=0.4"), "--length is now --bone-length"),
        (("lift", "a.mp4", "--no-finish"), "--no-finish is now --no-postprocess"),
        (("lift", "a.mp4", "--trained-on=h36m"), "--trained-on is now --checkpoint-protocol"),
        (("evaluate", "open", "--every", 2), "--every is now --view-step"),
        (("ablate",), "python -m research.ablations"),
        (("attention", "a.mp4"), "python -m research.attention_maps"),
    ],
)
def test_main_names_what_took_the_place_of_old_words(
    arguments: tuple[object, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, *arguments)
