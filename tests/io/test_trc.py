"""Tables of Sports2D."""

from pathlib import Path

import numpy as np
import pytest
from keypoint_files import FPS, SIZE, people, read_motions, sports2d

from tcpformer.io import read_detections
from tcpformer.skeleton import HALPE26


def test_read_trc_of_a_folder_gives_one_person_a_file(tmp_path: Path) -> None:
    two = people(HALPE26)
    two[1, 3:6, 9, 2] = 0  # an elbow or wrist that is not visible
    found = read_motions(sports2d(tmp_path / "out", two, HALPE26.joints), size=SIZE)
    assert [m.skeleton for m in found] == [HALPE26, HALPE26]
    assert found[0].fps == pytest.approx(FPS)
    np.testing.assert_allclose(found[0].xy, two[0, ..., :2])
    assert np.argwhere(found[1].confidence == 0).tolist() == [[3, 9], [4, 9], [5, 9]]


def test_read_trc_of_one_table_gives_its_person(tmp_path: Path) -> None:
    two = people(HALPE26)
    folder = sports2d(tmp_path / "out", two, HALPE26.joints)
    (one,) = read_motions(folder / "clip_Sports2D_px_person01.trc", size=SIZE)
    np.testing.assert_allclose(one.xy[0], two[1, 0, :, :2])


def test_read_trc_refuses_tables_of_different_length(tmp_path: Path) -> None:
    folder = sports2d(tmp_path / "out", people(HALPE26), HALPE26.joints)
    path = folder / "clip_Sports2D_px_person01.trc"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(ValueError, match="different joints or numbers of frames"):
        read_detections(folder, size=SIZE)


def test_read_trc_refuses_other_content(tmp_path: Path) -> None:
    (tmp_path / "a.trc").write_text("nothing\n")
    with pytest.raises(ValueError, match="not as OpenPose"):
        read_detections(tmp_path / "a.trc", size=SIZE)
