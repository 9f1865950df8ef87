"""Lifting with feet, hands and face: a small network of any weights with 26 joints."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lifters import lifter
from motions import FOCAL, SIZE
from walk26 import body_of, walk26
from weights26 import save_weights26

from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion2D, Motion3D
from tcpformer.postprocess.stages import PostprocessConfig
from tcpformer.skeleton import BODY, BODY_26, COCO, GROUPS, H36M, stature

QUICK = PostprocessConfig(fix_swaps=False)
MIRROR = list(BODY_26.mirror)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights26(tmp_path_factory.mktemp("weights26"))


def seen(motion: Motion3D) -> Motion2D:
    return Motion2D(
        motion.xy, motion.confidence, motion.size, motion.fps, motion.skeleton, focal=FOCAL
    )


def hidden(motion: Motion2D, joints: list[int]) -> Motion2D:
    confidence, xy = motion.confidence.copy(), motion.xy.copy()
    confidence[:, joints], xy[:, joints] = 0.0, 7.0
    return replace(motion, confidence=confidence, xy=xy)


def test_lift_gives_the_joints_of_the_weights(folder: Path) -> None:
    motion = Lifter(folder, "cpu")(seen(walk26(40)), postprocess=QUICK)
    assert motion.skeleton == BODY_26
    assert motion.sigma is not None
    assert motion.xyz.shape == motion.sigma.shape == (40, 26, 3)
    assert np.isfinite(motion.xyz).all()
    assert (motion.sigma[:, 0] == 0).all()
    assert (motion.sigma[:, 1:] > 0).all()


def test_lift_of_17_joints_is_the_first_17_before_post_processing(folder: Path) -> None:
    person = seen(walk26(30))
    whole = Lifter(folder, "cpu")(person, postprocess=None)
    body = Lifter(folder, "cpu", joints=17)(person, postprocess=None)
    assert body.skeleton == H36M
    for name in ("camera_xyz", "xy", "confidence", "sigma"):
        np.testing.assert_allclose(getattr(body, name), getattr(whole, name)[:, BODY], atol=2e-6)


def test_lift_refuses_more_joints_than_the_weights_give(tmp_path: Path) -> None:
    lifter(tmp_path)
    with pytest.raises(ValueError, match=r"give 17 joints, got joints=26.*--joints"):
        Lifter(tmp_path, "cpu", joints=26)


@pytest.mark.parametrize("post", [True, False])
def test_lift_of_undetected_groups_is_that_of_a_source_without(folder: Path, post: bool) -> None:
    whole = seen(walk26(30))
    options = {} if post else {"postprocess": None}
    lift = Lifter(folder, "cpu")
    without = lift(seen(body_of(walk26(30))), **options)
    masked = lift(hidden(whole, list(range(BODY.stop, 26))), **options)
    np.testing.assert_allclose(masked.xyz, without.xyz, atol=1e-6)
    assert (without.confidence[:, BODY.stop :] == 0).all()


def test_lift_keeps_what_coco_sees_of_the_face(folder: Path) -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(300, 600, (20, 17, 2))
    motion = Lifter(folder, "cpu")(Motion2D(xy, np.ones((20, 17)), SIZE, 30.0, COCO))
    assert (motion.confidence[:, GROUPS["face"]] == 1).all()
    assert not motion.confidence[:, GROUPS["feet"] + GROUPS["hands"]].any()
    parents = [BODY_26.parents[joint] for joint in GROUPS["feet"]]
    np.testing.assert_array_equal(motion.xy[:, GROUPS["feet"]], motion.xy[:, parents])


def test_predict_of_the_mirror_image_is_the_mirror_image(folder: Path) -> None:
    person = seen(walk26(30))
    xy = person.xy[:, MIRROR]
    xy = np.stack([SIZE[0] - xy[..., 0], xy[..., 1]], axis=-1)
    there = replace(person, xy=xy, confidence=person.confidence[:, MIRROR])
    lift = Lifter(folder, "cpu")
    direct = lift.predict(person, FOCAL)
    back = lift.predict(there, FOCAL)[:, MIRROR] * np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(back, direct, atol=1e-5)


def test_stature_is_the_given_height_with_either_number(folder: Path) -> None:
    person = seen(walk26(30))
    heights = [
        float(
            np.median(
                stature(Lifter(folder, "cpu", joints=n)(person, height=1.8, postprocess=QUICK).xyz)
            )
        )
        for n in (17, 26)
    ]
    np.testing.assert_allclose(heights, 1.8, atol=0.01)


def test_bodies_are_compared_by_the_17_of_weights_with_26(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Lifter(folder, "cpu", flip=False)
    monkeypatch.setattr("tcpformer.lifting.lifter._fast_lifter", lambda: small)
    person = seen(walk26(30))
    whole = small(person)
    body = Lifter(folder, "cpu", flip=False, joints=17)(person)
    assert whole.provenance.get("swaps") == body.provenance.get("swaps")
