"""From `Detections` to people over time."""

from .assemble import assemble_people

__all__ = ["assemble_people"]
