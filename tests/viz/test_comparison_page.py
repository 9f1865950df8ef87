"""The report of a comparison: one file, with its pictures, that loads nothing."""

import re
from pathlib import Path

import numpy as np
import pytest
from motions import kick, motion3d
from walk26 import walk26

from tcpformer.analysis.compare import CompareConfig, Comparison, compare_motions
from tcpformer.skeleton import BODY_26
from tcpformer.viz.comparison_page import describe_moment, write_comparison


def raised_hand() -> Comparison:
    motion = walk26(40)
    xyz = motion.xyz.copy()
    xyz[:, BODY_26.index["LHand"]] += [0.0, 0.0, 0.07]
    return compare_motions(motion, motion3d(xyz, motion.fps), CompareConfig(time="none"))


def test_write_comparison_makes_one_file_that_loads_nothing(tmp_path: Path) -> None:
    found = compare_motions(kick(), kick(turn=0.4), CompareConfig(time="none", space="torso"))
    write_comparison(found, tmp_path / "a.html", ("<reference>", "it's & mine"))
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|href=|<script|url\(", page)
    assert "&lt;reference&gt;" in page
    assert "<reference>" not in page
    assert "nan" not in re.sub(r"<[^>]*>", "", page)


def test_write_comparison_draws_both_people_in_every_moment(tmp_path: Path) -> None:
    found = raised_hand()
    write_comparison(found, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count('class="moment"') == len(found.moments) == 3
    assert page.count("<circle") == 2 * len(found.moments)
    assert page.count("from the front") == page.count("from the right") == len(found.moments)
    assert "nan" not in page


def test_describe_moment_says_where_the_joint_is() -> None:
    found = raised_hand()
    assert describe_moment(found.moments[0], found).startswith("left hand 7 cm higher")


def test_write_comparison_of_a_motion_with_itself_has_no_moments(tmp_path: Path) -> None:
    motion = kick()
    found = compare_motions(motion, motion, CompareConfig(time="none"))
    write_comparison(found, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert 'class="moment"' not in page
    assert "<b>0.0 cm</b>" in page


def test_write_comparison_breaks_curves_where_nothing_is_known(tmp_path: Path) -> None:
    motion = walk26(60)
    shorter = motion3d(motion.xyz[:30], motion.fps)
    found = compare_motions(motion, shorter, CompareConfig(time="none"))
    write_comparison(found, tmp_path / "a.html")
    assert np.isnan(found.times_b[30:]).all()
    assert "NaN" not in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_write_comparison_refuses_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_comparison(raised_hand(), tmp_path / "missing" / "a.html")
