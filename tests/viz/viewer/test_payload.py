"""What the page holds: arrays come back, and people are placed among the frames of the video."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from motions import walk
from pages import unpack
from walk26 import walk26

from tcpformer.skeleton import BODY_26, COCO, H36M
from tcpformer.viz.viewer.payload import (
    Clock,
    Packer,
    build_payload,
    describe_skeleton,
    place_on_timeline,
)


@pytest.mark.parametrize("reach", [0.01, 1e4])
def test_add_series_keeps_numbers_within_half_a_step(
    reach: float, rng: np.random.Generator
) -> None:
    values, packer = rng.normal(0, reach, (7, 3, 2)), Packer()
    packer.add_bytes(np.arange(5))  # what follows is aligned all the same
    described = packer.add_series(values, 1e-3)
    found = unpack(packer.pack({"values": described, "text": "höher"}))
    assert described["type"] == ("i2" if reach < 1 else "i4")
    assert described["offset"] % 8 == 0
    np.testing.assert_allclose(found["values"], values, atol=0.51e-3)
    assert found["text"] == "höher"


def test_build_payload_returns_positions_and_what_was_seen() -> None:
    motion = walk26(12)
    confidence = motion.confidence.copy()
    confidence[3, 5], confidence[4, 5] = 0.0, 1e-4
    valid = np.arange(12) != 7
    motion = replace(motion, confidence=confidence, valid=valid, sigma=0.02 * np.ones((12, 26, 3)))
    data = unpack(build_payload({4: motion}, title="a"))
    person = data["people"][0]
    np.testing.assert_allclose(person["xyz"], motion.xyz, atol=1e-4)
    np.testing.assert_allclose(person["sigma"], 0.02, atol=3e-4)
    np.testing.assert_array_equal(person["confidence"] > 0, confidence > 0)
    np.testing.assert_array_equal(person["valid"], valid)
    np.testing.assert_allclose(data["times"], motion.times, atol=1e-6)
    assert person["number"] == 4
    assert data["stamps"] is None
    names = [angle["name"] for angle in person["angles"]]
    assert "knee_flexion_l" in names
    assert len(person["rig"]["rotations"]) == 12


def test_build_payload_camera_projects_joints_onto_the_image() -> None:
    """The camera that the page looks through is the one that the motion was seen by."""
    motion = walk26(5)
    data = unpack(build_payload({0: motion}, title="a"))
    camera = data["camera"]
    rotation = np.array(camera["rotation"]).reshape(3, 3)
    seen = (data["people"][0]["xyz"] - np.array(camera["position"])) @ rotation
    xy = camera["focal"] * seen[..., :2] / seen[..., 2:] + np.array(camera["size"]) / 2
    np.testing.assert_allclose(xy, motion.xy, atol=0.1)


def test_build_payload_of_17_joints_puts_the_floor_under_the_ankles() -> None:
    floors = [unpack(build_payload({0: m}, title="a"))["floor"] for m in (walk(5), walk26(5))]
    assert -0.12 < floors[0] < -0.04
    assert floors[1] == 0


def test_build_payload_of_another_skeleton_has_bones_alone() -> None:
    body = walk(5)
    other = replace(
        body,
        skeleton=COCO,
        **{k: getattr(body, k)[:, : len(COCO.joints)] for k in ("xyz", "camera_xyz", "xy")},
        confidence=body.confidence[:, : len(COCO.joints)],
    )
    person = unpack(build_payload({0: other}, title="a"))["people"][0]
    assert person["rig"] is None
    assert person["angles"] == []
    assert len(person["skeleton"]["bones"]) == len(COCO.bones)


def test_build_payload_without_people_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one person"):
        build_payload({}, title="a")


def test_place_on_timeline_places_a_part_by_its_times() -> None:
    part = walk(10)
    part = replace(part, times=part.times + 20 / 30)
    clock = Clock((np.arange(50) / 30 * 4).tolist(), slow_motion=4.0)
    times, starts, notes = place_on_timeline({0: part, 3: walk(40)}, clock)
    np.testing.assert_allclose(times, np.arange(50) / 30)
    assert starts == {0: 20, 3: 0}
    assert notes == ()
    data = unpack(build_payload({0: part, 3: walk(40)}, title="a", clock=clock))
    assert data["people"][0]["frames"] == [20, 30]
    np.testing.assert_array_equal(data["people"][0]["valid"].nonzero()[0], np.arange(20, 30))
    np.testing.assert_allclose(data["people"][0]["xyz"][20:30], part.xyz, atol=1e-4)
    np.testing.assert_allclose(data["stamps"], clock.stamps, atol=1e-6)


def test_place_on_timeline_of_another_rate_matches_numbers_and_notes_it() -> None:
    clock = Clock((np.arange(40) / 25).tolist())
    _, starts, notes = place_on_timeline({0: walk(40)}, clock)
    assert starts == {0: 0}
    assert "another rate" in notes[0]


def test_place_on_timeline_continues_a_video_that_breaks_off() -> None:
    times, _, _ = place_on_timeline({0: walk(40)}, Clock((np.arange(30) / 30).tolist()))
    np.testing.assert_allclose(times, np.arange(40) / 30)


@pytest.mark.parametrize("skeleton", [H36M, BODY_26])
def test_describe_skeleton_has_a_skull_and_no_strokes_in_the_face(skeleton: Any) -> None:
    described = describe_skeleton(skeleton)
    assert skeleton.joints[described["head"]["to"]] == "Head"
    named = {skeleton.joints[j] for bone in described["bones"] for j in bone}
    assert not named & {"Nose", "LEar", "REar"}
    assert {"LWrist", "RAnkle"} <= named
    assert len(described["radii"]) == len(described["colours"]) == len(skeleton.joints)
