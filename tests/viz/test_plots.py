"""Curves as pictures: what the words mean, and files that open."""

import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from motions import walk
from walk26 import walk26

from tcpformer.analysis.angles import measure_angles
from tcpformer.viz.figure import LEFT, RIGHT
from tcpformer.viz.plots import angle_panel, make_panels, plot_angles, save_panels


def test_make_panels_shows_both_sides_of_an_angle() -> None:
    motion = walk26(30)
    (panel,) = make_panels(motion, ["knee"])
    assert panel.title == "knee flexion"
    assert [(c.label, c.colour) for c in panel.curves] == [("left", LEFT), ("right", RIGHT)]
    assert panel.curves[0].values == pytest.approx(measure_angles(motion)["knee_flexion_l"])


def test_make_panels_takes_a_word_for_all_angles_of_a_joint() -> None:
    titles = [panel.title for panel in make_panels(walk26(30), ["hip", "knee_flexion_r", "speed"])]
    assert titles == [
        *("hip flexion", "hip adduction", "hip rotation", "knee flexion", "speed of the pelvis"),
    ]
    assert len(make_panels(walk26(30), ["knee_flexion_r"])[0].curves) == 1


def test_make_panels_measures_the_speed_along_the_floor() -> None:
    (panel,) = make_panels(walk(30, speed=1.2), ["speed"])
    assert panel.curves[0].values == pytest.approx(1.2)


def test_make_panels_shows_where_a_joint_is() -> None:
    motion = walk(30)
    (panel,) = make_panels(motion, ["LWrist"])
    at = motion.skeleton.index["LWrist"]
    assert [curve.label for curve in panel.curves] == ["x", "y", "z"]
    assert np.stack([c.values for c in panel.curves], axis=1) == pytest.approx(motion.xyz[:, at])


@pytest.mark.parametrize(("what", "message"), [(["kne"], "cannot plot 'kne'"), ([], "got nothing")])
def test_make_panels_refuses_other_words(what: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_panels(walk(5), what)


@pytest.mark.slow
def test_plot_angles_writes_a_picture(tmp_path: Path) -> None:
    angles = measure_angles(walk26(30))
    plot_angles(angles, tmp_path / "a.png")
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    assert picture.shape[0] > picture.shape[1] > 1000


def test_save_panels_writes_the_names_as_text_into_svg(tmp_path: Path) -> None:
    angles = measure_angles(walk26(30))
    save_panels([angle_panel(angles, "knee_flexion")], angles.times, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert {"knee flexion", "left", "right", "seconds", "degrees"} <= set(
        re.findall(r">([^<]+)</text>", text)
    )


def test_save_panels_refuses_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png or \.svg or \.pdf, got 'a\.txt'"):
        save_panels([], np.arange(2.0), tmp_path / "a.txt")


def test_save_panels_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"tcpformer\[plot\]"):
        save_panels([], np.arange(2.0), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
