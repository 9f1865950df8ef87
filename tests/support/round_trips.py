"""Random motions, and how alike one is that was written and read."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from motions import walk
from walk26 import walk26

from tcpformer.motion import Motion3D

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)
METRES, SECONDS, PIXELS = 1e-6, 1e-9, 1e-3


@st.composite
def motions(draw: st.DrawFn, person: int = 0) -> Motion3D:
    """Draw a motion of 17 or 26 joints, of any times, with and without sigma and ground."""
    seed, frames = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 12))
    rng = np.random.default_rng(seed)
    made = draw(st.sampled_from((walk, walk26)))(frames)
    shape = made.xyz.shape
    steps = rng.uniform(0.001, 0.2, frames) if draw(st.booleans()) else np.full(frames, 1 / 29.97)
    return replace(
        made,
        xyz=made.xyz + rng.normal(0, draw(st.sampled_from((0.0, 0.1, 1e4))), shape),
        camera_xyz=made.camera_xyz * rng.uniform(0.5, 2),
        xy=made.xy + rng.normal(0, 50, made.xy.shape),
        confidence=rng.choice((0.0, 1e-9, 0.3, 1.0), shape[:2]),
        valid=rng.random(frames) < 0.8,
        times=rng.uniform(0, 100) + np.cumsum(steps),
        fps=draw(st.sampled_from((25.0, 30000 / 1001, 240.0))),
        sigma=np.abs(rng.normal(0, 0.05, shape)) if draw(st.booleans()) else None,
        ground_sigma=(1.5, 2.0, 0.1) if draw(st.booleans()) else None,
        provenance=draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
        person=person,
    )


def check_same(read: Motion3D, wrote: Motion3D) -> None:
    """Check that a motion came back: micrometres, nanoseconds, and all the rest exactly."""
    for name in ("xyz", "camera_xyz"):
        np.testing.assert_allclose(getattr(read, name), getattr(wrote, name), rtol=0, atol=METRES)
    np.testing.assert_allclose(read.xy, wrote.xy, rtol=0, atol=PIXELS)
    np.testing.assert_allclose(read.times, wrote.times, rtol=0, atol=SECONDS)
    np.testing.assert_allclose(read.confidence, wrote.confidence, atol=1e-6)
    np.testing.assert_array_equal(read.confidence > 0, wrote.confidence > 0)
    np.testing.assert_array_equal(read.valid, wrote.valid)
    assert (read.sigma is None) == (wrote.sigma is None)
    if read.sigma is not None and wrote.sigma is not None:
        np.testing.assert_allclose(read.sigma, wrote.sigma, rtol=0, atol=METRES)
    names = ("fps", "skeleton", "size", "focal", "person", "region_scale", "ground_sigma")
    for name in names:
        assert getattr(read, name) == getattr(wrote, name), name
    assert dict(read.provenance) == dict(wrote.provenance)
