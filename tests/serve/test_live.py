"""Live lifting: laws of causality and bounds, then agreement with the whole clip."""

import numpy as np
import pytest
from motions import SIZE, walk2d

from tcpformer.detect.frame_detector import FramePerson
from tcpformer.filtering.gh_filter import GhFilter
from tcpformer.filtering.one_euro import apply_live
from tcpformer.lifting.causal import CausalClips
from tcpformer.models.checkpoint import load_weights
from tcpformer.motion import Motion2D
from tcpformer.serve.live import LIVE, LiveFrame, LiveLifter
from tcpformer.skeleton import H36M
from tcpformer.weights import Weights


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load_weights("live")


def live(weights: Weights, lookahead: int = 0, **options: object) -> LiveLifter:
    return LiveLifter(weights, lookahead, skeleton=H36M, size=SIZE, device="cpu", **options)  # type: ignore[arg-type]


def rows(motion: Motion2D) -> np.ndarray:
    return np.concatenate([motion.xy, motion.confidence[..., None]], axis=-1)


def run(lifter: LiveLifter, people: list[np.ndarray], fps: float = 30.0) -> list[LiveFrame]:
    """Push every frame of some people, and return every answer."""
    answers = []
    for i in range(len(people[0])):
        answers.append(lifter.push([person[i] for person in people], i / fps))
    return [answer for answer in answers if answer is not None] + lifter.finish()


def test_every_frame_is_answered_once_in_order(weights: Weights) -> None:
    for lookahead in (0, 2):
        answers = run(live(weights, lookahead), [rows(walk2d(12))])
        assert [round(a.time * 30) for a in answers] == list(range(12))


def test_lookahead_delays_the_answer(weights: Weights) -> None:
    lifter, walk = live(weights, 2), rows(walk2d(4))
    assert lifter.push([walk[0]], 0.0) is None
    assert lifter.push([walk[1]], 0.1) is None
    answer = lifter.push([walk[2]], 0.2)
    assert answer is not None
    assert answer.time == 0.0


def test_pose_equals_that_of_the_whole_clip_under_the_same_filter(weights: Weights) -> None:
    motion = walk2d(40)
    lifter = live(weights, 2)
    answers = run(lifter, [rows(motion)])
    whole = lifter.lifter.predict(motion, lifter.lifter_focal)
    streamed = np.stack([a.people[0].camera_xyz for a in answers])
    streamed -= streamed[:, [H36M.root]]
    scale = np.linalg.norm(streamed[-1]) / np.linalg.norm(whole[-1])
    filtered = apply_live(
        whole, motion.times, GhFilter(LIVE.pose_cutoff, LIVE.pose_beta / float(scale))
    )
    np.testing.assert_allclose(streamed[-1], scale * filtered[-1], atol=0.01)


def test_raw_pose_equals_that_of_the_whole_clip(weights: Weights) -> None:
    motion = walk2d(40)
    lifter = live(weights, 2, smooth=False)
    answers = run(lifter, [rows(motion)])
    whole = lifter.lifter.predict(motion, lifter.lifter_focal)
    for answer, expected in zip(answers, whole, strict=True):
        pose = answer.people[0].camera_xyz - answer.people[0].camera_xyz[H36M.root]
        scale = np.linalg.norm(pose) / np.linalg.norm(expected)
        np.testing.assert_allclose(pose, scale * expected, atol=1e-5)


def test_joints_project_near_their_keypoints(weights: Weights) -> None:
    motion = walk2d(40)
    lifter = live(weights)
    person = run(lifter, [rows(motion)])[-1].people[0]
    xyz = person.camera_xyz
    projected = lifter.lifter_focal * xyz[:, :2] / xyz[:, 2:] + np.array(SIZE) / 2
    assert np.median(np.linalg.norm(projected - motion.xy[-1], axis=1)) < 12


def test_keypoints_at_the_origin_count_as_not_detected(weights: Weights) -> None:
    missing = rows(walk2d(20)).copy()
    missing[::3, 11:13] = 0.0
    found = missing.copy()
    found[::3, 11:13, 2] = 1.0
    expected = run(live(weights), [missing])
    for one, other in zip(run(live(weights), [found]), expected, strict=True):
        np.testing.assert_array_equal(one.people[0].xyz, other.people[0].xyz)


def test_feet_stand_on_the_floor_and_the_head_is_above(weights: Weights) -> None:
    person = run(live(weights, height=1.8), [rows(walk2d(60))])[-1].people[0]
    assert 0.0 < person.xyz[:, 2].min() < 0.25
    assert 1.4 < person.xyz[H36M.index["Head"], 2] < 2.0


def test_two_people_keep_their_ids(weights: Weights) -> None:
    a, b = rows(walk2d(20)), rows(walk2d(20))
    a[..., 0] -= 250
    b[..., 0] += 250
    for answer in run(live(weights), [a, b]):
        assert [p.id for p in answer.people] == [0, 1]
        assert answer.people[0].camera_xyz[0, 0] < answer.people[1].camera_xyz[0, 0]


def test_person_who_leaves_is_unseen_and_then_forgotten(weights: Weights) -> None:
    lifter, walk = live(weights), rows(walk2d(10))
    run(lifter, [walk])
    missing = lifter.push([], 0.5)
    assert missing is not None
    assert [p.seen for p in missing.people] == [False]
    for time in np.arange(0.6, 3.0, 0.1):
        missing = lifter.push([], float(time))
    assert missing is not None
    assert missing.people == ()


def test_pause_of_the_clock_forgets_everyone(weights: Weights) -> None:
    lifter, walk = live(weights), rows(walk2d(5))
    run(lifter, [walk])
    answer = lifter.push([walk[0]], 500.0)
    assert answer is not None
    assert len(lifter._people) == 1
    assert len(next(iter(lifter._people.values())).history.times) == 1


def test_memory_is_bounded(weights: Weights) -> None:
    lifter, walk = live(weights, 2), rows(walk2d(60))
    for i in range(180):
        lifter.push([walk[i % 60]], i / 60)
    (person,) = lifter._people.values()
    assert len(person.history.times) <= 60 * lifter.lifter.clip_shape.seconds + 5
    assert len(person.frames) == len(lifter._times) == 3


@pytest.mark.parametrize("time", [0.0, -1.0, float("nan")])
def test_time_that_does_not_increase_raises(weights: Weights, time: float) -> None:
    lifter = live(weights)
    lifter.push([], 0.0)
    with pytest.raises(ValueError, match="time of the next frame"):
        lifter.push([], time)


@pytest.mark.parametrize("frame", [[np.zeros((5, 3))], [np.full((17, 3), np.nan)]])
def test_wrong_keypoints_raise(weights: Weights, frame: object) -> None:
    with pytest.raises(ValueError, match="expected an RGB image"):
        live(weights).push(frame, 0.0)  # type: ignore[arg-type]


def test_keypoints_without_a_size_raise(weights: Weights) -> None:
    with pytest.raises(ValueError, match="size"):
        LiveLifter(weights, device="cpu").push([np.zeros((33, 3))], 0.0)


def test_ids_that_do_not_match_people_raise(weights: Weights) -> None:
    with pytest.raises(ValueError, match="an id for each"):
        live(weights).push([rows(walk2d(1))[0]], 0.0, ids=[1, 2])


@pytest.mark.slow
def test_two_thousand_frames_leave_no_more_than_a_hundred(weights: Weights) -> None:
    lifter, walk = live(weights), rows(walk2d(100))
    pose = lifter.lifter.predict(walk2d(2), 1000.0)[0]
    dims = 3 + 3 * (lifter.lifter.uncertainty is not None)
    answer = np.zeros((len(pose), dims))
    answer[:, :3] = pose

    def stub(clips: CausalClips, size: tuple[int, int], focal: float) -> np.ndarray:
        return np.repeat(answer[None], len(clips.at), axis=0)

    lifter.lifter.answer_clips = stub  # type: ignore[method-assign]
    sizes = []
    for i in range(2000):
        there = i % 400 < 300  # goes for 3.3 s, and comes back
        people = [walk[abs(99 - i % 198)]] if there else []
        lifter.push(people, i / 30)
        if i in (200, 1850):
            (person,) = lifter._people.values()
            sizes.append((len(person.history.times), len(person.frames), len(lifter._times)))
    assert sizes[0] == sizes[1]
    assert len(lifter._heights) == LIVE.floor_frames
    assert not lifter._tracker.tracks
    assert not lifter._people


def test_pictures_of_another_size_start_anew(weights: Weights) -> None:
    lifter = LiveLifter(weights, device="cpu")
    detector = NoOne()
    lifter._detector = detector  # type: ignore[assignment]
    for i, width in enumerate((64, 64, 96)):
        lifter.push(np.zeros((48, width, 3), np.uint8), i / 30)
    assert detector.resets == 1
    assert lifter.size == (96, 48)


class NoOne:
    """A detector that finds no one."""

    resets = 0

    def reset(self) -> None:
        self.resets += 1

    def __call__(self, image: np.ndarray, time: float) -> list[FramePerson]:
        return []
