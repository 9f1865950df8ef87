"""Scenes with known people: closed-form walkers before a camera, and what a detector sees of them.

Metres in space (x right, z away from the camera, y down from its height), pixels in the image.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tcpformer.tracking.tracker import Detection, Track

RATE = 4.0  # looks a second
SIZE, FOCAL, EYE = (1280, 720), 1100.0, 1.4
NOISE = 0.02  # of joints, in heights in the picture
CLOTHES = 16  # colours

Path = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Walker:
    """Somebody who walks.

    Attributes:
        path: (x, z) at a time.
        height: Metres.
        clothes: Where in the row of colours theirs lie, 0 to 1.
    """

    path: Path
    height: float = 1.75
    clothes: float = 0.5


@dataclass(frozen=True)
class Scene:
    """Some walkers for some time.

    Attributes:
        walkers: The people.
        seconds: How long.
        hidden: The parts of the picture's width, 0 to 1, that something stands before.
        missed: Share of sightings that the detector misses.
    """

    walkers: tuple[Walker, ...]
    seconds: float
    hidden: tuple[float, float] = (0.0, 0.0)
    missed: float = 0.0


def line(start: tuple[float, float], stop: tuple[float, float], seconds: float) -> Path:
    """Evenly from one place to another."""

    def path(t: float) -> tuple[float, float]:
        share = t / seconds
        return (
            start[0] + share * (stop[0] - start[0]),
            start[1] + share * (stop[1] - start[1]),
        )

    return path


def circle(radius: float, z: float, seconds: float, phase: float = 0.0) -> Path:
    """Around a point before the camera."""

    def path(t: float) -> tuple[float, float]:
        angle = 2 * np.pi * t / seconds + phase
        return radius * float(np.cos(angle)), z + radius * float(np.sin(angle))

    return path


def there_and_back(edge: float, away: float, z: float, speed: float = 1.4) -> Path:
    """Walk out of the picture on the right, stay away for some seconds, and come back."""

    def path(t: float) -> tuple[float, float]:
        out = edge / speed
        if t < out:
            return speed * t, z
        return edge - speed * max(t - out - away, 0.0) + (edge if t < out + away else 0.0), z

    return path


def body(walker: Walker, time: float) -> np.ndarray:
    """Twelve joints in space (12, 3): head, hips, shoulders, hands, knees, feet; swinging."""
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


def sighted(walker: Walker, frame: int, rng: np.random.Generator) -> Detection | None:
    """What a detector that sees them would say; None outside the picture."""
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


def film(scene: Scene, seed: int) -> tuple[list[list[Detection]], dict[int, int]]:
    """What is seen at each look, in random order; and whom each sighting (by its id) shows."""
    rng, looks, truth = np.random.default_rng(seed), [], {}
    for frame in range(0, round(scene.seconds * 30), round(30 / RATE)):
        seen = [(i, sighted(w, frame, rng)) for i, w in enumerate(scene.walkers)]
        depth = [w.path(frame / 30)[1] for w in scene.walkers]
        there = []
        for i, person in seen:
            if person is None or rng.random() < scene.missed:
                continue
            others = [o for j, o in seen if o is not None and depth[j] < depth[i]]
            if not any(_covers(o, person) for o in others) and not _behind(person, scene.hidden):
                there.append(person)
                truth[id(person)] = i
        looks.append([there[k] for k in rng.permutation(len(there))])
    return looks, truth


def _covers(nearer: Detection, person: Detection) -> bool:
    """Whether somebody nearer hides most of the body."""
    return abs(nearer.center[0] - person.center[0]) < 0.15 * nearer.radius


def _behind(person: Detection, hidden: tuple[float, float]) -> bool:
    return hidden[0] * SIZE[0] < person.center[0] < hidden[1] * SIZE[0]


def switches(tracks: list[Track], truth: dict[int, int]) -> int:
    """How often a person's track changes from one of their sightings to the next."""
    owner = {id(s): k for k, track in enumerate(tracks) for s in track.detections}
    everyone = sorted((s for t in tracks for s in t.detections), key=lambda s: s.frame)
    total, last = 0, dict[int, int]()
    for sighting in everyone:
        person = truth[id(sighting)]
        total += last.get(person, owner[id(sighting)]) != owner[id(sighting)]
        last[person] = owner[id(sighting)]
    return total
