"""What animation files share: people, the facts beside their motion, and the camera."""

from dataclasses import replace

import numpy as np
import pytest
from motions import CAMERA, FOCAL, SIZE, walk
from walk26 import walk26

from tcpformer.io.animated_people import animate_people, find_camera, true_ranges


def test_true_ranges_are_half_open() -> None:
    values = np.array([True, True, False, True, False, False, True])
    assert true_ranges(values) == [[0, 2], [3, 4], [6, 7]]
    assert true_ranges(np.zeros(4, bool)) == []
    assert true_ranges(np.zeros(0, bool)) == []


def test_animate_people_marks_bridged_frames() -> None:
    motion = walk(30)
    valid = motion.valid.copy()
    valid[10:14] = False
    (person,) = animate_people([replace(motion, valid=valid)])
    assert person.facts["valid"] == [[0, 10], [14, 30]]
    assert person.facts["frames"] == len(person.rig) == 30


def test_animate_people_states_unit_rate_joints_and_origin() -> None:
    motion = replace(walk(10, fps=25.0), person=3)
    (person,) = animate_people([motion])
    assert person.name == "person_3"
    stated = {key: person.facts[key] for key in ("unit", "fps", "joints", "provenance")}
    assert stated == {
        "unit": "m",
        "fps": 25.0,
        "joints": list(motion.skeleton.joints),
        "provenance": dict(motion.provenance),
    }
    assert "contacts" not in person.facts  # 17 joints have no feet


def test_animate_people_states_contacts_in_frames() -> None:
    motion = walk26(90)
    (person,) = animate_people([motion])
    contacts = person.facts["contacts"]
    assert set(contacts) == {"left", "right"}
    soles = motion.xyz[:, motion.skeleton.indices("LToe"), 2]
    for start, stop in contacts["left"]:
        middle = (start + stop) // 2
        assert soles[middle, 0] < soles.min() + 0.03


def test_animate_people_refuses_one_number_twice() -> None:
    with pytest.raises(ValueError, match=r"numbers of their own, got \[0, 0\]"):
        animate_people([walk(5), walk(5)])


def test_find_camera_where_it_stood() -> None:
    camera = find_camera([walk(20)])
    assert camera is not None
    x, y, z = CAMERA
    np.testing.assert_allclose(camera.position, [x, z, -y], atol=1e-9)
    np.testing.assert_allclose(camera.turn, np.eye(3), atol=1e-9)  # level, towards -z
    assert (camera.focal, camera.size) == (FOCAL, SIZE)


def test_find_camera_none_if_it_moved() -> None:
    motion = walk(20)
    moved = motion.camera_xyz + np.linspace(0, 0.3, 20)[:, None, None]
    assert find_camera([replace(motion, camera_xyz=moved)]) is None
