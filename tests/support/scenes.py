"""Scenes with known people: walkers in closed form, and what a detector sees of them.

Meters in space (x right, z away from the camera, y down from its height), pixels in the image.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tcpformer.tracking.tracker import Detection, Track

RATE = 4.0  # frames searched each second
SIZE, FOCAL, EYE = (1280, 720), 1100.0, 1.4
NOISE = 0.02  # of joints, in heights in the image
CLOTHES = 16  # bins

Path = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Walker:
    """A person who walks.

    Attributes:
        path: (x, z) at a time.
        height: Meters.
        clothes: Place of their color in the histogram, 0 to 1.
    """

    path: Path
    height: float = 1.75
    clothes: float = 0.5


@dataclass(frozen=True)
class Scene:
    """Some walkers for some time.

    Attributes:
        walkers: The people.
        seconds: Duration.
        hidden: The part of the image's width, 0 to 1, that something hides.
        missed: Share of detections that are missed.
    """

    walkers: tuple[Walker, ...]
    seconds: float
    hidden: tuple[float, float] = (0.0, 0.0)
    missed: float = 0.0


def line(start: tuple[float, float], stop: tuple[float, float], seconds: float) -> Path:
    """Return a path at constant speed from one place to another."""

    def path(t: float) -> tuple[float, float]:
        share = t / seconds
        return (
            start[0] + share * (stop[0] - start[0]),
            start[1] + share * (stop[1] - start[1]),
        )

    return path


def circle(radius: float, z: float, seconds: float, phase: float = 0.0) -> Path:
    """Return a path around a point before the camera."""

    def path(t: float) -> tuple[float, float]:
        angle = 2 * np.pi * t / seconds + phase
        return radius * float(np.cos(angle)), z + radius * float(np.sin(angle))

    return path


def there_and_back(edge: float, away: float, z: float, speed: float = 1.4) -> Path:
    """Return a path out of the image on the right and, some seconds later, back."""

    def path(t: float) -> tuple[float, float]:
        out = edge / speed
        if t < out:
            return speed * t, z
        return edge - speed * max(t - out - away, 0.0) + (edge if t < out + away else 0.0), z

    return path


def body(walker: Walker, time: float) -> np.ndarray:
    """Return twelve joints in space (12, 3): head, hips, shoulders, hands, knees, feet."""
    x, z = walker.path(time)
    ahead = np.subtract(walker.path(time + 0.05), walker.path(time - 0.05))
    length = float(np.hypot(*ahead))
    forward = ahead / length if length > 1e-6 else np.array([0.0, -1.0])
    side, h = np.array([-forward[1], forward[0]]), walker.height
    swing = 0.18 * h * np.sin(2 * np.pi * 0.9 * time + x)
    rows = [(0, 0, 0.95), (0, 0, 0.53)]  # across, along, up, in heights
    for sign in (-1, 1):
        rows += [
            (sign * 0.11, 0, 0.82),
            (sign * 0.06, 0, 0.53),
            (sign * 0.14, -sign * swing / h, 0.50),
            (sign * 0.06, sign * swing / h * 0.6, 0.28),
            (sign * 0.06, sign * swing / h, 0.04),
        ]
    place = np.array(rows) * h
    flat = np.array([x, z]) + place[:, :1] * side + place[:, 1:2] * forward
    return np.stack([flat[:, 0], EYE - place[:, 2], flat[:, 1]], axis=-1)


def detect(walker: Walker, frame: int, rng: np.random.Generator) -> Detection | None:
    """Return the detection of a walker in a frame; None outside the image."""
    time = frame / 30
    joints = body(walker, time)
    depth = joints[:, 2:]
    if depth.min() < 0.5:
        return None
    xy = FOCAL * joints[:, :2] / depth + np.array(SIZE) / 2
    tall = FOCAL * walker.height / float(depth.mean())
    xy = xy + rng.normal(0, NOISE * tall, xy.shape)
    inside = ((xy >= 0) & (xy < SIZE)).all(axis=1)
    if inside.mean() < 0.6:
        return None
    hips, head = xy[1], xy[0]
    scale_point = hips + (head - hips) * 1.15
    shares = np.exp(-(((np.arange(CLOTHES) / CLOTHES - walker.clothes) / 0.12) ** 2))
    colors = rng.dirichlet(200 * shares / shares.sum() + 0.5)
    return Detection(
        frame,
        time,
        (float(hips[0]), float(hips[1])),
        (float(scale_point[0]), float(scale_point[1])),
        1.0,
        joints=np.column_stack([xy, np.where(inside, 0.9, 0.1)]),
        appearance=colors,
    )


def simulate(scene: Scene, seed: int) -> tuple[list[list[Detection]], dict[int, int]]:
    """Return the detections of each frame, shuffled, and the walker of each (by its id())."""
    rng, frames, truth = np.random.default_rng(seed), [], {}
    for frame in range(0, round(scene.seconds * 30), round(30 / RATE)):
        seen = [(i, detect(w, frame, rng)) for i, w in enumerate(scene.walkers)]
        depth = [w.path(frame / 30)[1] for w in scene.walkers]
        there = []
        for i, person in seen:
            if person is None or rng.random() < scene.missed:
                continue
            others = [o for j, o in seen if o is not None and depth[j] < depth[i]]
            if not any(_covers(o, person) for o in others) and not _behind(person, scene.hidden):
                there.append(person)
                truth[id(person)] = i
        frames.append([there[k] for k in rng.permutation(len(there))])
    return frames, truth


def _covers(nearer: Detection, person: Detection) -> bool:
    """Return whether a nearer person hides most of the body."""
    return abs(nearer.center[0] - person.center[0]) < 0.15 * nearer.radius


def _behind(person: Detection, hidden: tuple[float, float]) -> bool:
    return hidden[0] * SIZE[0] < person.center[0] < hidden[1] * SIZE[0]


def switches(tracks: list[Track], truth: dict[int, int]) -> int:
    """Count how often the track of a person changes from one detection to the next."""
    owner = {id(s): k for k, track in enumerate(tracks) for s in track.detections}
    everyone = sorted((s for t in tracks for s in t.detections), key=lambda s: s.frame)
    total, last = 0, dict[int, int]()
    for detection in everyone:
        person = truth[id(detection)]
        total += last.get(person, owner[id(detection)]) != owner[id(detection)]
        last[person] = owner[id(detection)]
    return total
