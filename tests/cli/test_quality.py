"""The verb `quality`: its table, and what it refuses."""

import re
from pathlib import Path

import pytest
from commands import run

from tcpformer.analysis.quality import LABELS
from tcpformer.postprocess.stages import PostprocessConfig


def test_quality_compares_with_raw_motion(
    tmp_path: Path, walking: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a finished motion and the raw one beside it; of either alone."""
    run("lift", walking, "--out", tmp_path, "--weights", tiny, "--save-raw")
    motion, raw = (tmp_path / f"person_0/motion{kind}.npz" for kind in ("", "_raw"))
    tables = []
    for given in (motion, raw):
        capsys.readouterr()
        run("quality", given)
        tables.append(capsys.readouterr().out)
    for printed in tables:
        for name in LABELS.values():
            assert re.search(re.escape(name) + r"(\s+\d+\.\d\d){2}", printed)
        assert "before     after   change" in printed
        assert (
            f"post-processing: {PostprocessConfig().describe()}\nground: estimated from feet"
            in printed
        )
    raw.unlink()
    run("quality", motion)
    alone = capsys.readouterr().out
    assert "before" not in alone
    assert f"no {raw} to compare with" in alone
    rows = [re.search(r"bone deviation, mm(.*)", text) for text in (tables[0], alone)]
    numbers = [[float(x) for x in row[1].split()[:2]] for row in rows if row]
    assert numbers[0][0] > 1
    assert numbers[0][1] == numbers[1][0] < 0.01
