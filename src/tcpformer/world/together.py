"""Several people in one world: the camera is one, and so is the floor."""

from collections.abc import Sequence
from dataclasses import replace

from ..motion import Motion2D, Motion3D
from .ground import level_ground


def check_same_camera(people: Sequence[Motion2D | Motion3D]) -> None:
    """Make sure that people can have been seen by one camera.

    Raises:
        ValueError: If their focal lengths or picture sizes differ.
    """
    cameras = {(person.focal, tuple(person.size)) for person in people}
    if len(cameras) > 1:
        said = sorted(cameras, key=str)  # a focal length may be unknown
        raise ValueError(
            f"people in one world were seen by one camera, got (focal, size) {said}; "
            "give them one focal length, or lift them one by one."
        )


def on_shared_floor(motions: Sequence[Motion3D]) -> list[Motion3D]:
    """Put people as lifted on the level floor under the lowest ankle of all.

    Whoever is on a roof then is on a roof. ``camera_xyz`` stays as it is.

    Args:
        motions: Of one camera, which is taken to be level.
    """
    if not motions:
        return []
    lowest = min(map(level_ground, motions), key=lambda ground: ground.level)
    return [replace(motion, xyz=lowest.to_world(motion.camera_xyz)) for motion in motions]
