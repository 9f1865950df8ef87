"""Whole synthetic motions of both camera domains, and hidden intervals."""

import numpy as np
import pytest
from motions import walk

from tcpformer.datasets.mocap import Mocap
from tcpformer.datasets.synthetic.as_filmed import MOTION_SECONDS, generate_filmed_motions
from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_motions
from tcpformer.datasets.synthetic.motions import GAP_SECONDS, hide_interval
from tcpformer.skeleton import STANDARD_HEIGHT, stature


@pytest.fixture(scope="module")
def mocap() -> Mocap:
    xyz = np.concatenate([walk(400, 50.0).xyz, walk(6, 50.0).xyz]).astype(np.float32)
    return Mocap(xyz, np.array([0, 400]), np.array([400, 6]), 50.0)


def test_generate_benchmark_motions_projects_the_truth(mocap: Mocap) -> None:
    exact = list(generate_benchmark_motions(mocap, noisy=False, max_frames=100, seed=0))
    noisy = list(generate_benchmark_motions(mocap, noisy=True, max_frames=100, seed=0))
    assert [len(motion.detected) for motion in exact] == [100, 6]
    assert (
        len(list(generate_benchmark_motions(mocap, noisy=False, max_frames=9, seed=0, every=2)))
        == 1
    )
    for one, other in zip(exact, noisy, strict=True):
        np.testing.assert_array_equal(one.truth, other.truth)
        assert one.detected.focal == other.detected.focal
        assert (one.detected.confidence == 1).all()
        assert 1 < np.abs(one.detected.xy - other.detected.xy).mean() < 100


def test_generate_filmed_motions_has_its_length_and_standard_height(mocap: Mocap) -> None:
    long = Mocap(mocap.xyz[:400], np.array([0]), np.array([400]), 50.0)
    motions = list(generate_filmed_motions(long, count=12, seed=0))
    assert {motion.detected.focal is None for motion in motions} == {True, False}
    for motion in motions:
        assert len(motion.truth) == len(motion.detected)
        assert len(motion.detected) / motion.detected.fps < MOTION_SECONDS + 1
        np.testing.assert_allclose(stature(motion.truth).mean(), STANDARD_HEIGHT, rtol=0.03)
    again = next(generate_filmed_motions(long, count=1, seed=0))
    np.testing.assert_array_equal(again.detected.xy, motions[0].detected.xy)


def test_hide_interval_hides_one_interval_inside(mocap: Mocap, rng: np.random.Generator) -> None:
    long, short = generate_benchmark_motions(mocap, noisy=True, max_frames=400, seed=0)
    hidden = hide_interval(long, rng)
    assert hidden is not None
    lost = ~hidden.detected.valid
    assert (hidden.detected.confidence[lost] == 0).all()
    assert np.abs(np.diff(lost.astype(int))).sum() == 2
    assert not lost[[0, -1]].any()
    assert GAP_SECONDS[0] - 0.02 <= lost.sum() / 50 <= GAP_SECONDS[1]
    np.testing.assert_array_equal(hidden.truth, long.truth)
    assert hide_interval(short, rng) is None
