"""The rig of a person frame by frame: what `solve_rig` does, without knowledge of later frames.

Shapes: `j` joints, `b` bones of `rig_names.BONES`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from ..skeleton import BODY_26, GROUPS, Skeleton
from .rig import RiggedMotion, to_y_up
from .rig_feet import clear_floor
from .rig_fit import TRUNCATE, TWIST_SECONDS, RestPose, to_local
from .rig_names import BONES, PARENTS, Names, bone_names
from .rig_unseen import (
    UNSEEN,
    are_possible,
    bones_of_joints,
    neutral_pose,
    smooth_step,
    turn_between,
)

HIPS = 0
REACH = 2 * TRUNCATE * TWIST_SECONDS
"""Seconds before a frame that decide about its twist."""


@dataclass(frozen=True, kw_only=True)
class LiveRigConfig:
    """Bounds of what `LiveRig` remembers."""

    rest_frames: int = 256
    """Newest frames that show the lengths of the bones. These are measured anew after 1, 2, 4, ...
    frames, and then whenever that number has passed."""
    most_frames: int = 200
    """Frames kept to smooth the twist, at any rate."""


LIVE_RIG = LiveRigConfig()
EPSILON = 1e-6
"""Seconds; times are rounded."""


class LiveRig:
    """Poses the rig of one person: ``rig = live_rig(xyz, confidence, time)``, a rig of one frame.

    Where the joints are seen, a frame is what `solve_rig` finds for the last frame of the motion so
    far. Limbs that are not seen for long ease to a neutral pose, and back. Turns too fast for a
    person are not spread over the frames around them, which are not known.

    Args:
        skeleton: H36M or BODY_26.
        names: Of the bones.
        config: Tuned numbers.
    """

    def __init__(
        self, skeleton: Skeleton, names: Names = "mixamo", config: LiveRigConfig = LIVE_RIG
    ) -> None:
        self.skeleton, self.config = skeleton, config
        self.names: Names = names
        self._groups = tuple(GROUPS) if skeleton == BODY_26 else ()
        self._observed = deque[Float[np.ndarray, "j 3"]](maxlen=config.rest_frames)
        self._times = deque[float](maxlen=config.most_frames)
        self._joints = deque[Float[np.ndarray, "j 3"]](maxlen=config.most_frames)
        self._placed = deque[Float[np.ndarray, "j 3"]]()
        """The joints on the bones of the rest pose."""
        self._frames = 0
        self._rest: RestPose | None = None
        self._last = np.tile([0.0, 0.0, 0.0, 1.0], (len(BONES), 1))
        self._held: Float[np.ndarray, "b 4"] | None = None
        self._unseen_s = self._share = np.zeros(len(BONES))

    def __call__(
        self, xyz: Float[np.ndarray, "j 3"], confidence: Float[np.ndarray, " j"], time: float
    ) -> RiggedMotion:
        """Return the rig in the next frame.

        Args:
            xyz: Joints in the world, z up from the floor at the soles, metres.
            confidence: Of each joint, 0 (unseen) to 1.
            time: Seconds, later than that of the frame before.
        """
        joints, shown = to_y_up(xyz), confidence >= UNSEEN.confidence
        gap = time - self._times[-1] if self._times else 0.0
        if shown.any() or self._rest is None:
            self._observed.append(joints)
        self._times.append(time)
        self._joints.append(joints)
        while self._times[0] < time - REACH - EPSILON:
            self._times.popleft()
            self._joints.popleft()
        rest = self._measure_bones()
        placed = np.stack(self._placed)
        world = rest.turn_bones(placed, TWIST_SECONDS * self._fps)[-1:]
        root, measured = placed[-1:, self.skeleton.root], to_local(world)[0]
        seen = bones_of_joints(shown[None], self.skeleton, self._groups)[0]
        turns = self._ease(measured, partial(neutral_pose, rest.offsets, root[:, 1]), seen, gap)
        guessed = (turns != measured).any(axis=1)
        cleared, root = clear_floor(turns[None], guessed[None], rest, root)
        turns = cleared[0]
        self._last = turns * np.where((turns * self._last).sum(axis=1) < 0, -1.0, 1.0)[:, None]
        return self._rig(rest, root, time, seen=bool(shown.any()))

    @property
    def _fps(self) -> float:
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 1.0

    def _measure_bones(self) -> RestPose:
        """Place the newest joints on the bones; measure these when enough was seen since."""
        self._frames += 1
        most = self.config.rest_frames
        early = self._frames < most and not self._frames & (self._frames - 1)  # a power of two
        if self._rest is None or early or self._frames % most == 0:
            self._rest = RestPose(np.stack(self._observed), self.skeleton)
            self._placed = deque(self._rest.place(np.stack(self._joints)))
        else:
            self._placed.append(self._rest.place(self._joints[-1][None])[0])
        while len(self._placed) > len(self._joints):
            self._placed.popleft()
        return self._rest

    def _ease(
        self,
        turns: Float[np.ndarray, "b 4"],
        neutral: Callable[[], Float[np.ndarray, "t b 4"]],
        seen: Bool[np.ndarray, " b"],
        gap: float,
    ) -> Float[np.ndarray, "b 4"]:
        """Hold bones that are not seen, or bent too far; then ease them to the neutral pose."""
        shown = seen & are_possible(turns[None])[0]
        shown[HIPS] = True
        held = self._held
        if held is None:
            held, self._unseen_s = neutral()[0], np.where(shown, 0.0, np.inf)
            self._share = np.where(shown, 0.0, 1.0)
        self._held = held = np.where(shown[:, None], turns, held)
        self._unseen_s = np.where(shown, 0.0, self._unseen_s + gap)
        step = np.where(self._unseen_s > UNSEEN.bridged, gap, -gap) / UNSEEN.ease
        self._share = np.clip(self._share + step, 0, 1)
        eased, part = held.copy(), self._share > 0
        if part.any():
            share = smooth_step(self._share[part])
            eased[part] = turn_between(held[part], neutral()[0, part], share)
        return eased

    def _rig(
        self, rest: RestPose, root: Float[np.ndarray, "1 3"], time: float, *, seen: bool
    ) -> RiggedMotion:
        return RiggedMotion(
            bones=bone_names(self.names),
            parents=PARENTS,
            offsets=rest.offsets,
            tails=rest.tails,
            rotations=self._last[None],
            root=root,
            fps=self._fps,
            times=np.array([time]),
            seen=np.array([seen]),
            start=0,
        )
