"""Make docs/motion/*.png: what each link of the chain does, before and after, with its measure.

usage: python tools/make_motion_pictures.py     needs matplotlib; figures in closed form, seeded
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the figures of the tests
from motions import clap, detected, kick, motion3d, walk  # noqa: E402

from tcpformer.filtering.repair import fill_gaps, smooth_uncertain  # noqa: E402
from tcpformer.motion import Motion2D, Motion3D  # noqa: E402
from tcpformer.postprocess.contacts import find_contacts, lock_feet  # noqa: E402
from tcpformer.postprocess.outliers import find_outliers, fix_left_right_swaps, torso_length  # noqa: E402
from tcpformer.postprocess.steps import PostprocessConfig, postprocess  # noqa: E402
from tcpformer.skeleton import (  # noqa: E402
    FEET,
    H36M,
)
from tcpformer.world.ground import find_ground  # noqa: E402

BEFORE, AFTER, TRUTH = "#d1495b", "#1f6fb2", "#9aa0a6"
OFF = PostprocessConfig(
    sides=False, jumps=False, doubts=False, filter="none", bones=False, ground=False, feet=0.0
)
WRIST, ANKLE, KNEE = (H36M.index[joint] for joint in ("LWrist", "RAnkle", "RKnee"))


def flat(motion: Motion3D) -> Motion2D:
    return Motion2D(motion.xy, motion.confidence, motion.size, motion.fps, H36M)


def draw(name: str, unit: str, times: np.ndarray, lines: dict[str, np.ndarray], said: str) -> None:
    """One picture: the truth, before and after, over time."""
    figure, axes = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
    colours = {"truth": TRUTH, "before": BEFORE, "after": AFTER}
    widths = {"truth": 4.0, "before": 1.2, "after": 1.6}
    for label, y in lines.items():
        axes.plot(times, y, color=colours[label], lw=widths[label], label=label)
    axes.set(xlabel="time, s", ylabel=unit, xlim=(times[0], times[-1]))
    axes.set_title(said, fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=8, ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(ROOT / f"docs/motion/{name}.png", dpi=88)
    plt.close(figure)


def off(x: np.ndarray, true: np.ndarray) -> float:
    return float(np.linalg.norm(x - true, axis=-1).mean())


def sides() -> None:
    true, limb = flat(walk(60)), [H36M.index[s + j] for s in "LR" for j in ("Hip", "Knee", "Ankle")]
    xy = true.xy.copy()
    xy[25:32, limb] = true.xy[25:32][:, [H36M.mirror[j] for j in limb]]
    done, _ = fix_left_right_swaps(replace(true, xy=xy))
    errors = [off(m[:, limb], true.xy[:, limb]) for m in (xy, done.xy)]
    lines = {"truth": true.xy, "before": xy, "after": done.xy}
    said = f"exchanged legs: error {errors[0]:.1f} → {errors[1]:.1f} px"
    draw(
        "sides",
        "right ankle, x in px",
        true.times,
        {k: v[:, ANKLE, 0] for k, v in lines.items()},
        said,
    )


def jump() -> None:
    true = flat(walk(60))
    xy, confidence = true.xy.copy(), true.confidence.copy()
    xy[25:30, WRIST] += 90.0
    confidence[25:30, WRIST] = 0.2
    motion = replace(true, xy=xy, confidence=confidence)
    done = fill_gaps(replace(motion, confidence=np.where(find_outliers(motion), 0.0, confidence)))
    errors = [off(m[25:30, WRIST], true.xy[25:30, WRIST]) for m in (xy, done.xy)]
    lines = {"truth": true.xy, "before": xy, "after": done.xy}
    said = f"a wrist that jumps away: error there {errors[0]:.0f} → {errors[1]:.0f} px"
    draw(
        "jumps",
        "left wrist, y in px",
        true.times,
        {k: v[:, WRIST, 1] for k, v in lines.items()},
        said,
    )


def doubts() -> None:
    true, rng = flat(walk(60)), np.random.default_rng(1)
    xy, confidence = true.xy.copy(), np.full_like(true.confidence, 0.9)
    wrong = rng.random(60) < 0.3
    xy[wrong, WRIST] += rng.normal(0, 20, (wrong.sum(), 2))
    confidence[wrong, WRIST] = 0.35
    motion = replace(true, xy=xy, confidence=confidence)
    done = smooth_uncertain(motion, torso_length(motion))
    errors = [off(m[wrong, WRIST], true.xy[wrong, WRIST]) for m in (xy, done.xy)]
    lines = {"truth": true.xy, "before": xy, "after": done.xy}
    said = f"frames of little confidence: error of these {errors[0]:.0f} → {errors[1]:.0f} px"
    draw(
        "doubts",
        "left wrist, y in px",
        true.times,
        {k: v[:, WRIST, 1] for k, v in lines.items()},
        said,
    )


def speed(motion: Motion3D, joint: int) -> np.ndarray:
    path = motion.camera_xyz[:, joint] - motion.camera_xyz[:, 0]
    return np.linalg.norm(np.gradient(path, motion.times, axis=0), axis=-1)


def filtered() -> None:
    for name, true, joint in (("kick", kick(50.0, 0.8), ANKLE), ("clap", clap(50.0), WRIST)):
        said = detected(true, np.random.default_rng(0))
        done = postprocess([said], PostprocessConfig())[0]
        lines = {
            k: speed(m, joint) for k, m in (("truth", true), ("before", said), ("after", done))
        }
        rest = np.abs(lines["truth"]) < 0.5 * lines["truth"].max()
        slow = [np.abs(lines[k] - lines["truth"])[rest].mean() for k in ("before", "after")]
        words = f"error where slower {slow[0]:.2f} → {slow[1]:.2f} m/s"
        words = f"a {name}, detected: {words}; peak {lines['after'].max():.1f} m/s"
        label = "right foot, m/s" if name == "kick" else "left hand, m/s"
        draw(f"filter_{name}", label, true.times, lines, f"{words} of {lines['truth'].max():.1f}")


def bones() -> None:
    true = walk(90)
    said = detected(true, np.random.default_rng(2))
    done = postprocess([said], replace(OFF, bones=True))[0]
    lines = {
        k: 1000 * np.linalg.norm(m.camera_xyz[:, KNEE] - m.camera_xyz[:, ANKLE], axis=-1)
        for k, m in (("truth", true), ("before", said), ("after", done))
    }
    words = (
        f"bones: the shank varies by {lines['before'].std():.0f} → {lines['after'].std():.0f} mm"
    )
    draw("bones", "right shank, mm", true.times, lines, words)


def ground() -> None:
    true = walk(90)
    tilt = np.radians(15)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    camera = true.camera_xyz @ turn.T
    found = find_ground([replace(true, camera_xyz=camera)])
    up = turn @ [0.0, -1.0, 0.0]
    level = -camera[:, FEET, 1].max(axis=1)
    lines = {
        "truth": true.xyz[:, FEET, 2].min(axis=1),
        "before": level - level.min(),
        "after": found.to_world(camera)[:, FEET, 2].min(axis=1),
    }
    wrong = np.degrees(np.arccos(np.clip(found.up @ up, -1, 1)))
    draw(
        "ground", "lower foot, m high", true.times, lines,
        f"a camera that looks down by 15 degrees: up is wrong by 15 → {wrong:.1f} degrees",
    )  # fmt: skip


def path() -> None:
    true = walk(90)
    said = detected(true, np.random.default_rng(3))
    done = postprocess([said], replace(OFF, filter="adaptive", bones=True))[0]
    # Depth as each frame alone shows it: by the size of the figure.
    rays = (said.xy - np.array(said.size) / 2) / said.focal
    size = np.linalg.norm(rays - rays.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)
    body = said.camera_xyz[..., :2] - said.camera_xyz[..., :2].mean(axis=1, keepdims=True)
    alone = np.linalg.norm(body, axis=-1).mean(axis=1) / size
    lines = {
        "truth": true.camera_xyz[:, 0, 2], "before": alone, "after": done.camera_xyz[:, 0, 2],
    }  # fmt: skip
    faster = [np.abs(np.diff(lines[k], n=2)).mean() * 900 for k in ("before", "after")]
    words = f"depth of the pelvis: acceleration {faster[0]:.1f} → {faster[1]:.1f} m/s²"
    speeds = {k: -np.gradient(depth, true.times) for k, depth in lines.items()}
    draw("path", "pelvis, m/s nearer", true.times, speeds, words)


def feet() -> None:
    xyz = np.repeat(walk(1).xyz, 90, axis=0)
    true = motion3d(xyz.copy())
    xyz[..., 0] += 0.03 * np.sin(2 * np.pi * 0.5 * true.times)[:, None]
    contact = find_contacts(xyz, true.times, true.valid)
    foot = (ANKLE, H36M.index["LAnkle"])[int(contact.sum(axis=0).argmax())]
    share = PostprocessConfig().feet
    held = lock_feet(xyz, true.times, contact, share)
    lines = {
        k: 1000 * (x[:, foot, 0] - x[0, foot, 0])
        for k, x in (("truth", true.xyz), ("before", xyz), ("after", held))
    }
    slide = [np.abs(np.diff(lines[k])).mean() * 30 for k in ("before", "after")]
    words = f"a standing foot, held by {share:g}: it slides by {slide[0]:.0f} → {slide[1]:.0f} mm/s"
    draw("feet", "foot, mm aside", true.times, lines, words)


def main() -> None:
    mpl.use("Agg")
    mpl.rcParams["font.size"] = 9
    (ROOT / "docs/motion").mkdir(exist_ok=True)
    for link in (sides, jump, doubts, filtered, bones, ground, path, feet):
        link()


if __name__ == "__main__":
    main()
