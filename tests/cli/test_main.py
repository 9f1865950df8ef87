"""The command line as a whole: help, exit codes, closed pipes, words of older versions."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import keypoint_file, refused, run, written
from paths import SAMPLE

from tcpformer import cli, pipeline


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["lift", "info", "evaluate", "train"]),
        (("lift",), ["--out", "--height", "--checkpoint-protocol", "2D keypoints"]),
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
    summary = r"person_0: motion\.npz, motion\.bvh\n(.*\n)*done in \d+\.\d s\n$"
    assert re.search(summary, done.stdout)
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


def test_main_prints_no_traceback_of_a_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("un\x1b[31mlikely")

    monkeypatch.setitem(cli.VERBS, "info", fail)
    for debug in ("", "1"):
        monkeypatch.setenv("TCPFORMER_DEBUG", debug)
        with pytest.raises(SystemExit) as ended:
            run("info")
        assert ended.value.code == 1
        printed = capsys.readouterr().err
        assert ("Traceback" in printed) == bool(debug)
        assert r"tcpformer: unexpected RuntimeError: un\x1b[31mlikely; this is" in printed
        assert "\x1b" not in printed


def test_main_shows_the_traceback_of_bad_input_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TCPFORMER_DEBUG", "1")
    with pytest.raises(SystemExit) as ended:
        run("lift", "none.mp4")
    assert ended.value.code == 2
    assert "Traceback" in capsys.readouterr().err


def test_main_ends_cleanly_on_sigterm(
    tmp_path: Path, walking: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        pipeline, "find_people", lambda *given: os.kill(os.getpid(), signal.SIGTERM)
    )
    with pytest.raises(SystemExit) as ended:
        run("lift", SAMPLE, "--out", tmp_path / "out", "--weights", tiny)
    assert ended.value.code == 128 + signal.SIGTERM
    assert written(tmp_path) == ["keypoints.npz"]
    assert not (tmp_path / "out").exists()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("device", ["/dev/full", "closed", None])
def test_lift_writes_results_wherever_stdout_goes(
    tmp_path: Path,
    tiny: Path,
    device: str | None,
    encoding: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name and the camera of the source cannot be printed in ASCII."""
    source = keypoint_file(focal=1000.0, focal_source="é\x1b[2J")(tmp_path).rename(
        tmp_path / "gehört.npz"
    )
    with Path("/dev/full").open("w", encoding=encoding) as out:
        if device == "closed":
            out.close()
        monkeypatch.setattr(sys, "stdout", None if device is None else out)
        run("lift", source, "--out", tmp_path / "é", "--weights", tiny)
    assert written(tmp_path / "é") == ["person_0/motion.bvh", "person_0/motion.npz"]


def test_lift_escapes_what_a_file_prints(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = keypoint_file(focal=1000.0, focal_source="\x1b]0;owned\x07\x1b[2J")(tmp_path)
    run("lift", source, "--out", tmp_path / "a\nb\u202ec", "--weights", tiny)
    printed = capsys.readouterr().out
    assert r"\x1b]0;owned\x07\x1b[2J" in printed
    assert r"a\nb\u202ec/person_0: motion.npz" in printed
    assert not set(printed) & set("\x1b\x07\u202e")
