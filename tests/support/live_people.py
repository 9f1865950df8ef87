"""Frames as `LiveLifter` gives them, from motions in closed form."""

from dataclasses import replace

import numpy as np

from tcpformer.motion import Motion3D
from tcpformer.serve.live import LiveFrame, LivePerson


def person_of(motion: Motion3D, k: int) -> LivePerson:
    return LivePerson(
        id=motion.person,
        xyz=motion.xyz[k],
        camera_xyz=motion.camera_xyz[k],
        sigma=None,
        xy=motion.xy[k],
        confidence=motion.confidence[k],
        seen=bool(motion.valid[k]),
    )


def frame_of(motion: Motion3D, k: int, people: int = 1) -> LiveFrame:
    """Return a frame with the same person several times, a metre apart."""
    one = person_of(motion, k)
    found = [replace(one, id=i, xyz=one.xyz + np.array([1.0 * i, 0.0, 0.0])) for i in range(people)]
    return LiveFrame(float(motion.times[k]), tuple(found))
