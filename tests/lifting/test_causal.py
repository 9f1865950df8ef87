"""Causal clips: no answer depends on what is not known yet."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk2d

from tcpformer.lifting.causal import (
    ClipShape,
    History,
    LastSeen,
    causal_clips,
    hold_last,
    sample_linearly,
)
from tcpformer.lifting.lifter import Lifter
from tcpformer.motion import Motion2D
from tcpformer.skeleton import BODY_26, H36M

SHAPE = ClipShape(frames=5, interval=0.08, last_frames=3)
FOCAL = 1000.0


@pytest.fixture(scope="module")
def lifter() -> Lifter:
    return live_lifter(0)


def live_lifter(lookahead: int) -> Lifter:
    return Lifter("live", "cpu", flip=False, lookahead=lookahead)


def numbers(frames: int, fps: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(frames, 17, 3)), np.arange(frames) / fps


def test_clip_ends_with_its_frame_if_nothing_later_is_known() -> None:
    xyc, times = numbers(40)
    clips = causal_clips(xyc, times, np.array([30]), np.array([0]), SHAPE)
    assert clips.at.tolist() == [4]
    np.testing.assert_allclose(clips.xyc[0, -1], xyc[30])


def test_clip_ends_with_the_newest_known_frame() -> None:
    xyc, times = numbers(60, 25.0)
    ahead = np.array([0, 1, 2, 3, 5])
    clips = causal_clips(xyc, times, np.full(5, 25), ahead, SHAPE)
    assert clips.at.tolist() == [4, 4, 3, 2, 2]
    each = np.arange(5)
    np.testing.assert_allclose(clips.xyc[each, clips.at], xyc[np.full(5, 25)], atol=1e-9)
    last = xyc[25 + np.array([0, 0, 2, 3, 5])]
    np.testing.assert_allclose(clips.xyc[:, -1], last, atol=1e-9)


def test_look_ahead_stays_within_what_was_trained() -> None:
    known = np.array([0.0, 0.04, 0.06, 0.1, 0.15, 5.0])
    intervals, apart = SHAPE.look_ahead(known)
    assert intervals.tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(apart, [0.08, 0.08, 0.06, 0.1, 0.075, 0.12])


@pytest.mark.parametrize("fps", [12.5, 25.0, 30.0, 59.94, 120.0])
def test_clip_knows_no_later_frame(fps: float) -> None:
    xyc, times = numbers(60, fps)
    later = xyc.copy()
    later[43:] += 100.0
    rows = np.array([40])
    one, other = (causal_clips(x, times, rows, np.array([2]), SHAPE) for x in (xyc, later))
    np.testing.assert_array_equal(one.xyc, other.xyc)


def test_sample_linearly_between_and_beyond_frames() -> None:
    x = np.array([0.0, 1.0, 3.0])[:, None, None]
    wanted = np.array([[-1.0, 0.0, 0.5, 1.5, 2.0, 9.0]])
    at = sample_linearly(x, np.array([0.0, 1.0, 2.0]), wanted)
    assert at.ravel().tolist() == [0.0, 0.0, 0.5, 2.0, 3.0, 3.0]


def test_sample_linearly_of_one_frame_repeats_it() -> None:
    assert (sample_linearly(np.ones((1, 2, 3)), np.zeros(1), np.zeros((4, 5))) == 1).all()


def test_last_seen_joint_stays_where_it_was() -> None:
    state, seen = LastSeen(H36M), np.ones(17, dtype=bool)
    first = np.arange(34.0).reshape(17, 2)
    state.fill(first, seen)
    seen[3] = False
    second = state.fill(first + 10, seen)
    np.testing.assert_array_equal(second[3], first[3])
    np.testing.assert_array_equal(second[4], first[4] + 10)


def test_last_seen_puts_unknown_feet_on_their_parents() -> None:
    state, seen = LastSeen(BODY_26), np.arange(26) < 17
    xy = np.arange(52.0).reshape(26, 2)
    toe = BODY_26.joints.index("LToe")
    np.testing.assert_array_equal(state.fill(xy, seen)[toe], xy[BODY_26.parents[toe]])


def test_last_seen_without_any_joint_raises() -> None:
    with pytest.raises(ValueError, match="no joint of the body"):
        LastSeen(H36M).fill(np.zeros((17, 2)), np.zeros(17, dtype=bool))


def test_hold_last_leaves_what_was_seen() -> None:
    motion = walk2d(20)
    np.testing.assert_array_equal(hold_last(motion).xy, motion.xy)


def test_answer_does_not_depend_on_frames_that_are_not_known(lifter: Lifter) -> None:
    motion = walk2d(50)
    later = motion.xy.copy()
    later[30:] += 40.0
    one = lifter.predict(motion, FOCAL)
    other = lifter.predict(replace(motion, xy=later), FOCAL)
    np.testing.assert_array_equal(one[:30], other[:30])
    assert np.abs(one[30:] - other[30:]).max() > 1e-3


def test_lookahead_lets_the_answer_depend_on_as_many_frames() -> None:
    motion, later = walk2d(50), walk2d(50).xy.copy()
    later[30:] += 40.0
    ahead = live_lifter(5)
    one, other = (ahead.predict(m, FOCAL) for m in (motion, replace(motion, xy=later)))
    np.testing.assert_array_equal(one[:25], other[:25])
    assert np.abs(one[26:30] - other[26:30]).max() > 1e-4


@pytest.mark.parametrize("lookahead", [0, 3])
def test_stream_gives_the_answers_of_the_whole_clip(lookahead: int) -> None:
    motion, lifter = walk2d(60), live_lifter(lookahead)
    whole = lifter.predict(motion, FOCAL)
    history, streamed = History(lifter.clip_shape.seconds), []
    for i in range(len(motion)):
        xyc = np.column_stack([motion.xy[i], motion.confidence[i]])
        needed = max(i - lookahead, 0)
        history.add(float(motion.times[i]), xyc, float(motion.times[needed]))
        if i >= lookahead:
            clip = history.clip(-1 - lookahead, lifter.clip_shape)
            pose = lifter.answer_clips(clip, motion.size, FOCAL)[0, :, :3]
            streamed.append(pose - pose[H36M.root])
    np.testing.assert_allclose(np.array(streamed), whole[: len(streamed)], atol=1e-5)
    assert len(history.times) < 120


def test_lookahead_of_weights_that_know_all_raises() -> None:
    with pytest.raises(ValueError, match="know all later frames"):
        Lifter("fast", "cpu", lookahead=0)


@pytest.mark.parametrize("lookahead", [-1, 1000])
def test_lookahead_out_of_range_raises(lookahead: int) -> None:
    with pytest.raises(ValueError, match="lookahead must be frames"):
        live_lifter(lookahead)


def test_motion_in_which_no_one_is_seen_raises() -> None:
    motion: Motion2D = walk2d(5)
    with pytest.raises(ValueError, match="no one is visible"):
        hold_last(replace(motion, confidence=np.zeros_like(motion.confidence)))
