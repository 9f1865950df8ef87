"""The table of formats of 3D motion, in words: for `tcpformer formats` and the documentation."""

from dataclasses import dataclass

from . import GROUP_WRITERS, MOTION_READERS, NEEDED


@dataclass(frozen=True)
class MotionFormat:
    """A format of 3D motion, in words."""

    name: str
    suffix: str
    holds: str
    unit: str
    axes: str

    @property
    def notes(self) -> str:
        """How many people it holds, whether it is read back, and what it needs."""
        people = "several people" if self.suffix in GROUP_WRITERS else "one person"
        back = "read back" if self.suffix in MOTION_READERS else "written only"
        extra = f"; extra {NEEDED[self.suffix][1]}" if self.suffix in NEEDED else ""
        return f"{people}; {back}{extra}"


_WORLD, _Y_UP = "z up", "y up"
MOTION_FORMATS = (
    MotionFormat("NumPy", ".npz", "everything", "m", _WORLD),
    MotionFormat("JSON", ".json", "everything, contacts and events", "m", _WORLD),
    MotionFormat("table", ".csv", "everything, contacts and events", "m", _WORLD),
    MotionFormat("Parquet", ".parquet", "everything, contacts and events", "m", _WORLD),
    MotionFormat("C3D", ".c3d", "joints, frames that were not seen, events", "mm", _WORLD),
    MotionFormat("OpenSim, Pose2Sim", ".trc", "markers of Halpe-26", "m", _Y_UP),
    MotionFormat("OpenSim", ".mot", "joint angles, path of the pelvis", "degrees, m", _Y_UP),
    MotionFormat("glTF", ".glb", "bones that turn, a skinned body, the camera", "m", _Y_UP),
    MotionFormat("USD, text", ".usda", "the same", "m", _Y_UP),
    MotionFormat("USD, binary", ".usdc", "the same", "m", _Y_UP),
    MotionFormat("FBX", ".fbx", "bones that turn, a skinned body", "cm", _Y_UP),
    MotionFormat("BVH", ".bvh", "bones that turn", "m", _Y_UP),
)
"""Formats of motion, those that keep everything first."""
