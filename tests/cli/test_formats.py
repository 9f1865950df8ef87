"""The verb `formats`."""

import pytest
from commands import run

from tcpformer.io.formats import FORMATS
from tcpformer.io.motion_formats import MOTION_FORMATS


def test_formats_prints_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    run("formats")
    lines = capsys.readouterr().out.splitlines()
    read, write = lines[1 : len(FORMATS) + 1], lines[len(FORMATS) + 2 :]
    for line, each in zip(read, FORMATS, strict=True):
        assert line.startswith(each.program)
        assert f"{each.source} " in line
        assert line.endswith(f"give {each.lacks}")
    for line, each in zip(write, MOTION_FORMATS, strict=True):
        assert line.startswith(each.name)
        assert f"{each.suffix} " in line
        assert line.endswith(each.notes)
