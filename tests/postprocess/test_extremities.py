"""Feet, hands and face that keep their shape."""

import numpy as np
from walk26 import tremble, walk26

from tcpformer.postprocess.extremities import BODIES, make_rigid
from tcpformer.skeleton import BODY, BODY_26

MIRROR, FLIP = list(BODY_26.mirror), np.array([-1.0, 1.0, 1.0])
EVERY = np.ones(60, dtype=bool)


def relative(xyz: np.ndarray) -> np.ndarray:
    return xyz - xyz[:, :1]


def spans(xyz: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Return the distances within each rigid body over time."""
    result = {}
    for parent, own in BODIES.items():
        points = [parent, *own]
        for i, a in enumerate(points):
            for b in points[i + 1 :]:
                result[a, b] = np.linalg.norm(xyz[:, a] - xyz[:, b], axis=-1)
    return result


def test_make_rigid_of_rigid_bodies_changes_nothing() -> None:
    xyz = relative(walk26(60).xyz)
    np.testing.assert_allclose(make_rigid(xyz, xyz[:, BODY], EVERY), xyz, atol=1e-9)


def test_make_rigid_writes_where_it_reads(rng: np.random.Generator) -> None:
    xyz = walk26(60).xyz + rng.normal(0, 0.02, (60, 26, 3))
    body = xyz[:, BODY] + 0.1
    wanted = make_rigid(xyz, body, EVERY)
    assert make_rigid(xyz, body, EVERY, xyz) is xyz
    np.testing.assert_array_equal(xyz, wanted)


def test_make_rigid_keeps_distances_and_the_body(rng: np.random.Generator) -> None:
    xyz = relative(tremble(walk26(60), rng).xyz)
    rigid = make_rigid(xyz, xyz[:, BODY], EVERY)
    np.testing.assert_array_equal(rigid[:, BODY], xyz[:, BODY])
    for (a, b), length in spans(rigid).items():
        np.testing.assert_allclose(length, length[0], atol=1e-9)
        other = np.linalg.norm(rigid[:, MIRROR[a]] - rigid[:, MIRROR[b]], axis=-1)
        np.testing.assert_allclose(other, length[0], atol=1e-9)


def test_make_rigid_is_nearer_the_truth(rng: np.random.Generator) -> None:
    true = relative(walk26(60).xyz)
    noisy = true + rng.normal(0, 0.01, true.shape)
    rigid = make_rigid(noisy, true[:, BODY], EVERY)
    assert (
        np.abs(rigid - true)[:, BODY.stop :].mean()
        < 0.9 * np.abs(noisy - true)[:, BODY.stop :].mean()
    )


def test_make_rigid_of_the_mirror_image_is_the_mirror_image(rng: np.random.Generator) -> None:
    xyz = relative(tremble(walk26(60), rng).xyz)
    direct = make_rigid(xyz, xyz[:, BODY], EVERY)
    mirrored = xyz[:, MIRROR] * FLIP
    there = make_rigid(mirrored, mirrored[:, BODY], EVERY)
    np.testing.assert_allclose(there[:, MIRROR] * FLIP, direct, atol=1e-6)


def test_make_rigid_takes_shapes_from_counted_frames(rng: np.random.Generator) -> None:
    xyz = relative(walk26(60).xyz)
    wrong = xyz.copy()
    wrong[40:, BODY.stop :] *= 1.3
    rigid = make_rigid(wrong, xyz[:, BODY], np.arange(60) < 40)
    for pair, length in spans(rigid).items():
        np.testing.assert_allclose(length, spans(xyz)[pair][0], atol=1e-9)
