"""The verb `formats`."""

import pytest
from commands import run

from tcpformer.io.formats import FORMATS


def test_formats_prints_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    run("formats")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FORMATS)
    for line, each in zip(lines, FORMATS, strict=True):
        assert line.startswith(each.program)
        assert f"{each.source} " in line
        assert line.endswith(f"give {each.lacks}")
