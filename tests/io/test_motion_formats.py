"""The table of formats of motion."""

from paths import ROOT

from tcpformer.io import GROUP_WRITERS, MOTION_READERS, NEEDED, WRITERS
from tcpformer.io.motion_formats import MOTION_FORMATS


def test_motion_formats_are_those_with_writers() -> None:
    assert {each.suffix for each in MOTION_FORMATS} == {*WRITERS, *GROUP_WRITERS}
    for each in MOTION_FORMATS:
        assert ("several people" in each.notes) == (each.suffix in GROUP_WRITERS)
        assert ("read back" in each.notes) == (each.suffix in MOTION_READERS)
        assert ("extra" in each.notes) == (each.suffix in NEEDED)


def test_motion_formats_are_in_the_docs() -> None:
    rows = (ROOT / "docs/files.md").read_text().splitlines()
    for each in MOTION_FORMATS:
        assert any(row.startswith(f"| `{each.suffix}`") for row in rows), each.suffix
