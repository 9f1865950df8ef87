"""Draw the figures of README and docs.

usage: python tools/figures.py FIGURE [...]; `python tools/figures.py --help` lists the figures

sample, people and uncertainty need the results of `make demo`; sample and people Pillow too.
post-processing needs matplotlib; its motions are in closed form and seeded.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from tcpformer import Motion2D, Motion3D, load_motion, open_video
from tcpformer.filtering.gaps import fill_gaps, smooth_uncertain
from tcpformer.postprocess.foot_contacts import find_contacts, lock_feet
from tcpformer.postprocess.outliers import find_outliers, torso_length
from tcpformer.postprocess.stages import PostprocessConfig, postprocess
from tcpformer.postprocess.swaps import fix_left_right_swaps
from tcpformer.skeleton import H36M
from tcpformer.viz.figure import SUBPIXEL, person_colour, to_fixed_point
from tcpformer.viz.overlay import draw_2d, draw_number, figures_in_frame
from tcpformer.viz.scene import Figure, View, draw_scene
from tcpformer.world.ground import find_ground

if TYPE_CHECKING:
    from tcpformer import Lifter

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
CLIP = ROOT / "assets" / "sample.mp4"
INK, PAPER, LINES = (22, 24, 30), (246, 246, 244), (215, 217, 221)
J = H36M.index


def save(path: Path, rows: list[np.ndarray]) -> None:
    """Write rows of equal width, RGB, as one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def save_palette(path: Path, rows: list[np.ndarray]) -> None:
    """Write rows of equal width as a PNG of 200 colours, a third of the size."""
    from PIL import Image

    image = Image.fromarray(np.vstack(rows))
    image.quantize(200, dither=Image.Dither.NONE).save(path, optimize=True)


def write_text(image: np.ndarray, text: str, at: tuple[int, int], size: float = 0.45) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)


# sample.gif: the overlay, small. bvh_<frame>.png: a frame of the video with its 2D skeleton, and
# the BVH as another program reads it (pybvh), from in front and from the side.
STILLS = (120,)


def draw_sample(out: Path) -> None:
    make_gif(out / "overlay.mp4", FIGURES / "sample.gif")
    make_stills(out / "person_0")


def make_gif(overlay: Path, target: Path) -> None:
    from PIL import Image

    frames = [
        Image.fromarray(f.image).resize((500, 180), Image.Resampling.LANCZOS)
        for f in open_video(overlay).frames(every=5)
    ]
    small = [f.quantize(64, dither=Image.Dither.NONE) for f in frames]
    small[0].save(target, save_all=True, append_images=small[1:], duration=167, loop=0)


def make_stills(person: Path) -> None:
    import pybvh

    from tcpformer.io.rig import TRIMMED, from_y_up, solve_rig
    from tcpformer.io.rig_names import BONES

    motion = load_motion(person / "motion.npz")
    read = pybvh.read_bvh_file(person / "motion.bvh", world_up="+y")
    heads, start = from_y_up(read.joint_positions()), solve_rig(motion, TRIMMED).start
    names = {bone.head: read.joint_names.index(bone.mixamo) for bone in BONES if bone.head}
    for frame in open_video(CLIP).frames():
        if frame.index not in STILLS:
            continue
        image = draw_2d(frame.image, motion, frame.index)
        pose = motion.xyz[frame.index].copy()  # hands, heels and face are no heads of bones
        pose += heads[frame.index - start, names["Hip"]] - pose[J["Hip"]]
        for joint, bone in names.items():
            pose[motion.skeleton.index[joint]] = heads[frame.index - start, bone]
        pose -= [*pose[J["Hip"], :2], pose[:, 2].min()]
        x, y = np.clip(motion.xy[frame.index].mean(axis=0), 180, np.array(motion.size) - 180)
        part = image[int(y) - 180 : int(y) + 180, int(x) - 180 : int(x) + 180]
        skeleton = motion.skeleton
        views = [
            draw_scene([Figure(pose, skeleton)], View((0.0, 0.0, 0.9), 1.15, *angles), (360, 360))
            for angles in ((0.0, 3.0), (70.0, 20.0))
        ]
        save(FIGURES / f"bvh_{frame.index}.png", [np.hstack([part, *views])])


# people.png: all people at three moments, in the video and in space, and their paths from above.
MOMENTS = (60, 120, 196)
WIDE, HIGH = 400, 225
PLAN = (-6.0, 8.0, 5.0, 9.5)  # metres: left, right, near, far


def draw_people(out: Path) -> None:
    folders = sorted(out.glob("person_*"))
    people = {int(f.name.split("_")[1]): load_motion(f / "motion.npz") for f in folders}
    roots = np.concatenate([person.xyz[person.valid][:, 0] for person in people.values()])
    x, y = ((roots.min(axis=0) + roots.max(axis=0)) / 2).tolist()[:2]
    view = View((x, y, 2.1), 2.9, azimuth=20.0, elevation=10.0)
    scenes = [draw_scene(figures_in_frame(people, i), view, (WIDE, HIGH)) for i in MOMENTS]
    rows = [np.hstack(frames_of(people)), np.hstack(scenes), draw_plan(people, (3 * WIDE, 385))]
    save_palette(FIGURES / "people.png", rows)


def frames_of(people: dict[int, Motion3D]) -> list[np.ndarray]:
    """Return the moments in the video."""
    images = []
    for frame in open_video(CLIP).frames():
        if frame.index in MOMENTS:
            image = frame.image
            for number, person in people.items():
                image = draw_2d(image, person, frame.index, person_colour(number))
            image = image.copy()
            for number, person in people.items():
                draw_number(image, person, frame.index, number)
            images.append(cv2.resize(image, (WIDE, HIGH), interpolation=cv2.INTER_AREA))
    return images


def draw_plan(people: dict[int, Motion3D], size: tuple[int, int]) -> np.ndarray:
    """Return the paths from above; the camera is below the lower edge and looks up the image."""
    width, height = size
    left, right, near, far = PLAN
    scale = min(width / (right - left), height / (far - near))
    middle = width / 2 - scale * (left + right) / 2

    def place(xy: np.ndarray) -> np.ndarray:
        return np.stack([middle + scale * xy[..., 0], height - scale * (xy[..., 1] - near)], -1)

    image = np.full((height, width, 3), PAPER, np.uint8)
    for metre in range(-20, 21):
        for ends in ([(metre, 0), (metre, 20)], [(-20, metre), (20, metre)]):
            a, b = to_fixed_point(place(np.array(ends, float))).tolist()
            cv2.line(image, a, b, LINES, 1, cv2.LINE_AA, SUBPIXEL)
    radius = 7 << SUBPIXEL
    for number, person in people.items():
        path, colour = place(person.xyz[:, 0, :2]), person_colour(number)
        for i in np.flatnonzero(person.valid[1:] & person.valid[:-1]):
            a, b = to_fixed_point(path[i : i + 2]).tolist()
            cv2.line(image, a, b, colour, 3, cv2.LINE_AA, SUBPIXEL)
        for moment in MOMENTS:
            if person.valid[moment]:
                at = to_fixed_point(path[moment]).tolist()
                cv2.circle(image, at, radius, colour, -1, cv2.LINE_AA, SUBPIXEL)
                cv2.circle(image, at, radius, INK, 1, cv2.LINE_AA, SUBPIXEL)
                x, y = np.round(path[moment]).astype(int).tolist()
                write_text(image, str(moment), (x + 10, y - 8))
    write_text(image, "from above; a square is a metre; dots: the frames above", (10, 20))
    write_text(image, "the camera stands 5 metres below this edge", (10, height - 10))
    return image


# uncertainty_sample.png: three moments of person 0 from the camera's side and from its right,
# which shows depth; the last moment is in the somersault, which is bridged.
def draw_uncertainty(out: Path) -> None:
    motion = load_motion(out / "person_0" / "motion.npz")
    rows = []
    for azimuth, elevation in ((0.0, 5.0), (80.0, 12.0)):
        row = []
        for frame in (60, 120, 184):
            x, y, z = motion.xyz[frame].mean(axis=0).tolist()
            view = View((x, y, z), 1.15, azimuth, elevation)
            row.append(draw_scene(figures_in_frame({0: motion}, frame), view, (400, 400)))
        rows.append(np.hstack(row))
    save(FIGURES / "uncertainty_sample.png", rows)


# engine_people.png: people of the data engine as captured, with limbs of another motion, tilted.
def draw_engine(mocap: Path) -> None:
    from tcpformer.datasets.mocap import load_mocap
    from tcpformer.datasets.synthetic.benchmark_like import generate_benchmark_clips

    captured = load_mocap(mocap, "train", by_activity=True)
    variants = (
        captured,
        replace(captured, limb_swap_prob=1.0),
        replace(captured, tilt_prob=1.0),
    )
    rows = []
    for variant in variants:
        batches = generate_benchmark_clips(variant, frames=9, batch=4, frame_step=(3, 6), seed=3)
        rows.append(np.hstack([draw_standing(clip[4]) for clip in next(batches).xyz]))
    save(FIGURES / "engine_people.png", rows)


def draw_standing(pose: np.ndarray) -> np.ndarray:
    """Return a picture of a pose in camera axes, its lowest joint on the floor."""
    xyz = pose @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # to x right, y away, z up
    xyz[:, 2] -= xyz[:, 2].min()
    x, y, z = ((xyz.min(axis=0) + xyz.max(axis=0)) / 2).tolist()
    return draw_scene([Figure(xyz)], View((x, y, z), 1.1, 0.0, 5.0), (230, 230))


# worst.png: the ten clips of the open benchmark with the highest N-MPJPE, one of each sequence.
# A clip is two seconds of a view, lifted by the packaged weights as `tcpformer evaluate open`
# does, and drawn at its worst frame: the truth in grey, the prediction in colour, from the
# recording camera and from its right. A table compares the ten with all clips.
CLIP_SECONDS, WORST, SIDE = 2.0, 10, 250
KEYS = ("xy", "noisy_xy", "confidence", "relative", "offsets", "size", "focal", "rotation", "fps")
MEASURES = (
    "N-MPJPE, mm",
    "P-MPJPE, mm",
    "trunk from upright, degrees",
    "bones along the line of sight, %",
    "camera looks down, degrees",
    "fastest joint, m/s",
)


class Clip(NamedTuple):
    """Two seconds of a view: its measures (`MEASURES`), and its worst frame."""

    name: str
    activity: str
    measures: tuple[float, ...]
    true: np.ndarray
    pred: np.ndarray
    rotation: np.ndarray


def draw_worst(benchmark: Path, *, noisy: bool, quick: bool) -> None:
    from tcpformer import Lifter
    from tcpformer.io.safe_npz import read_npz

    content = read_npz(benchmark, KEYS, ("name", "activity"))
    lifter = Lifter("default")
    views = range(0, len(content["offsets"]) - 1, 4 if quick else 1)
    clips = [clip for view in views for clip in lift_clips(content, view, lifter, noisy=noisy)]
    by_sequence: dict[str, Clip] = {}
    for clip in sorted(clips, key=lambda clip: -clip.measures[0]):
        by_sequence.setdefault(clip.name.split("/")[0], clip)
    worst = list(by_sequence.values())[:WORST]
    pictures = [draw_clip(clip) for clip in worst]
    rows = [np.hstack(pictures[i : i + 2]) for i in range(0, WORST, 2)]
    save(FIGURES / "worst.png", rows)
    print("| | worst ten | all clips |\n|---|---|---|")
    medians = [np.median([clip.measures for clip in some], axis=0) for some in (worst, clips)]
    for name, few, usual in zip(MEASURES, *medians, strict=True):
        print(f"| {name} | {few:.0f} | {usual:.0f} |")
    print(f"\n{len(clips)} clips; activities of the ten: {', '.join(c.activity for c in worst)}")


def lift_clips(
    content: dict[str, np.ndarray], view: int, lifter: "Lifter", *, noisy: bool
) -> list[Clip]:
    """Return the clips of one view of the benchmark."""
    from tcpformer.analysis.metrics import n_mpjpe, p_mpjpe
    from tcpformer.skeleton import BODY, STANDARD_HEIGHT

    part = slice(*content["offsets"][view : view + 2])
    xy = content["noisy_xy" if noisy else "xy"][part] / 10.0
    confidence = content["confidence"][part] / 255.0 if noisy else np.ones(xy.shape[:2])
    fps, (width, height) = float(content["fps"]), content["size"][view].tolist()
    motion = Motion2D(xy, confidence, (width, height), fps, H36M)
    true, rotation = content["relative"][part] * 1e-4, content["rotation"][view]
    focal = float(content["focal"][view])
    pred = lifter.predict_rigid(motion, height=STANDARD_HEIGHT, focal=focal)[:, BODY]
    pred = pred * (pred * true).sum() / (pred * pred).sum()
    errors, length = 1000 * n_mpjpe(pred, true), min(round(CLIP_SECONDS * fps), len(true))
    name, activity = str(content["name"][view]), str(content["activity"][view])
    found = []
    for start in range(0, len(true) - length + 1, length):
        clip = slice(start, start + length)
        worst = start + int(errors[clip].argmax())
        aligned = 1000 * float(p_mpjpe(pred[clip], true[clip]).mean())
        measures = (float(errors[clip].mean()), aligned, *describe(true[clip], rotation, fps))
        found.append(Clip(name, activity, measures, true[worst], pred[worst], rotation))
    return found


def describe(true: np.ndarray, rotation: np.ndarray, fps: float) -> tuple[float, ...]:
    """Return the last four of `MEASURES`, means over a clip."""
    world = true @ rotation
    trunk = world[:, J["Thorax"]] - world[:, J["Hip"]]
    upright = np.degrees(np.arccos(trunk[:, 2] / np.linalg.norm(trunk, axis=-1))).mean()
    bones = np.stack([true[:, c] - true[:, p] for p, c in H36M.bones])
    along = 100 * np.abs(bones[..., 2]).sum() / np.linalg.norm(bones, axis=-1).sum()
    down = np.degrees(np.arcsin(-rotation[2, 2]))
    speed = np.linalg.norm(np.diff(world, axis=0), axis=-1).max() * fps
    return float(upright), float(along), float(down), float(speed)


def draw_clip(clip: Clip) -> np.ndarray:
    true, pred = clip.true @ clip.rotation, clip.pred @ clip.rotation
    lift = np.array([0, 0, -true[:, 2].min()])
    camera = float(np.degrees(np.arctan2(-clip.rotation[2, 0], clip.rotation[2, 1])))
    x, y, z = (true + lift).mean(axis=0).tolist()
    figures = [Figure(true + lift, ghost=True), Figure(pred + lift)]
    views = [View((x, y, z), 1.2, camera + turn, 8.0) for turn in (0, 90)]
    image = np.hstack([draw_scene(figures, view, (SIDE, SIDE)) for view in views])
    cv2.rectangle(image, (0, 0), (2 * SIDE - 1, SIDE - 1), (255, 255, 255), 3)
    error, aligned = clip.measures[:2]
    text = f"{clip.name}  {clip.activity}  {error:.0f} mm, aligned {aligned:.0f}"
    write_text(image, text, (8, 18), 0.42)
    return image


# post-processing/<step>.png: what each step does, before and after, with its measure.
WRIST, ANKLE, KNEE = J["LWrist"], J["RAnkle"], J["RKnee"]
Lines = dict[str, np.ndarray]


def draw_post_processing() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["font.size"] = 9
    sys.path.insert(0, str(ROOT / "tests" / "support"))  # its motions in closed form
    (FIGURES / "post-processing").mkdir(parents=True, exist_ok=True)
    for draw in (plot_swap, plot_jump, plot_uncertain, plot_filter):
        draw()
    for draw in (plot_bones, plot_ground, plot_path, plot_feet):
        draw()


def plot(name: str, unit: str, times: np.ndarray, lines: Lines, title: str) -> None:
    """Write one figure: the truth, before and after, over time."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
    styles = {"truth": ("#9aa0a6", 4.0), "before": ("#d1495b", 1.2), "after": ("#1f6fb2", 1.6)}
    for label, y in lines.items():
        colour, width = styles[label]
        axes.plot(times, y, color=colour, lw=width, label=label)
    axes.set(xlabel="time, s", ylabel=unit, xlim=(times[0], times[-1]))
    axes.set_title(title, fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=8, ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(FIGURES / "post-processing" / f"{name}.png", dpi=88)
    plt.close(figure)


def plot_keypoints(
    name: str, unit: str, true: Motion2D, pair: tuple[Motion2D, Motion2D], where: tuple, title: str
) -> None:
    """Plot one coordinate (frames, joints, axis) of keypoints; the title gets the mean errors."""
    frames, joints, (joint, axis) = where
    before, after = (
        np.linalg.norm((each.xy - true.xy)[frames][:, joints], axis=-1).mean() for each in pair
    )
    motions = {"truth": true, "before": pair[0], "after": pair[1]}
    lines = {label: each.xy[:, joint, axis] for label, each in motions.items()}
    plot(name, unit, true.times, lines, title.format(f"{before:.1f} → {after:.1f} px"))


def walk_2d() -> Motion2D:
    from motions import walk

    true = walk(60)
    return Motion2D(true.xy, true.confidence, true.size, true.fps, H36M)


def off() -> PostprocessConfig:
    """Return a configuration with every step switched off."""
    return PostprocessConfig(
        fix_swaps=False,
        reject_outliers=False,
        smooth_uncertain=False,
        filter="none",
        bones=False,
        ground=False,
        foot_lock=0.0,
    )


def plot_swap() -> None:
    true, legs = walk_2d(), [J[s + j] for s in "LR" for j in ("Hip", "Knee", "Ankle")]
    xy = true.xy.copy()
    xy[25:32, legs] = true.xy[25:32][:, [H36M.mirror[j] for j in legs]]
    before = replace(true, xy=xy)
    after, _ = fix_left_right_swaps(before)
    where = (slice(None), legs, (ANKLE, 0))
    title = "exchanged legs: error {}"
    plot_keypoints("sides", "right ankle, x in px", true, (before, after), where, title)


def plot_jump() -> None:
    true = walk_2d()
    xy, confidence = true.xy.copy(), true.confidence.copy()
    xy[25:30, WRIST] += 90.0
    confidence[25:30, WRIST] = 0.2
    before = replace(true, xy=xy, confidence=confidence)
    after = fill_gaps(replace(before, confidence=np.where(find_outliers(before), 0.0, confidence)))
    where = (slice(25, 30), [WRIST], (WRIST, 1))
    title = "a wrist that jumps away: error there {}"
    plot_keypoints("jumps", "left wrist, y in px", true, (before, after), where, title)


def plot_uncertain() -> None:
    true, rng = walk_2d(), np.random.default_rng(1)
    xy, confidence = true.xy.copy(), np.full_like(true.confidence, 0.9)
    wrong = rng.random(60) < 0.3
    xy[wrong, WRIST] += rng.normal(0, 20, (wrong.sum(), 2))
    confidence[wrong, WRIST] = 0.35
    before = replace(true, xy=xy, confidence=confidence)
    after = smooth_uncertain(before, torso_length(before))
    where = (wrong, [WRIST], (WRIST, 1))
    title = "frames of little confidence: error of these {}"
    plot_keypoints("doubts", "left wrist, y in px", true, (before, after), where, title)


def plot_filter() -> None:
    from motions import clap, detected, kick

    for name, true, joint in (("kick", kick(50.0, 0.8), ANKLE), ("clap", clap(50.0), WRIST)):
        before = detected(true, np.random.default_rng(0))
        after = postprocess([before], PostprocessConfig())[0]
        lines = {
            label: np.linalg.norm(
                np.gradient(m.camera_xyz[:, joint] - m.camera_xyz[:, 0], m.times, axis=0), axis=-1
            )
            for label, m in (("truth", true), ("before", before), ("after", after))
        }
        slow = lines["truth"] < 0.5 * lines["truth"].max()
        errors = [np.abs(lines[k] - lines["truth"])[slow].mean() for k in ("before", "after")]
        title = (
            f"a {name}, detected: error where slower {errors[0]:.2f} → {errors[1]:.2f} m/s; peak "
            f"{lines['after'].max():.1f} m/s of {lines['truth'].max():.1f}"
        )
        unit = "right foot, m/s" if name == "kick" else "left hand, m/s"
        plot(f"filter_{name}", unit, true.times, lines, title)


def plot_bones() -> None:
    from motions import detected, walk

    true = walk(90)
    before = detected(true, np.random.default_rng(2))
    after = postprocess([before], replace(off(), bones=True))[0]
    lines = {
        label: 1000 * np.linalg.norm(m.camera_xyz[:, KNEE] - m.camera_xyz[:, ANKLE], axis=-1)
        for label, m in (("truth", true), ("before", before), ("after", after))
    }
    deviations = f"{lines['before'].std():.0f} → {lines['after'].std():.0f} mm"
    plot("bones", "right shank, mm", true.times, lines, f"bones: the shank varies by {deviations}")


def plot_ground() -> None:
    from motions import walk

    true, tilt, feet = walk(90), np.radians(15), [J["RAnkle"], J["LAnkle"]]
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    camera = true.camera_xyz @ turn.T
    ground = find_ground([replace(true, camera_xyz=camera)])
    level = -camera[:, feet, 1].max(axis=1)
    lines = {
        "truth": true.xyz[:, feet, 2].min(axis=1),
        "before": level - level.min(),
        "after": ground.to_world(camera)[:, feet, 2].min(axis=1),
    }
    wrong = np.degrees(np.arccos(np.clip(ground.up @ turn @ [0.0, -1.0, 0.0], -1, 1)))
    title = f"a camera that looks down by 15 degrees: up is wrong by 15 → {wrong:.1f} degrees"
    plot("ground", "lower foot, m high", true.times, lines, title)


def plot_path() -> None:
    from motions import detected, walk

    true = walk(90)
    before = detected(true, np.random.default_rng(3))
    after = postprocess([before], replace(off(), filter="adaptive", bones=True))[0]
    # Depth from each frame alone: by the size of the figure.
    rays = (before.xy - np.array(before.size) / 2) / before.focal
    size = np.linalg.norm(rays - rays.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)
    body = before.camera_xyz[..., :2] - before.camera_xyz[..., :2].mean(axis=1, keepdims=True)
    depths = {
        "truth": true.camera_xyz[:, 0, 2],
        "before": np.linalg.norm(body, axis=-1).mean(axis=1) / size,
        "after": after.camera_xyz[:, 0, 2],
    }
    rates = [np.abs(np.diff(depths[k], n=2)).mean() * 900 for k in ("before", "after")]
    title = f"depth of the pelvis: acceleration {rates[0]:.1f} → {rates[1]:.1f} m/s²"
    speeds = {label: -np.gradient(depth, true.times) for label, depth in depths.items()}
    plot("path", "pelvis, m/s nearer", true.times, speeds, title)


def plot_feet() -> None:
    from motions import motion3d, walk

    xyz = np.repeat(walk(1).xyz, 90, axis=0)
    true = motion3d(xyz.copy())
    xyz[..., 0] += 0.03 * np.sin(2 * np.pi * 0.5 * true.times)[:, None]
    contact = find_contacts(xyz, true.times, true.valid)
    foot = (ANKLE, J["LAnkle"])[int(contact.sum(axis=0).argmax())]
    share = PostprocessConfig().foot_lock
    locked = lock_feet(xyz, true.times, contact, share)
    lines = {
        label: 1000 * (x[:, foot, 0] - x[0, foot, 0])
        for label, x in (("truth", true.xyz), ("before", xyz), ("after", locked))
    }
    slides = [np.abs(np.diff(lines[k])).mean() * 30 for k in ("before", "after")]
    title = f"a standing foot, locked by {share:g}: slides {slides[0]:.0f} → {slides[1]:.0f} mm/s"
    plot("feet", "foot, mm aside", true.times, lines, title)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    verbs = parser.add_subparsers(dest="figure", required=True)
    for name in ("sample", "people", "uncertainty"):
        verb = verbs.add_parser(name)
        verb.add_argument("out", type=Path, nargs="?", default=ROOT / "out", help="of `make demo`")
    verbs.add_parser("engine").add_argument("mocap", type=Path, help="motion capture, .npz")
    verb = verbs.add_parser("worst")
    verb.add_argument("benchmark", type=Path, help="the open benchmark, .npz")
    verb.add_argument("--noisy", action="store_true", help="2D with a detector's errors")
    verb.add_argument("--quick", action="store_true", help="every fourth view")
    verbs.add_parser("post-processing")
    arguments = vars(parser.parse_args())
    draw = {
        "sample": draw_sample,
        "people": draw_people,
        "uncertainty": draw_uncertainty,
        "engine": draw_engine,
        "worst": draw_worst,
        "post-processing": draw_post_processing,
    }[arguments.pop("figure")]
    draw(**arguments)


if __name__ == "__main__":
    main()
