"""Keypoint files of two people, written as other programs write them, and how to read them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tcpformer.io import read_detections
from tcpformer.motion import Motion2D
from tcpformer.skeleton import Skeleton, match_skeleton
from tcpformer.tracking.assemble import assemble_people

FPS, SIZE, COUNT = 30.0, (1280, 720), 20
rng = np.random.default_rng(0)


def read_motions(path: Path, person: str | int = "all", **given: Any) -> list[Motion2D]:
    """Read a keypoint file and make motions of its people."""
    return assemble_people(read_detections(path, **given), person)


def check_two_people(found: list[Motion2D], two: np.ndarray, skeleton: Skeleton) -> None:
    """Check that two motions are those of two people, visible in every frame."""
    assert [motion.person for motion in found] == [0, 1]
    for motion, true in zip(found, two, strict=True):
        assert motion.skeleton == skeleton
        assert (motion.size, motion.fps) == (SIZE, FPS)
        assert motion.valid.all()
        np.testing.assert_allclose(motion.xy, true[..., :2], atol=1e-6)


def people(skeleton: Skeleton, count: int = COUNT) -> np.ndarray:
    """Return two people (2, t, k, 3) who walk past each other."""
    figure = {
        "Nose": (0, -80), "LEye": (3, -84), "REye": (-3, -84), "LEar": (7, -82), "REar": (-7, -82),
        "Neck": (0, -58), "Head": (0, -95), "Hip": (0, 0),
        "LShoulder": (18, -55), "LElbow": (26, -25), "LWrist": (28, 5),
        "LHip": (10, 0), "LKnee": (11, 42), "LAnkle": (12, 85), "LHeel": (10, 90),
        "LBigToe": (14, 92), "LSmallToe": (17, 92), "LMiddleFinger1": (28, 14),
    }  # fmt: skip
    for name, (x, y) in dict(figure).items():
        if name[0] == "L":
            figure["R" + name[1:]] = (-x, y)
    body = np.array([figure[joint] for joint in skeleton.joints], float)
    t = np.arange(count)[:, None, None]
    left = body + [300, 350] + t * [12, 0]
    right = 0.8 * body + [620, 300] - t * [12, 0]
    xy = np.stack([left, right])
    return np.concatenate([xy, np.full((*xy.shape[:-1], 1), 0.9)], axis=-1)


def whole_body(two: np.ndarray, joints: int) -> np.ndarray:
    """Return people of 133 or 136 joints: fingers and the face lie elsewhere than the others."""
    whole = np.full((*two.shape[:2], joints, 3), 5.0)
    whole[:, :, match_skeleton(None, joints)[1]] = two
    return whole


def openpose(folder: Path, two: np.ndarray, *, ids: bool = False) -> Path:
    folder.mkdir()
    for frame in range(two.shape[1]):
        order = rng.permutation(2)
        content = [
            {
                "person_id": [int(i) + 5 if ids else -1],
                "pose_keypoints_2d": two[i, frame].ravel().tolist(),
                "face_keypoints_2d": [],
            }
            for i in order
        ]
        name = f"clip_{frame:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": content}))
    return folder


def mmpose(path: Path, two: np.ndarray, names: tuple[str, ...] | None) -> Path:
    frames = [
        {
            "frame_id": frame + 1,
            "instances": [
                {
                    "keypoints": two[i, frame, :, :2].tolist(),
                    "keypoint_scores": two[i, frame, :, 2].tolist(),
                    "bbox": [[0, 0, 1, 1]],
                    "bbox_score": 0.9,
                }
                for i in rng.permutation(2)
            ],
        }
        for frame in range(two.shape[1])
    ]
    content: object = frames
    if names is not None:
        numbered = {str(i): name for i, name in enumerate(names)}
        content = {"meta_info": {"keypoint_id2name": numbered}, "instance_info": frames}
    path.write_text(json.dumps(content))
    return path


def rtmlib(path: Path, two: np.ndarray) -> Path:
    shuffled = np.stack([two[rng.permutation(2), t] for t in range(two.shape[1])])
    np.savez(path, keypoints=shuffled[..., :2], scores=shuffled[..., 2])
    return path


def sports2d(folder: Path, two: np.ndarray, names: tuple[str, ...]) -> Path:
    folder.mkdir()
    for i, one in enumerate(two):
        path = folder / f"clip_Sports2D_px_person{i:02d}.trc"
        k = range(1, len(names) + 1)
        head = [
            f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
            "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\t"
            "OrigDataStartFrame\tOrigNumFrames",
            f"{FPS}\t{FPS}\t{len(one)}\t{len(names)}\tpx\t{FPS}\t0\t{len(one)}",
            "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
            "\t\t" + "\t".join(f"X{j}\tY{j}\tZ{j}" for j in k),
        ]
        rows = []
        for frame, joints in enumerate(one):
            cells = [f"{x}\t{y}\t0.0" if c else "\t\t" for x, y, c in joints.tolist()]
            rows.append(f"{frame + 1}\t{frame / FPS}\t" + "\t".join(cells))
        path.write_text("\n".join([*head, *rows]) + "\n")
        (folder / f"clip_Sports2D_m_person{i:02d}.trc").write_text("metres, not read\n")
    return folder


MMPOSE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder",
          "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
          "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")  # fmt: skip
