"""The verb `live`: a file that plays, lines of JSON, and bad input in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from tcpformer.cli import main
from tcpformer.io.video import Frame, write_video
from tcpformer.serve import live as live_module
from tcpformer.serve.live import DetectedPerson
from tcpformer.skeleton import BLAZEPOSE


@pytest.fixture
def one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a rule stand in for the detector."""

    class Detector:
        def __init__(self, landmarks: str, background: bool) -> None: ...
        def reset(self) -> None: ...
        def __call__(self, image: np.ndarray, time: float) -> list[DetectedPerson]:
            xy = 20.0 * np.random.default_rng(0).random((len(BLAZEPOSE.joints), 2))
            return [DetectedPerson(3, xy + 100 * time, np.ones(len(xy)))]

    monkeypatch.setattr(live_module, "FrameDetector", Detector)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    images = (Frame(i, i / 25, np.full((64, 64, 3), 90, np.uint8)) for i in range(5))
    write_video(tmp_path / "clip.mp4", images, 25.0)
    return tmp_path / "clip.mp4"


def test_file_becomes_lines_of_json(
    one_person: None, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["live", "--source", str(clip), "--no-pace", "--send", "jsonl", "--lookahead", "2"])
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [round(25 * line["time"]) for line in lines] == list(range(5))
    assert [[person["id"] for person in line["people"]] for line in lines] == [[3]] * 5
    assert "5 frames lifted" in err
    assert "0 of 5 dropped (0.0 %)" in err


def test_report_is_the_result_where_lines_go_to_a_file(
    one_person: None, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "people.jsonl"
    main(["live", "--source", str(clip), "--no-pace", "--send", f"jsonl:{target}"])
    assert len(target.read_text().splitlines()) == 5
    assert "from picture to message: median" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "live sends its people nowhere; give --view, --send or both."),
        (["--view", "--camera", "0", "--source", "a.mp4"], "one of --camera and --source"),
        (["--view", "--source", "missing.mp4"], "no such file: missing.mp4"),
        (["--view", "--source", "file:///etc/passwd"], "an address that begins with one of"),
        (["--view", "--camera", "-1"], "--camera to be 0 or more"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main(["live", *arguments])
    assert error.value.code == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1


def test_address_of_no_receiver_ends_in_one_sentence(
    one_person: None, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["live", "--source", str(clip), "--send", "udp://a:1"])
    assert "expected --send to be vmc://host:port" in capsys.readouterr().err
