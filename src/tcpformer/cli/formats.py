"""The verb `formats`: what `lift` reads."""

from ._terminal import show


def formats() -> None:
    """List the formats of 2D keypoints that `tcpformer lift` reads."""
    from ..io.formats import FORMATS

    rows = [
        (each.program, each.source, each.content, f"people: {each.people}; give {each.lacks}")
        for each in FORMATS
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        show("  ".join([*cells, row[3]]))
