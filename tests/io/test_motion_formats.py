"""The table of formats of motion."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from walk26 import walk26

from tcpformer import save
from tcpformer.io import GROUP_WRITERS, MOTION_READERS, NEEDED, WRITERS
from tcpformer.io.motion_formats import MOTION_FORMATS


def test_motion_formats_are_those_with_writers() -> None:
    assert {each.suffix for each in MOTION_FORMATS} == {*WRITERS, *GROUP_WRITERS}
    for each in MOTION_FORMATS:
        assert ("several people" in each.notes) == (each.suffix in GROUP_WRITERS)
        assert ("read back" in each.notes) == (each.suffix in MOTION_READERS)
        assert ("extra" in each.notes) == (each.suffix in NEEDED)


@pytest.mark.parametrize("suffix", [".json", ".csv", ".parquet", ".c3d"])
def test_single_precision_is_written_as_double(tmp_path: Path, suffix: str) -> None:
    """A tenth in single precision is 0.10000000149 in double."""
    if suffix in NEEDED:
        pytest.importorskip(NEEDED[suffix][0])
    names, walk = ("xyz", "camera_xyz", "xy", "confidence", "sigma"), walk26(40)
    walk = replace(walk, sigma=np.full(walk.xyz.shape, 0.02))
    single = replace(walk, **{name: getattr(walk, name).astype(np.float32) for name in names})
    double = replace(single, **{name: getattr(single, name).astype(float) for name in names})
    written = []
    for motion in (single, double):
        save(motion, tmp_path / f"a{suffix}")
        written.append((tmp_path / f"a{suffix}").read_bytes())
    assert written[0] == written[1]


def test_motion_formats_are_in_the_docs() -> None:
    rows = (ROOT / "docs/files.md").read_text().splitlines()
    for each in MOTION_FORMATS:
        assert any(row.startswith(f"| `{each.suffix}`") for row in rows), each.suffix
