"""The verb `formats`: what `lift` reads, and what it writes."""

from collections.abc import Sequence

from ._terminal import show


def formats() -> None:
    """List the formats of 2D keypoints that `tcpformer lift` reads, and those of motion."""
    from ..io.formats import FORMATS
    from ..io.motion_formats import MOTION_FORMATS

    show("2D keypoints that `tcpformer lift` reads:")
    _show_rows(
        [
            (each.program, each.source, each.content, f"people: {each.people}; give {each.lacks}")
            for each in FORMATS
        ]
    )
    show("3D motion that `tcpformer lift --formats` and `tcpformer convert` write:")
    _show_rows(
        [
            (each.name, each.suffix, each.holds, f"{each.unit}; {each.axes}; {each.notes}")
            for each in MOTION_FORMATS
        ]
    )


def _show_rows(rows: Sequence[tuple[str, str, str, str]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        show("  ".join([*cells, row[3]]))
