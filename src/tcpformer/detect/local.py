"""Networks of the user, as ONNX files: YOLOX finds people, RTMPose reads joints, RTMO does both.

What they want and answer is told by OpenMMLab's documentation of MMDeploy and RTMPose, and by
Megvii's of YOLOX. Which one a file holds is seen from its outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from jaxtyping import Float, UInt8

from ..detections import Detections, match_skeleton
from ..io.video import Video
from .blazepose import shared
from .movenet import MoveNet
from .onnx import open_session

Boxes = Float[np.ndarray, "n 5"]
"""Left, top, right, bottom, in pixels, and score."""
RATE = 4.0  # looks a second of the network that finds people
FLOOR, OVERLAP = 0.3, 0.45
PADDING = 1.25  # RTMPose was trained on boxes this much wider
MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of ImageNet, RGB
GREY = 114  # beside the picture, where YOLOX and RTMO were trained
LOST = 0.3  # mean score of joints below which somebody is lost


def detect(
    video: Video,
    pose_model: Path,
    person_model: Path | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Detections:
    """Read everybody's joints in every frame with networks from local files.

    Args:
        video: The video.
        pose_model: RTMPose (with a 1 x 3 x h x w input and SimCC outputs) or RTMO.
        person_model: YOLOX, with or without its own suppression of doubles. For RTMPose only; by
            default the packaged MoveNet finds the people.
        progress: Called with the number of frames done and expected.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file holds no such network, or no one is found.
    """
    pose = _open(pose_model)
    if isinstance(pose, RTMO):
        look: Callable[[np.ndarray, int], list[np.ndarray]] = lambda image, _: pose(image)  # noqa: E731
    else:
        finder = MoveNet() if person_model is None else YOLOX(_session(person_model))
        look = TopDown(finder, pose, max(1, round(video.fps / RATE)))
    found, times = [], []
    for frame in video.frames():
        found.append(look(frame.image, frame.index))
        times.append(frame.time)
        if progress is not None:
            progress(len(times), max(video.length, len(times)))
    count = max((len(joints) for people in found for joints in people), default=0)
    if not count:
        raise ValueError(f"no one was found in {video.path.name}.")
    skeleton, order = match_skeleton(None, count)
    people = [[joints[list(order)] for joints in frame] for frame in found]
    detections = Detections.from_frames(
        people, skeleton, times=times, size=video.size, fps=video.fps
    )
    return replace(detections, focal=video.focal)


@dataclass
class TopDown:
    """Finds people now and then; in between they are looked for around where they were."""

    finder: "MoveNet | YOLOX"
    pose: "RTMPose"
    every: int
    last: list[np.ndarray] = field(default_factory=list)

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], index: int) -> list[np.ndarray]:
        if index % self.every == 0:
            boxes = self._found(image)
        else:
            boxes = np.array([_around(joints) for joints in self.last]).reshape(-1, 5)
        people = [self.pose(image, box[:4]) for box in suppress(boxes, 0.8)]
        self.last = [joints for joints in people if joints[:, 2].mean() >= LOST]
        return self.last

    def _found(self, image: UInt8[np.ndarray, "h w 3"]) -> Boxes:
        if isinstance(self.finder, YOLOX):
            return self.finder(image)
        rows = [[*person.box, person.score] for person in self.finder(image)]
        return np.array(rows, dtype=np.float64).reshape(-1, 5)


def _around(joints: Float[np.ndarray, "k 3"]) -> list[float]:
    """The box of the joints that are seen, somewhat wider: joints lie inside the body."""
    sure = joints[joints[:, 2] >= LOST, :2]
    low, high = sure.min(axis=0), sure.max(axis=0)
    margin = 0.08 * (high - low).max()
    return [*(low - margin), *(high + margin), float(joints[:, 2].mean())]


def _session(path: Path) -> onnxruntime.InferenceSession:
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return open_session(Path(path), None)
    except Exception as error:  # ONNX Runtime has no type of its own for a file that is none
        raise ValueError(f"{path}: ONNX Runtime cannot open it ({error}).") from error


def _open(path: Path) -> "RTMPose | RTMO":
    """The pose network in a file, known by its outputs."""
    session = _session(path)
    ranks = [len(output.shape) for output in session.get_outputs()]
    if ranks == [3, 4]:
        return RTMO(session)
    if ranks == [3, 3]:
        return RTMPose(session)
    raise ValueError(
        f"{path}: expected RTMPose, which answers simcc_x and simcc_y, or RTMO, which answers dets "
        f"and keypoints; got outputs {[(o.name, o.shape) for o in session.get_outputs()]}."
    )


def _input(session: onnxruntime.InferenceSession, default: tuple[int, int]) -> tuple[int, int]:
    """Height and width that a network wants; the default where it leaves them open."""
    (only, *_) = session.get_inputs()
    if len(only.shape) != 4:
        raise ValueError(f"expected an input of 1 x 3 x height x width, got {only.shape}.")
    high, wide = only.shape[2:]
    return (high, wide) if isinstance(high, int) and isinstance(wide, int) else default


def _run(session: onnxruntime.InferenceSession, image: Float[np.ndarray, "h w 3"]) -> list:
    planes = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
    return [np.asarray(x) for x in session.run(None, {session.get_inputs()[0].name: planes})]


def _letterboxed(
    image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]
) -> tuple[Float[np.ndarray, "high wide 3"], float]:
    """The picture in the upper left of a grey one, BGR, 0 to 255; and its scale."""
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    high, wide = int(image.shape[0] * scale), int(image.shape[1] * scale)
    result = np.full((*size, 3), GREY, np.float32)
    small = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR)
    result[:high, :wide] = small[..., ::-1]
    return result, scale


@dataclass(frozen=True)
class YOLOX:
    """Finds people: Ge et al., "YOLOX: Exceeding YOLO Series in 2021"."""

    session: onnxruntime.InferenceSession

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> Boxes:
        size = _input(self.session, (640, 640))
        picture, scale = _letterboxed(image, size)
        outputs = _run(self.session, picture)
        if outputs[0].shape[-1] == 5 and len(outputs) == 2:  # suppression is in the file
            boxes = outputs[0][0][outputs[1][0] == 0].astype(np.float64)
        elif outputs[0].shape[-1] > 5:
            boxes = decode_yolox(outputs[0][0].astype(np.float64), size)
        else:
            raise ValueError(
                f"expected YOLOX's 1 x n x (5 + classes), or dets 1 x n x 5 and labels 1 x n, got "
                f"{[x.shape for x in outputs]}."
            )
        boxes = suppress(boxes[boxes[:, 4] >= FLOOR], OVERLAP)
        return np.column_stack([boxes[:, :4] / scale, boxes[:, 4:]])


def decode_yolox(raw: Float[np.ndarray, "a c"], size: tuple[int, int]) -> Boxes:
    """Boxes of class 0 from what every cell says: middle, log of the size, objectness, classes."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
        cells.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full(x.size, stride))
    stride = np.concatenate(strides)[:, None]
    if len(raw) != len(stride):
        raise ValueError(f"YOLOX of {size} should answer {len(stride)} boxes, got {len(raw)}.")
    middle = (raw[:, :2] + np.concatenate(cells)) * stride
    half = np.exp(raw[:, 2:4]) * stride / 2
    person = raw[:, 5:].argmax(axis=1) == 0
    score = raw[:, 4] * raw[:, 5] * person
    return np.column_stack([middle - half, middle + half, score])


def suppress(boxes: Boxes, overlap: float) -> Float[np.ndarray, "m 5"]:
    """Of boxes that share more than this, the surest; surest first."""
    return boxes[surest(boxes, overlap)]


def surest(boxes: Boxes, overlap: float) -> list[int]:
    """The places of the boxes that `suppress` keeps."""
    order, kept = np.argsort(-boxes[:, 4], kind="stable"), []
    while len(order):
        kept.append(int(order[0]))
        order = order[1:][shared(boxes[order[1:]], boxes[order[0]]) <= overlap]
    return kept


@dataclass(frozen=True)
class RTMPose:
    """Reads one person's joints: Jiang et al., "RTMPose", arXiv 2303.07399; SimCC outputs."""

    session: onnxruntime.InferenceSession

    def __call__(
        self, image: UInt8[np.ndarray, "h w 3"], box: Float[np.ndarray, "4"]
    ) -> Float[np.ndarray, "k 3"]:
        high, wide = _input(self.session, (256, 192))
        middle = (box[:2] + box[2:]) / 2
        width, height = (box[2:] - box[:2]) * PADDING
        scale = max(width / wide, height / high, 1e-6)  # pixels of the image a pixel of the input
        corner = middle - np.array([wide, high]) * scale / 2
        matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(image, matrix, (wide, high), flags=flags).astype(np.float64)
        x, y = (part[0] for part in _run(self.session, (cut - MEAN) / SPREAD))
        place = np.stack([x.argmax(axis=1), y.argmax(axis=1)], axis=-1).astype(np.float64)
        place *= [wide / x.shape[1], high / y.shape[1]]  # several bins a pixel
        score = np.clip(np.minimum(x.max(axis=1), y.max(axis=1)), 0.0, 1.0)
        return np.column_stack([place * scale + corner, score])


@dataclass(frozen=True)
class RTMO:
    """Reads everybody's joints at once: Lu et al., "RTMO", CVPR 2024."""

    session: onnxruntime.InferenceSession

    def __call__(self, image: UInt8[np.ndarray, "h w 3"]) -> list[Float[np.ndarray, "k 3"]]:
        picture, scale = _letterboxed(image, _input(self.session, (640, 640)))
        boxes, joints = (x[0].astype(np.float64) for x in _run(self.session, picture)[:2])
        sure = boxes[:, 4] >= FLOOR
        boxes, joints = boxes[sure], joints[sure]
        return [_scaled(joints[i], scale) for i in surest(boxes, OVERLAP)]


def _scaled(joints: Float[np.ndarray, "k 3"], scale: float) -> Float[np.ndarray, "k 3"]:
    score = np.clip(joints[:, 2], 0.0, 1.0)
    return np.column_stack([joints[:, :2] / scale, score])
