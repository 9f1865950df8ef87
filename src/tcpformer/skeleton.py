"""Skeletons: joint names and parents of each, joint groups, and the conversions between them.

Left and right are the person's. A name starts with L or R where the joint has a twin. `canonical`
brings the names of other programs ("left_hip", "hip.L", "LeftHip") to this form.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Skeleton:
    """A set of joints in a fixed order, that of axis ``j`` of every array."""

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    """For each joint the index of its parent, -1 for the root."""

    @cached_property
    def index(self) -> dict[str, int]:
        """Index of each joint, by name."""
        return {joint: i for i, joint in enumerate(self.joints)}

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each joint, the index of its left-right twin (itself on the midline)."""
        return tuple(self.index.get(_twin(joint), i) for i, joint in enumerate(self.joints))

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) of every joint but the root."""
        return tuple((p, i) for i, p in enumerate(self.parents) if p >= 0)

    @cached_property
    def root(self) -> int:
        """Index of the joint without a parent."""
        return self.parents.index(-1)

    def indices(self, *joints: str) -> list[int]:
        """Return the indices of some joints, by name."""
        return [self.index[joint] for joint in joints]


def _tree(name: str, joints: str) -> Skeleton:
    """Make a skeleton of words "joint<parent"; the root has no parent."""
    names, _, parents = zip(*(word.partition("<") for word in joints.split()), strict=True)
    return Skeleton(name, names, tuple(names.index(p) if p else -1 for p in parents))


# fmt: off
H36M = _tree("h36m", """
    Hip RHip<Hip RKnee<RHip RAnkle<RKnee LHip<Hip LKnee<LHip LAnkle<LKnee
    Spine<Hip Thorax<Spine Neck<Thorax Head<Neck LShoulder<Thorax LElbow<LShoulder LWrist<LElbow
    RShoulder<Thorax RElbow<RShoulder RWrist<RElbow
""")
BODY_26 = Skeleton(
    "body26",
    (*H36M.joints, "LToe", "RToe", "LHeel", "RHeel", "LHand", "RHand", "Nose", "LEar", "REar"),
    (*H36M.parents, *(H36M.joints.index(joint) for joint in (
        "LAnkle", "RAnkle", "LAnkle", "RAnkle", "LWrist", "RWrist", "Neck", "Neck", "Neck"
    ))),
)
H36M_NOSE = _tree("h36m-nose", """
    Hip RHip<Hip RKnee<RHip RAnkle<RKnee LHip<Hip LKnee<LHip LAnkle<LKnee
    Spine<Hip Neck<Spine Nose<Neck Head<Nose LShoulder<Neck LElbow<LShoulder LWrist<LElbow
    RShoulder<Neck RElbow<RShoulder RWrist<RElbow
""")
MPI_INF_3DHP = _tree("mpi-inf-3dhp", """
    HeadTop<Head Neck<Spine RShoulder<Neck RElbow<RShoulder RWrist<RElbow
    LShoulder<Neck LElbow<LShoulder LWrist<LElbow RHip<Hip RKnee<RHip RAnkle<RKnee
    LHip<Hip LKnee<LHip LAnkle<LKnee Hip Spine<Hip Head<Neck
""")
COCO = _tree("coco", """
    Nose LEye<Nose REye<Nose LEar<LEye REar<REye
    LShoulder<Nose RShoulder<Nose LElbow<LShoulder RElbow<RShoulder
    LWrist<LElbow RWrist<RElbow LHip<LShoulder RHip<RShoulder
    LKnee<LHip RKnee<RHip LAnkle<LKnee RAnkle<RKnee
""")
HALPE26 = _tree("halpe26", """
    Nose<Neck LEye<Nose REye<Nose LEar<LEye REar<REye
    LShoulder<Neck RShoulder<Neck LElbow<LShoulder RElbow<RShoulder
    LWrist<LElbow RWrist<RElbow LHip<Hip RHip<Hip
    LKnee<LHip RKnee<RHip LAnkle<LKnee RAnkle<RKnee Head<Neck Neck<Hip Hip
    LBigToe<LAnkle RBigToe<RAnkle LSmallToe<LAnkle RSmallToe<RAnkle LHeel<LAnkle RHeel<RAnkle
""")
BODY25 = _tree("body25", """
    Nose<Neck Neck<Hip RShoulder<Neck RElbow<RShoulder RWrist<RElbow
    LShoulder<Neck LElbow<LShoulder LWrist<LElbow Hip RHip<Hip RKnee<RHip RAnkle<RKnee
    LHip<Hip LKnee<LHip LAnkle<LKnee REye<Nose LEye<Nose REar<REye LEar<LEye
    LBigToe<LAnkle LSmallToe<LAnkle LHeel<LAnkle RBigToe<RAnkle RSmallToe<RAnkle RHeel<RAnkle
""")
BLAZEPOSE = _tree("blazepose", """
    Nose LEyeInner<Nose LEye<LEyeInner LEyeOuter<LEye
    REyeInner<Nose REye<REyeInner REyeOuter<REye
    LEar<LEyeOuter REar<REyeOuter LMouth<Nose RMouth<Nose
    LShoulder<Nose RShoulder<Nose LElbow<LShoulder RElbow<RShoulder
    LWrist<LElbow RWrist<RElbow LPinky<LWrist RPinky<RWrist
    LIndex<LWrist RIndex<RWrist LThumb<LWrist RThumb<RWrist
    LHip<LShoulder RHip<RShoulder LKnee<LHip RKnee<RHip
    LAnkle<LKnee RAnkle<RKnee LHeel<LAnkle RHeel<RAnkle LFootIndex<LHeel RFootIndex<RHeel
""")
# fmt: on
_COCO_FEET = tuple(side + joint for side in "LR" for joint in ("BigToe", "SmallToe", "Heel"))
_KNUCKLES = ("LMiddleFinger1", "RMiddleFinger1")


def _extended(name: str, base: Skeleton, joints: Sequence[str]) -> Skeleton:
    """Add joints of feet (below the ankles) and hands (below the wrists) to a skeleton."""
    over = (j[0] + ("Wrist" if "Finger" in j else "Ankle") for j in joints)
    parents = (*base.parents, *(base.index[joint] for joint in over))
    return Skeleton(name, (*base.joints, *joints), parents)


COCO_FEET = _extended("coco-feet", COCO, _COCO_FEET)
WHOLEBODY = _extended("wholebody", COCO_FEET, _KNUCKLES)
HALPE136 = _extended("halpe136", HALPE26, _KNUCKLES)
KNOWN = (
    *(H36M, BODY_26, H36M_NOSE, MPI_INF_3DHP, COCO, COCO_FEET, WHOLEBODY),
    *(HALPE26, HALPE136, BODY25, BLAZEPOSE),
)
"""Skeletons that names of joints can identify."""

BODY = slice(0, len(H36M.joints))
"""The Human3.6M joints among those of `BODY_26`: they come first. Toes are the balls of the feet,
hands the knuckles; heels and toes are 4 cm above the floor when the foot is flat."""
GROUPS = {
    "feet": BODY_26.indices("LToe", "RToe", "LHeel", "RHeel"),
    "hands": BODY_26.indices("LHand", "RHand"),
    "face": BODY_26.indices("Nose", "LEar", "REar"),
}
"""The other joints of `BODY_26`; a source has or lacks each group."""
_FACE_AND_HANDS = (
    *68 * ("",),
    *(knuckle if i == 9 else "" for knuckle in _KNUCKLES for i in range(21)),
)
JOINTS_BY_COUNT: dict[int, tuple[str, ...]] = {
    17: COCO.joints,
    18: (*(j for j in BODY25.joints[:15] if j != "Hip"), "REye", "LEye", "REar", "LEar"),
    25: BODY25.joints,
    26: HALPE26.joints,
    133: (*COCO_FEET.joints, *_FACE_AND_HANDS),  # COCO-WholeBody
    136: (*HALPE26.joints, *_FACE_AND_HANDS),  # Halpe-136
}
"""Joint names where a source has none: COCO, OpenPose's COCO, BODY_25, Halpe, COCO-WholeBody. Those
without a name here are not used: contours of the face, and fingers."""

FEET = H36M.indices("RAnkle", "LAnkle")
KNEES = H36M.indices("RKnee", "LKnee")
HIPS = H36M.indices("RHip", "LHip")
TRUNK = H36M.indices("Hip", "LHip", "RHip", "Spine", "Thorax")
"""Groups of the Human3.6M joints; of the pairs, the right one is first."""
HEELS = BODY_26.indices("RHeel", "LHeel")
BALLS = BODY_26.indices("RToe", "LToe")
"""Joints of the soles among those of `BODY_26`, the right one first."""

_MID_HIP = {"LHip": 0.5, "RHip": 0.5}
_MID_SHOULDER = {"LShoulder": 0.5, "RShoulder": 0.5}
_MIDDLE = {"LHip": 0.25, "RHip": 0.25, "LShoulder": 0.25, "RShoulder": 0.25}
_EARS_TO_SHOULDERS = {"LEar": 0.4, "REar": 0.4, "LShoulder": 0.1, "RShoulder": 0.1}
_ABOVE_EARS = {"LEar": 0.7, "REar": 0.7, "LShoulder": -0.2, "RShoulder": -0.2}
_MID_TRUNK = {"Hip": 0.5, "Neck": 0.5}
_TRUNK = {"Hip": _MID_HIP, "Spine": _MIDDLE, "Thorax": _MID_SHOULDER}
_FROM_EARS = {**_TRUNK, "Neck": _EARS_TO_SHOULDERS, "Head": _ABOVE_EARS}
_MID_EYES = {"LEye": 0.5, "REye": 0.5}
_FROM_EYES = {"Hip": _MID_HIP, "Spine": _MIDDLE, "Neck": _MID_SHOULDER, "Head": _MID_EYES}

_FEET = {f"{s}Toe": {f"{s}Heel": 0.2, f"{s}BigToe": 0.4, f"{s}SmallToe": 0.4} for s in "LR"}
_FEET_AND_HANDS = {
    **{f"{s}Toe": {f"{s}Heel": 0.28, f"{s}FootIndex": 0.72} for s in "LR"},
    **{f"{s}Hand": {f"{s}Index": 0.5, f"{s}Pinky": 0.5} for s in "LR"},
}
_FINGERS = {f"{s}Hand": {f"{s}MiddleFinger1": 1.0} for s in "LR"}
RECIPES: dict[tuple[str, str], dict[str, dict[str, float]]] = {
    ("coco", "h36m"): _FROM_EARS,
    ("blazepose", "h36m"): _FROM_EARS,
    ("halpe26", "h36m"): {"Spine": _MID_TRUNK, "Thorax": {"Neck": 1.0}, "Neck": _EARS_TO_SHOULDERS},
    ("body25", "h36m"): {
        "Spine": _MID_TRUNK,
        "Thorax": {"Neck": 1.0},
        "Neck": _EARS_TO_SHOULDERS,
        "Head": _ABOVE_EARS,
    },
    ("mpi-inf-3dhp", "h36m"): {
        "Thorax": {"Neck": 1.0},
        "Neck": {"Head": 1.0},
        "Head": {"HeadTop": 1.0},
    },
    ("body26", "h36m"): {},
    **{(s, "h36m"): _FROM_EARS for s in ("coco-feet", "wholebody")},
    **{(s, "h36m-nose"): _FROM_EYES for s in ("coco-feet", "wholebody")},
    ("coco", "h36m-nose"): _FROM_EYES,
    ("blazepose", "h36m-nose"): _FROM_EYES,
    ("halpe26", "h36m-nose"): {"Spine": _MID_TRUNK},
    ("body25", "h36m-nose"): {"Spine": _MID_TRUNK, "Head": _MID_EYES},
    ("h36m", "h36m-nose"): {"Neck": {"Thorax": 1.0}, "Nose": {"Neck": 1.0}},
    ("h36m-nose", "h36m"): {"Thorax": {"Neck": 1.0}, "Neck": {"Nose": 1.0}},
    ("h36m", "mpi-inf-3dhp"): {
        "Neck": {"Thorax": 1.0},
        "Head": {"Neck": 1.0},
        "HeadTop": {"Head": 1.0},
    },
}
RECIPES |= {("halpe136", target): RECIPES["halpe26", target] for target in ("h36m", "h36m-nose")}
RECIPES |= {
    (source, "body26"): {**RECIPES.get((source, "h36m"), {}), **more}
    for source, more in {
        "h36m": {},
        "coco": {},
        "blazepose": _FEET_AND_HANDS,
        "coco-feet": _FEET,
        "wholebody": _FEET | _FINGERS,
        "halpe26": _FEET,
        "halpe136": _FEET | _FINGERS,
        "body25": _FEET,
        "mpi-inf-3dhp": {},
    }.items()
}
"""(source, target): the joints of the target that have no namesake, as weights that sum to 1.

Of `BODY_26`, joints of feet, hands and face that have none are not in the source. A toe here is the
ball of the foot: 0.72 of the way from the heel to a toe tip, 0.8 to the middle of big and small toe
(the small one ends further back). The knuckles are the base of the middle finger, or lie between
those of index and little finger.

The Human3.6M joint 9 ("Neck") is the base of the skull: a fifth of the way from the ears to the
shoulders. "Head" is the top of the head, two fifths of that way up from the ears. Both fractions
are the means of the motion capture that the packaged weights are trained on. The spine joint lies
halfway up the trunk.

"h36m-nose" is Human3.6M as the released checkpoints were trained, with MotionBERT's names: number 9
is the nose, number 8 the neck, and the middle of the eyes stands for the top of the head where a
detector has none, as in MotionBERT.
"""


def body_skeleton(joints: int) -> Skeleton:
    """Return the skeleton of a pose of the body: Human3.6M of 17 joints, `BODY_26` of 26.

    Raises:
        ValueError: If there is none of that many joints.
    """
    for skeleton in (H36M, BODY_26):
        if len(skeleton.joints) == joints:
            return skeleton
    raise ValueError(f"expected a pose of 17 or 26 joints, got {joints}.")


def conversion(source: Skeleton, target: Skeleton) -> Float[np.ndarray, "target source"]:
    """Return the linear map from the joints of one skeleton to another's; rows sum to 1.

    The row of a joint of `GROUPS` that is not in the source is 0.

    Raises:
        ValueError: If there is no recipe for some joint of ``target``.
    """
    if source == target:
        return np.eye(len(source.joints))
    recipe = _recipe(source, target)
    weights = np.zeros((len(target.joints), len(source.joints)))
    for i, joint in enumerate(target.joints):
        parts = recipe.get(joint, {joint: 1.0})
        if target == BODY_26 and i >= BODY.stop and not parts.keys() <= source.index.keys():
            continue
        for part, weight in parts.items():
            weights[i, source.index[part]] = weight
    return weights


def _recipe(source: Skeleton, target: Skeleton) -> dict[str, dict[str, float]]:
    """Return how to make the joints of ``target`` without namesake; at need by way of Human3.6M."""
    recipe = RECIPES.get((source.name, target.name))
    if recipe is not None:
        return recipe
    first, second = RECIPES.get((source.name, "h36m")), RECIPES.get(("h36m", target.name))
    if first is None or second is None:
        raise ValueError(
            f"no conversion from skeleton {source.name!r} to {target.name!r}; its recipe belongs "
            "into `skeleton.RECIPES`."
        )
    result: dict[str, dict[str, float]] = {}
    for joint in target.joints:
        parts: dict[str, float] = {}
        for middle, share in second.get(joint, {joint: 1.0}).items():
            for part, weight in first.get(middle, {middle: 1.0}).items():
                parts[part] = parts.get(part, 0.0) + share * weight
        result[joint] = parts
    return result


def identify(names: Sequence[str]) -> tuple[Skeleton, tuple[int, ...]]:
    """Return the largest known skeleton whose joints are all in ``names``, and where they are.

    Raises:
        ValueError: If a name is unknown or given twice, or no known skeleton is complete.
    """
    canon = [canonical(name) for name in names]
    vocabulary = {joint for skeleton in KNOWN for joint in skeleton.joints}
    unknown = [n for n, c in zip(names, canon, strict=True) if c not in vocabulary]
    if unknown:
        raise ValueError(
            f"unknown joint names {unknown}; expected the joints of one of "
            f"{[s.name for s in KNOWN]}, such as {list(COCO.joints[5:9])}."
        )
    if len(set(canon)) < len(canon):
        twice = sorted({name for name in canon if canon.count(name) > 1})
        raise ValueError(f"joint names must differ, but {twice} come twice.")
    complete = [s for s in KNOWN if set(s.joints) <= set(canon)]
    if not complete:
        nearest = min(KNOWN, key=lambda s: len(set(s.joints) - set(canon)))
        missing = sorted(set(nearest.joints) - set(canon))
        raise ValueError(
            f"no known skeleton is complete; nearest is {nearest.name}, without {missing}."
        )
    best = max(complete, key=lambda s: len(s.joints))
    return best, tuple(canon.index(joint) for joint in best.joints)


def match_skeleton(names: Sequence[str] | None, count: int) -> tuple[Skeleton, tuple[int, ...]]:
    """Return the skeleton of some joints, and the index of each of its joints among them.

    Where the source has no ``names``, the count decides.

    Raises:
        ValueError: If the joints make up no known skeleton.
    """
    if names is None and count not in JOINTS_BY_COUNT:
        raise ValueError(
            f"expected {', '.join(map(str, JOINTS_BY_COUNT))} joints where the source has no "
            f"joint names, got {count}."
        )
    if names is not None:
        return identify(names)
    columns = [i for i, joint in enumerate(JOINTS_BY_COUNT[count]) if joint]
    skeleton, order = identify([JOINTS_BY_COUNT[count][i] for i in columns])
    return skeleton, tuple(columns[i] for i in order)


def canonical(name: str) -> str:
    """Return a joint name in the form used here: "LHip" for "left_hip", "hip.L" or "LeftHip"."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)
    sides = {"left": "L", "l": "L", "right": "R", "r": "R"}
    side = "".join(sides[w.lower()] for w in words if w.lower() in sides)
    rest = "".join(w.capitalize() for w in words if w.lower() not in sides)
    return side + _ALIASES.get(rest, rest)


_ALIASES = {
    **dict.fromkeys(("Pelvis", "MidHip", "CHip", "Root"), "Hip"),
    "Belly": "Spine",
    "TopOfHead": "HeadTop",
}

STANDARD_HEIGHT = 1.70
"""Metres. An image does not show a person's height: weights are trained on people of this height,
and it is assumed where nothing sets the scale."""
_STATURE_BONES = ("LKnee", "RKnee", "LAnkle", "RAnkle", "Spine", "Thorax", "Neck", "Head")
STATURE_PER_BONE_SUM = 1.07
"""Body height over leg + trunk + neck + head: our estimate of the foot's height and the crown."""
ANKLE_HEIGHT = 0.039
"""Height of a standing ankle above the floor, as a share of body height (Drillis and Contini, 1966,
as quoted by Winter)."""
SOLE_DEPTH = 0.04 / STANDARD_HEIGHT
"""Height of heel and ball above the floor when the foot is flat, as a share of body height: that of
the motion capture that the packaged weights are trained on, whose people wear shoes."""
ANKLE_OVER_SOLE = 0.036 / STANDARD_HEIGHT
"""Standing ankle over the flat sole's heel and ball, as a share of body height: median of the
same motion capture."""


def stature(xyz: Float[np.ndarray, "*batch j 3"]) -> Float[np.ndarray, "*batch"]:
    """Estimate the body height of a pose, however bent, in its unit; Human3.6M joints first."""
    total = 0.0
    for joint in _STATURE_BONES:
        child = H36M.index[joint]
        bone = xyz[..., child, :] - xyz[..., H36M.parents[child], :]
        length = np.sqrt(bone[..., 0] ** 2 + bone[..., 1] ** 2 + bone[..., 2] ** 2)
        total = total + length * (0.5 if joint[0] in "LR" else 1.0)
    return np.asarray(STATURE_PER_BONE_SUM * total)


def _twin(joint: str) -> str:
    """Return the joint on the other side; on the midline the joint itself."""
    other = {"L": "R", "R": "L"}.get(joint[0])
    return other + joint[1:] if other and joint[1:2].isupper() else joint
