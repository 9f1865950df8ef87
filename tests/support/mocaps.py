"""Motion capture files for tests: people walking."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from motions import walk

from tcpformer.skeleton import BODY_26, H36M


def with_groups(xyz: np.ndarray) -> np.ndarray:
    """Add feet that point ahead, hands below the wrists and a face in front of the neck."""
    ahead, side = np.array([0.0, -0.15, 0.0]), np.array([0.07, 0.0, 0.0])
    offsets = [ahead, ahead, -0.3 * ahead, -0.3 * ahead, *([[0.0, 0.0, -0.09]] * 2)]
    offsets = np.array([*offsets, 0.8 * ahead, side, -side])
    return np.concatenate([xyz, xyz[:, BODY_26.parents[17:]] + offsets], axis=1)


def mocap_file(path: Path, *, groups: bool = False, **more: Any) -> Path:
    """Write three people walking: two for training, one for validation; at will of 26 joints."""
    walks = [walk(60 + 10 * i, fps=50.0, speed=1.0 + 0.2 * i).xyz for i in range(3)]
    xyz = np.concatenate(walks)
    skeleton = BODY_26 if groups else H36M
    xyz = with_groups(xyz) if groups else xyz
    np.savez(
        path,
        relative=np.round(1e4 * (xyz - xyz[:, :1])).astype(np.int16),
        root=np.round(1e4 * xyz[:, 0]).astype(np.int32),
        offsets=np.cumsum([0, *map(len, walks)]),
        split=np.array(["train", "train", "val"]),
        activity=np.array(["walk", "stroll", "walk"]),
        joints=np.array(skeleton.joints),
        fps=np.float32(50),
        **more,
    )
    return path


def bvh_file(path: Path, xyz: np.ndarray, fps: float) -> Path:
    """Write the 17 joints of a motion in the world, z up, as positions, which BVH allows."""
    up = np.stack([xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1)
    order: list[int] = []

    def lines(joint: int) -> list[str]:
        order.append(joint)
        children = [child for parent, child in H36M.bones if parent == joint]
        inner = [line for child in children for line in lines(child)]
        start = "ROOT" if joint == H36M.root else "JOINT"
        channels = "CHANNELS 3 Xposition Yposition Zposition"
        return [f"{start} {H36M.joints[joint]}", "{", "OFFSET 0 0 0", channels, *inner, "}"]

    tree = lines(H36M.root)
    local = up.copy()
    for parent, child in H36M.bones:
        local[:, child] -= up[:, parent]
    head = ["HIERARCHY", *tree, "MOTION", f"Frames: {len(xyz)}", f"Frame Time: {1 / fps:.9f}"]
    rows = [" ".join(f"{x:.6f}" for x in row.ravel()) for row in local[:, order]]
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


def extra_file(path: Path, data: Mapping[str, np.ndarray], unknown: str = "") -> Path:
    """Write feet, hands and face of some motion capture, each near the joint it hangs on.

    Args:
        data: Arrays of 17 joints with offsets and names.
        unknown: Key of a group that the first sequence lacks.
    """
    points = [*BODY_26.joints[17:19], "LToeTip", "RToeTip", *BODY_26.joints[19:]]
    near = [BODY_26.parents[BODY_26.index[p.removesuffix("Tip")]] for p in points]
    rng = np.random.default_rng(1)
    count, total = len(data["name"]), len(data["relative"])
    extra = data["relative"][:, near] + rng.integers(-1500, 1500, (len(points), 3))
    arrays: dict[str, Any] = {
        key: (np.arange(count) > 0) | (key != unknown)
        for key in ("has_feet", "has_hands", "has_head")
    }
    arrays |= {
        "extra": extra.astype(np.int16),
        "points": np.array(points),
        "offsets": data["offsets"],
        "name": data["name"],
        "glitch": np.zeros((total, 3), dtype=bool),
        "floor_z": 0.05 * np.arange(count, dtype=np.float32),
    }
    np.savez(path, **arrays)
    return path
