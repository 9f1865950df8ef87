"""The verb `view`: which people and which video it shows, and what it refuses."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from commands import refused, run
from motions import walk
from pages import small_video

from tcpformer.io.npz import save_motion
from tcpformer.manifest import Manifest, hash_input, paths_from, write_manifest
from tcpformer.viz.viewer.server import PageServer


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The folder of a run of two people, whose video lies beside it."""
    out = tmp_path / "out"
    for number in (0, 10):
        (out / f"person_{number}").mkdir(parents=True)
        save_motion(replace(walk(4), person=number), out / f"person_{number}/motion.npz")
    inputs = {"source": small_video(tmp_path / "a.mp4", walk(1).size).path}
    hashed = {name: hash_input(path) for name, path in inputs.items()}
    write_manifest(Manifest(key="a", inputs=hashed, paths=paths_from(out, inputs)), out)
    return out


def test_view_writes_the_page_of_a_run(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("view", results)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{results / 'view.html'}\n  ")
    assert "MB; the video is inside" in printed
    text = (results / "view.html").read_text("utf-8")
    assert "<title>a.mp4</title>" in text
    run("view", results, "-o", tmp_path / "b.html", "--place", "beside")
    assert (tmp_path / "b_video.mp4").read_bytes() == (tmp_path / "a.mp4").read_bytes()
    assert "beside it" in capsys.readouterr().out


def test_view_without_the_video_names_the_option(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Moved or changed since: what is there then need not be the video of the run."""
    (tmp_path / "a.mp4").rename(tmp_path / "b.mp4")
    for _ in range(2):
        run("view", results)
        printed = capsys.readouterr().out
        assert "without a video\n  The video is not where the run found it; --video" in printed
        small_video(tmp_path / "a.mp4", (640, 480))
    run("view", results, "--video", tmp_path / "b.mp4")
    assert "the video is inside" in capsys.readouterr().out
    assert "expected joints of an image of" in refused(
        capsys, "view", results, "--video", tmp_path / "a.mp4"
    )


def test_view_of_one_motion(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("view", results / "person_10/motion.npz")
    assert (results / "person_10/view.html").exists()
    assert "without a video" in capsys.readouterr().out


def test_view_refuses_other_folders(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such folder" in refused(capsys, "view", tmp_path / "nothing")
    assert "holds no person_<number>/motion.npz" in refused(capsys, "view", tmp_path)
    assert "must end in .html" in refused(capsys, "view", results, "-o", tmp_path / "a.png")
    assert "leave out one of" in refused(capsys, "view", results, "--serve", "-o", "a.html")
    save_motion(replace(walk(4), focal=900.0), results / "person_0/motion.npz")
    assert "of several runs" in refused(capsys, "view", results)


def test_view_serves_the_page_until_it_is_stopped(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {}

    def stop(server: PageServer) -> None:
        served.update({address: path.read_bytes() for address, (path, _) in server.files.items()})
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", stop)
    run("view", results, "--serve")
    assert re.match(r"http://127\.0\.0\.1:\d+/ until Ctrl-C\nstopped\n", capsys.readouterr().out)
    assert set(served) == {"/", "/view_video.mp4"}
    assert b"view_video.mp4" not in served["/"]  # its address is packed
    assert not (results / "view.html").exists()


@pytest.mark.slow
def test_view_finds_what_lift_wrote(
    walking: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keypoints without a video are shown without one, and nothing is missed."""
    run("lift", walking, "--out", tmp_path / "out", "--weights", tiny)
    capsys.readouterr()
    run("view", tmp_path / "out")
    printed = capsys.readouterr().out
    assert printed.endswith("without a video\n")
