"""Gait parameters of a walker in closed form."""

from dataclasses import replace

import numpy as np
import pytest
from motions import motion3d, walk
from scipy.spatial.transform import Rotation
from walk26 import seen_whole, walk26
from walkers import Walker

from tcpformer.analysis.footfalls import DETECTOR, POINTS
from tcpformer.analysis.gait import Gait, measure_feet, measure_gait
from tcpformer.motion import Motion3D
from tcpformer.skeleton import BODY

FPS = 50.0
TIMES = np.arange(400) / FPS + 0.1


def measure(walker: Walker) -> Gait:
    return measure_feet(walker.feet(TIMES), TIMES)


@pytest.mark.parametrize(
    "walker", [Walker(), Walker(stride=1.0, seconds=1.3, stance=0.65, width=0.2, heading=-1.0)]
)
@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_measure_feet_of_a_walker(walker: Walker, side: str) -> None:
    found = {name: row[side] for name, row in measure(walker).summaries().items()}
    assert found["cadence"].mean == pytest.approx(120 / walker.seconds, rel=0.005)
    assert found["stride_time"].mean == pytest.approx(walker.seconds, rel=0.005)
    assert found["stride_length"].mean == pytest.approx(walker.stride, rel=0.005)
    assert found["speed"].mean == pytest.approx(walker.stride / walker.seconds, rel=0.005)
    assert found["step_width"].mean == pytest.approx(walker.width, abs=0.002)
    # The filter smears the jump of speed at each end of a swing by 13 ms.
    assert found["double_support"].mean == pytest.approx(200 * walker.stance - 100, abs=6)
    assert found["stride_time"].spread == pytest.approx(0, abs=0.01)
    assert found["stride_time"].sigma is None
    assert found["stride_time"].count >= (10 if side == "both" else 5)


def test_measure_feet_tells_left_from_right() -> None:
    """The right foot of a limping walker moves further aside at every second step."""
    walker = Walker()
    feet = walker.feet(TIMES)
    step = np.floor(TIMES / walker.seconds - 0.5)
    later = np.clip((TIMES / walker.seconds - 0.5) % 1 - walker.stance, 0, None) / 0.4
    aside = 0.05 * (1 - np.cos(np.pi * (step + later)))
    feet[:, 1, :, 1] -= aside[:, None]
    widths = measure_feet(feet, TIMES).summaries()["step_width"]
    assert (widths["left"].spread or 0) > 0.03
    assert widths["right"].mean == pytest.approx(walker.width + 0.05, abs=0.015)


def test_measure_feet_counts_no_stride_across_a_pause() -> None:
    walker = Walker()
    walked = walker.feet(TIMES[:190])  # both feet stand at the end
    feet = np.concatenate([walked, np.repeat(walked[-1:], 210, axis=0)])
    strides = measure_feet(feet, TIMES).strides
    assert strides
    assert all(stride.start + stride.time < TIMES[190] for stride in strides)


def test_measure_feet_of_a_standing_person() -> None:
    gait = measure_feet(np.repeat(Walker().feet(np.zeros(1)), 100, axis=0), TIMES[:100])
    assert gait.strides == ()
    assert gait.summaries()["speed"] == {}
    assert "0 left and 0 right strides" in gait.table()


def test_measure_feet_propagates_sigma() -> None:
    walker, s = Walker(), 0.03
    gait = measure_feet(walker.feet(TIMES), TIMES, None, np.full((len(TIMES), 2), s))
    stride = gait.strides[0]
    event = np.hypot(DETECTOR.timing, s / DETECTOR.speed)
    assert stride.length_sigma == pytest.approx(s * 2**0.5)
    assert stride.time_sigma == pytest.approx(event * 2**0.5)
    assert stride.width_sigma == pytest.approx(s * 1.5**0.5)
    summaries = gait.summaries()
    n = len(gait.strides)
    assert summaries["stride_length"]["both"].sigma == pytest.approx(s * (2 / n) ** 0.5)
    relative = np.hypot(s * 2**0.5 / walker.stride, event * 2**0.5 / walker.seconds)
    expected = walker.stride / walker.seconds * relative / n**0.5
    assert summaries["speed"]["both"].sigma == pytest.approx(expected, rel=0.02)


def misplaced(walker: Walker, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Return a walker of whose placements each is off by an error of its own."""
    feet = walker.feet(TIMES)
    for f in range(2):
        phase = TIMES / walker.seconds - 0.5 * f
        step = np.floor(phase).astype(int) + 1
        swing = np.clip((phase % 1 - walker.stance) / (1 - walker.stance), 0, 1)[:, None]
        off = rng.normal(0, sigma, (step.max() + 2, 3)) * [1, 1, 0]
        feet[:, f] += ((1 - swing) * off[step] + swing * off[step + 1])[:, None]
    return feet


def test_measure_feet_sigma_bounds_the_error_of_misplaced_feet() -> None:
    """Errors of neighboring strides cancel partly, so that sigma of the mean is an upper bound."""
    rng, sigma = np.random.default_rng(0), np.full((len(TIMES), 2), 0.02)
    gaits = [measure_feet(misplaced(Walker(), rng, 0.02), TIMES, None, sigma) for _ in range(20)]
    rows = [gait.summaries()["stride_length"]["both"] for gait in gaits]
    spread = np.std([row.mean for row in rows])
    assert rows[0].sigma is not None
    assert 0.1 * rows[0].sigma < spread < rows[0].sigma
    lengths = [gait.strides[2].length for gait in gaits]
    assert np.std(lengths) == pytest.approx(gaits[0].strides[2].length_sigma, rel=0.4)


def test_measure_gait_of_a_motion() -> None:
    walker = Walker()
    xyz = np.zeros((len(TIMES), 26, 3))
    xyz[:, BODY] = walk(1).xyz - walk(1).xyz[:, :1] + [0, 0, 0.9]
    feet = walker.feet(TIMES)
    way = (feet[-1] - feet[0]).mean(axis=(0, 1))
    ahead = np.arctan2(way[1], way[0]) + np.pi / 2  # `walk` looks to -y
    xyz[:, BODY] = Rotation.from_euler("z", ahead).apply(xyz[0, BODY])
    xyz[:, BODY] += np.linspace(0, 1, len(TIMES))[:, None, None] * way
    xyz[:, POINTS] = feet.reshape(-1, 4, 3)
    xyz[..., 1] += 8
    motion = replace(seen_whole(motion3d(xyz, FPS)), sigma=np.full(xyz.shape, 0.02))
    gait = measure_gait(motion)
    assert gait.summaries()["speed"]["both"].mean == pytest.approx(1.4 / 1.1, rel=0.005)
    assert gait.strides[0].length_sigma == pytest.approx(0.02 * 2**0.5)
    assert "stride length, m" in gait.table()
    assert gait.left_out == ()
    assert gait.describe_left_out() == ""


def turned(motion: Motion3D, degrees: float) -> Motion3D:
    """The walk of a person whose body above the feet is tipped over to the front."""
    xyz, above = motion.xyz.copy(), [j for j in range(26) if j not in POINTS]
    tip = Rotation.from_euler("x", degrees, degrees=True)
    hip = xyz[:, :1]
    xyz[:, above] = hip + tip.apply((xyz[:, above] - hip).reshape(-1, 3)).reshape(-1, len(above), 3)
    return seen_whole(motion3d(xyz, motion.fps))


def test_measure_gait_keeps_who_leans_and_leaves_out_who_tumbles() -> None:
    motion = seen_whole(walk26(120))
    count = len(measure_gait(motion).strides)
    assert len(measure_gait(turned(motion, 30)).strides) == count > 2
    gait = measure_gait(turned(motion, 150))
    assert gait.strides == ()
    assert gait.describe_left_out() == (
        f"left out of walking and running: {count} with the trunk more than 45 degrees from the "
        "vertical"
    )


@pytest.mark.parametrize("speed", [0.0, -0.8])
def test_measure_gait_leaves_out_who_does_not_go_forwards(speed: float) -> None:
    """Steps in place, and a walk backwards; feet go as they do."""
    gait = measure_gait(walk26(120, speed=speed))
    assert gait.strides == ()
    assert set(gait.left_out) == {"less than 0.2 m forwards"}
    assert "0 left and 0 right strides; left out" in gait.table()


def test_measure_gait_leaves_out_a_foot_that_stays_where_it_is() -> None:
    """The pelvis goes on, and the feet are lifted in place."""
    motion = walk26(120)
    xyz = motion.xyz.copy()
    feet = np.array(POINTS)
    xyz[:, feet, :2] -= xyz[:, :1, :2] - xyz[:1, :1, :2]  # walking in place
    strides = measure_gait(motion).strides
    gait = measure_gait(motion3d(xyz, motion.fps))
    assert strides
    assert gait.strides == ()
    assert "with the foot put down less than 0.2 m away" in gait.left_out


@pytest.mark.parametrize("side", [0, 1])
def test_measure_gait_leaves_out_feet_at_the_edge_of_the_picture(side: int) -> None:
    """The ball of one foot leaves through the left, or the lower, edge near the end."""
    motion = seen_whole(walk26(120))
    everything = measure_gait(motion)
    last = everything.strides[-1]
    xy = motion.xy.copy()
    late = motion.times > last.start + last.time / 2
    xy[late, POINTS[1], side] = [3, motion.size[1] - 3][side]
    gait = measure_gait(replace(motion, xy=xy))
    gone = last.start + last.time / 2
    kept = [stride for stride in everything.strides if stride.start + stride.time < gone]
    assert list(gait.strides) == kept != []
    assert set(gait.left_out) == {"with a foot at the edge of the picture"}


@pytest.mark.parametrize("found", [0.5, 0.9])
def test_measure_gait_leaves_out_feet_that_are_not_detected(found: float) -> None:
    """In half of the frames, but not in a tenth of them."""
    motion = seen_whole(walk26(120))
    confidence = motion.confidence.copy()
    confidence[np.arange(120) % 10 >= round(10 * found), POINTS[0]] = 0
    gait = measure_gait(replace(motion, confidence=confidence))
    if found < 0.75:
        assert gait.strides == ()
        assert set(gait.left_out) == {"with a foot that is not detected"}
    else:
        assert gait.strides == measure_gait(motion).strides != ()


@pytest.mark.parametrize("angle", [0.0, 1.0, 3.0])
def test_measure_gait_does_not_see_the_heading(angle: float) -> None:
    motion = walk26(120)
    around = Rotation.from_euler("z", angle)
    xyz = around.apply(motion.xyz.reshape(-1, 3).copy()).reshape(motion.xyz.shape)
    there = seen_whole(motion3d(xyz, motion.fps))
    strides, others = (measure_gait(m).strides for m in (seen_whole(motion), there))
    assert [s.length for s in strides] == pytest.approx([s.length for s in others])


def test_measure_gait_refuses_17_joints() -> None:
    with pytest.raises(ValueError, match="'body26', got 'h36m'; lift with weights of 26"):
        measure_gait(walk(20))
