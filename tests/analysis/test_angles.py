"""Joint angles: closed forms, laws of symmetry and invariance, and what sigma means."""

from dataclasses import replace

import numpy as np
import pytest
from motions import motion3d, walk
from scipy.spatial.transform import Rotation
from walk26 import body_of, masked, walk26

from tcpformer.analysis.angles import ANGLES, Angles, AnglesConfig, column, measure_angles
from tcpformer.motion import Motion3D
from tcpformer.skeleton import BODY_26, GROUPS

X, Y, Z = np.eye(3)
MIRRORED = {"pelvis_list", "pelvis_rotation", "thorax_list", "thorax_rotation", "trunk_bending"}
MIRRORED |= {"trunk_rotation", "neck_bending", "neck_rotation"}
"""Angles that change their sign in a mirror; those of a side change sides."""


def turn(flexion: float, adduction: float, rotation: float) -> Rotation:
    """Turns about z, x and y in degrees, each about the axis that the others have moved."""
    return Rotation.from_euler("ZXY", [flexion, adduction, rotation], degrees=True)


def pose(**degrees: float) -> Motion3D:
    """A body whose joints are turned by some angles, for a tenth of a second."""

    def get(name: str) -> float:
        return degrees.get(name, 0.0)

    at = dict.fromkeys(BODY_26.joints, np.zeros(3))
    at["Hip"] = np.array([0.2, 1.0, -0.3])
    world = (get("pelvis_rotation"), get("pelvis_list"), -get("pelvis_tilt"))
    pelvis = Rotation.from_euler("YXZ", world, degrees=True)
    chest = pelvis * turn(-get("trunk_flexion"), get("trunk_bending"), get("trunk_rotation"))
    head = chest * turn(-get("neck_flexion"), get("neck_bending"), get("neck_rotation"))
    at["Spine"] = at["Hip"] + pelvis.apply(0.23 * Y)
    at["Thorax"] = at["Spine"] + chest.apply(0.26 * Y)
    at["Neck"] = at["Thorax"] + chest.apply(0.1 * Y)
    at["Head"] = at["Neck"] + head.apply(0.2 * Y)
    at["Nose"] = at["Neck"] + head.apply([0.12, 0.1, 0])
    for side, sign in (("L", -1.0), ("R", 1.0)):
        own = {
            name[:-2]: value for name, value in degrees.items() if name[-2:] == f"_{side.lower()}"
        }
        at |= {
            f"{side}{joint}": point for joint, point in leg(at["Hip"], pelvis, sign, own).items()
        }
        at |= {
            f"{side}{joint}": point for joint, point in arm(at["Thorax"], chest, sign, own).items()
        }
        at[f"{side}Ear"] = at["Neck"] + head.apply([0, 0.1, 0.07 * sign])
    isb = np.array([at[joint] for joint in BODY_26.joints])
    world_xyz = np.stack([isb[:, 0], -isb[:, 2], isb[:, 1]], axis=-1)
    return motion3d(np.repeat(world_xyz[None], 3, axis=0))


def leg(
    hip: np.ndarray, pelvis: Rotation, sign: float, own: dict[str, float]
) -> dict[str, np.ndarray]:
    def get(name: str) -> float:
        return own.get(name, 0.0)

    thigh = pelvis * turn(
        get("hip_flexion"), sign * get("hip_adduction"), sign * get("hip_rotation")
    )
    shank = thigh * turn(-get("knee_flexion"), 0, 0)
    foot = shank * turn(get("ankle_dorsiflexion"), 0, 0)
    points = {"Hip": hip + pelvis.apply(0.12 * sign * Z)}
    points["Knee"] = points["Hip"] - thigh.apply(0.45 * Y)
    points["Ankle"] = points["Knee"] - shank.apply(0.44 * Y)
    points["Heel"] = points["Ankle"] + foot.apply([-0.05, -0.04, 0])
    points["Toe"] = points["Ankle"] + foot.apply([0.13, -0.04, 0])
    return points


def arm(
    chest_at: np.ndarray, chest: Rotation, sign: float, own: dict[str, float]
) -> dict[str, np.ndarray]:
    def get(name: str) -> float:
        return own.get(name, 0.0)

    upper = chest * turn(
        get("shoulder_flexion"), -sign * get("shoulder_abduction"), sign * get("shoulder_rotation")
    )
    fore = upper * turn(get("elbow_flexion"), 0, 0)
    hand = fore * turn(0, get("wrist_bend"), 0)
    points = {"Shoulder": chest_at + chest.apply(0.17 * sign * Z)}
    points["Elbow"] = points["Shoulder"] - upper.apply(0.28 * Y)
    points["Wrist"] = points["Elbow"] - fore.apply(0.25 * Y)
    points["Hand"] = points["Wrist"] - hand.apply(0.09 * Y)
    return points


def with_sigma(motion: Motion3D, sigma: float) -> Motion3D:
    return replace(motion, sigma=np.full(motion.xyz.shape, sigma))


def values(angles: Angles) -> dict[str, float]:
    return dict(zip(ANGLES, angles.degrees[1], strict=True))


BENT = {
    **{"pelvis_tilt": 12.0, "pelvis_list": -6.0, "pelvis_rotation": 130.0},
    **{"trunk_flexion": 25.0, "trunk_bending": 9.0, "trunk_rotation": -14.0},
    **{"neck_flexion": -11.0, "neck_bending": 7.0, "neck_rotation": 33.0},
    **{"hip_flexion_l": 40.0, "hip_adduction_l": -15.0, "hip_rotation_l": 18.0},
    **{"hip_flexion_r": -20.0, "hip_adduction_r": 10.0, "hip_rotation_r": -12.0},
    **{"knee_flexion_l": 65.0, "knee_flexion_r": 25.0},
    **{"ankle_dorsiflexion_l": 15.0, "ankle_dorsiflexion_r": -30.0},
    **{"shoulder_flexion_l": 150.0, "shoulder_abduction_l": 30.0, "shoulder_rotation_l": -40.0},
    **{"shoulder_flexion_r": -35.0, "shoulder_abduction_r": 60.0, "shoulder_rotation_r": 55.0},
    **{
        "elbow_flexion_l": 110.0,
        "elbow_flexion_r": 35.0,
        "wrist_bend_l": 30.0,
        "wrist_bend_r": 25.0,
    },
}


def test_measure_angles_returns_the_turns_of_a_pose() -> None:
    found = values(measure_angles(pose(**BENT)))
    assert {name: found[name] for name in BENT} == pytest.approx(BENT, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_measure_angles_returns_random_turns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = {name: 25.0 if name.startswith(("knee", "elbow", "wrist")) else -60.0 for name in BENT}
    drawn = {name: rng.uniform(low[name], 70.0) for name in BENT}
    found = values(measure_angles(pose(**drawn)))
    assert {name: found[name] for name in drawn} == pytest.approx(drawn, abs=1e-6)


def test_measure_angles_measures_the_chest_in_the_world() -> None:
    found = values(
        measure_angles(pose(pelvis_tilt=10.0, trunk_flexion=20.0, pelvis_rotation=-70.0))
    )
    assert found["thorax_tilt"] == pytest.approx(30.0)
    assert found["thorax_rotation"] == pytest.approx(-70.0)


@pytest.mark.parametrize(
    ("flexion", "abduction", "plane"), [(0.0, 60.0, 0.0), (60.0, 0.0, 90.0), (-60.0, 0.0, -90.0)]
)
def test_measure_angles_raises_the_arm_in_a_plane(
    flexion: float, abduction: float, plane: float
) -> None:
    for side in "lr":
        own = {f"shoulder_flexion_{side}": flexion, f"shoulder_abduction_{side}": abduction}
        found = values(measure_angles(pose(**own)))
        assert found[f"shoulder_elevation_{side}"] == pytest.approx(60.0)
        assert found[f"shoulder_plane_{side}"] == pytest.approx(plane, abs=1e-9)


def test_measure_angles_turns_toes_out() -> None:
    found = values(measure_angles(pose(hip_rotation_l=-10.0, hip_rotation_r=-10.0)))
    assert found["foot_progression_l"] == pytest.approx(10.0)
    assert found["foot_progression_r"] == pytest.approx(10.0)


def test_measure_angles_gives_a_knee_that_bends_forward_a_sign() -> None:
    found = values(measure_angles(pose(knee_flexion_l=-6.0)))
    assert found["knee_flexion_l"] == pytest.approx(-6.0)


def assert_zero(difference: np.ndarray) -> None:
    """Of angles modulo a turn, where both are known; some are."""
    assert np.nanmax(np.minimum(difference, 360 - difference)) < 1e-6


def mirrored(motion: Motion3D) -> Motion3D:
    return motion3d(motion.xyz[:, list(motion.skeleton.mirror)] * [-1.0, 1.0, 1.0], motion.fps)


def test_measure_angles_in_a_mirror_exchanges_sides() -> None:
    found, twin = (measure_angles(m) for m in (walk26(40), mirrored(walk26(40))))
    for name in ANGLES:
        other = name[:-1] + {"l": "r", "r": "l"}[name[-1]] if name[-2:] in ("_l", "_r") else name
        sign = -1.0 if name in MIRRORED else 1.0
        offset = 180.0 if name.endswith(("pelvis_rotation", "thorax_rotation")) else 0.0
        difference = (twin[other] - sign * found[name] - offset) % 360
        assert_zero(difference)


def test_measure_angles_follows_the_person_not_the_place() -> None:
    """Turned about the vertical, moved and scaled: only where the body faces changes."""
    motion, c, s = walk26(40), np.cos(2.0), np.sin(2.0)
    around = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    moved = motion3d(1.3 * motion.xyz @ around + [1.0, -2.0, 0.0], motion.fps)
    one, other = measure_angles(motion), measure_angles(moved)
    for name in ANGLES:
        facing = name in ("pelvis_rotation", "thorax_rotation")
        change = (other[name] - one[name] - np.degrees(2.0) * facing) % 360
        assert_zero(change)


def test_measure_angles_does_not_jump_by_a_turn() -> None:
    """A person who turns about twice, through the back of the circle."""
    xyz, whole = pose().xyz[:1], np.linspace(0, 4 * np.pi, 90)
    c, s = np.cos(whole), np.sin(whole)
    x, y, z = np.moveaxis(xyz, -1, 0)
    motion = motion3d(
        np.stack(
            [c[:, None] * x - s[:, None] * y, s[:, None] * x + c[:, None] * y, z + 0 * s[:, None]],
            axis=-1,
        )
    )
    turned = measure_angles(motion)["pelvis_rotation"]
    assert np.diff(turned).max() < 10
    assert turned[-1] - turned[0] == pytest.approx(720, abs=1)


def test_measure_angles_leaves_empty_what_17_joints_do_not_show() -> None:
    known = measure_angles(body_of(walk26(40))).known()
    lacking = {name for name in ANGLES if name not in known}
    assert {n[:-2] for n in lacking if n != "neck_rotation"} >= {
        "ankle_dorsiflexion", "foot_progression", "wrist_bend"
    }  # fmt: skip
    assert "neck_rotation" in lacking
    assert {"knee_flexion_l", "hip_flexion_r", "elbow_flexion_l", "pelvis_tilt"} <= set(known)


def test_measure_angles_leaves_empty_what_was_not_detected() -> None:
    motion = walk26(40)
    hidden = masked(motion, [BODY_26.index["LAnkle"]], GROUPS["hands"])
    known = measure_angles(hidden).known()
    assert not {"knee_flexion_l", "ankle_dorsiflexion_l", "wrist_bend_l", "wrist_bend_r"} & set(
        known
    )
    assert {"knee_flexion_r", "hip_flexion_l"} <= set(known)


def test_measure_angles_leaves_bridged_frames_empty() -> None:
    valid = np.ones(40, dtype=bool)
    valid[10:20] = False
    found = measure_angles(replace(walk26(40), valid=valid))
    assert np.isnan(found.degrees[10:20]).all()
    assert np.isfinite(found["knee_flexion_l"][~(np.arange(40) // 10 == 1)]).all()


@pytest.mark.parametrize(
    ("name", "bend"),
    [("hip_rotation_r", "knee_flexion_r"), ("shoulder_rotation_l", "elbow_flexion_l")],
)
def test_measure_angles_knows_no_rotation_of_a_straight_limb(name: str, bend: str) -> None:
    assert np.isnan(values(measure_angles(pose(**{bend: 15.0})))[name])
    assert values(measure_angles(pose(**{bend: 25.0})))[name] == pytest.approx(0, abs=1e-6)


def test_measure_angles_knows_no_flexion_of_an_arm_held_aside() -> None:
    found = values(measure_angles(pose(shoulder_abduction_r=85.0, elbow_flexion_r=40.0)))
    assert np.isnan([found["shoulder_flexion_r"], found["shoulder_rotation_r"]]).all()
    assert found["shoulder_elevation_r"] == pytest.approx(85.0)


def test_measure_angles_states_sigma_that_covers_independent_noise() -> None:
    """Errors over sigma have a spread near 1 where the map is nearly linear."""
    rng, still = np.random.default_rng(0), pose(**BENT)
    noisy = np.repeat(still.xyz[:1], 600, axis=0)
    noisy = noisy + rng.normal(0, 0.004, noisy.shape)
    known = {"postprocess": "none", "weights": "none"}
    motion = replace(with_sigma(motion3d(noisy), 0.004), provenance=known)
    found = measure_angles(motion, AnglesConfig(correlation=0.0))
    assert found.sigma is not None
    for name, true in BENT.items():
        score = (found[name] - true) / found.sigma[:, column(name)]
        assert 0.85 < np.nanstd(score) < 1.15, name


def test_measure_angles_without_sigma_has_none() -> None:
    assert measure_angles(pose()).sigma is None


def test_measure_angles_leaves_empty_what_is_too_uncertain() -> None:
    vague = measure_angles(with_sigma(pose(**BENT), 0.07))
    assert np.isnan(vague["wrist_bend_l"]).all()
    assert np.isfinite(vague["knee_flexion_l"]).all()
    assert vague.sigma is not None
    assert np.isnan(vague.sigma[:, column("wrist_bend_l")]).all()


def test_measure_angles_adds_the_error_of_gravity_to_angles_in_the_world() -> None:
    plain = with_sigma(pose(), 0.01)
    tilted = replace(plain, ground_sigma=(3.0, 4.0, 0.0))
    one, other = measure_angles(plain).sigma, measure_angles(tilted).sigma
    assert one is not None
    assert other is not None
    at = column("pelvis_tilt")
    assert other[:, at] == pytest.approx(np.hypot(one[:, at], 4.0))
    assert other[:, column("knee_flexion_l")] == pytest.approx(one[:, column("knee_flexion_l")])


def test_measure_angles_smooths_a_motion_that_nothing_smoothed() -> None:
    clean = walk(120)
    rough = motion3d(clean.xyz + np.random.default_rng(0).normal(0, 0.02, clean.xyz.shape))
    finished = replace(rough, provenance={"postprocess": "done elsewhere"})
    true = measure_angles(clean)["knee_flexion_l"]
    errors = [np.nanstd(measure_angles(m)["knee_flexion_l"] - true) for m in (rough, finished)]
    assert errors[0] < 0.75 * errors[1]


def test_column_refuses_another_name() -> None:
    with pytest.raises(ValueError, match=r"one of pelvis_tilt, .* got 'knee'"):
        column("knee")
