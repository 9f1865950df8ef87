"""A long video in parts: the same as the whole, and no part is seen twice."""

import json
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_ins import WEIGHTS

from tcpformer.detect.one_pass import FollowedPeople
from tcpformer.detections import Detections
from tcpformer.io.video import Frame, Video, open_video, write_video
from tcpformer.manifest import claim_results, hash_input, write_manifest
from tcpformer.motion import Motion3D
from tcpformer.pipeline import LiftOptions, Progress, describe_run
from tcpformer.result_folder import replace_together
from tcpformer.serve import parts
from tcpformer.serve.batch import SOME_FAILED, lift_many
from tcpformer.serve.inputs import Task, find_tasks
from tcpformer.serve.parts import FOLDER, cut_source
from tcpformer.serve.report import Line
from tcpformer.serve.task import Job, _claim, run_task
from tcpformer.serve.watch import Watch
from tcpformer.skeleton import COCO


def here(job: Job, waiting: deque[Task], watch: Watch) -> Iterator[Line]:
    while waiting:
        yield run_task(job, waiting.popleft(), lambda *step: None)


def lift(
    source: Path,
    out: Path,
    options: LiftOptions,
    progress: Progress,
    seen: FollowedPeople | None = None,
) -> list[Motion3D]:
    """Write which frames were seen in parts, and a manifest."""
    with replace_together(out, owned=False) as run:
        run.owned.update(claim_results(out, overwrite=False).files, ["tcpformer.json"])
        (run.new / "person_0").mkdir()
        frames = "whole" if seen is None else str(seen.found.xy[:, 0, 0].tolist())
        (run.new / "person_0/motion.bvh").write_text(frames)
        write_manifest(describe_run({"source": hash_input(source)}, options, WEIGHTS), run.new)
    return []


class Eye:
    """Sees one person in each frame, at a place that tells the frame's brightness."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self.fails: set[int] = set()
        """Of its calls, counted from 1."""

    def __call__(self, video: Video, options: LiftOptions, progress: Progress) -> FollowedPeople:
        frames = list(video.frames())
        self.seen.append((round(frames[0].time, 3), round(frames[-1].time, 3)))
        if len(self.seen) in self.fails:
            raise ValueError("the picture is torn.")
        light = np.array([frame.image.mean() for frame in frames])
        xy = np.broadcast_to(light[:, None, None], (len(frames), 17, 2))
        return FollowedPeople(
            Detections(
                xy=xy, confidence=np.ones(xy.shape[:2]), frame=np.arange(len(frames)),
                times=np.array([frame.time for frame in frames]), size=video.size, fps=video.fps,
                skeleton=COCO,
            ),
            {},
        )  # fmt: skip


@pytest.fixture
def eye(monkeypatch: pytest.MonkeyPatch) -> Eye:
    sees = Eye()
    monkeypatch.setattr(parts, "see_video", sees)
    monkeypatch.setattr("tcpformer.manifest.STAMP_SECONDS", -10.0)
    return sees


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    """A video of 60 s, one of 6 s, and a keypoint file, of two frames a second."""
    for name, count in (("long", 120), ("short", 12)):
        path = tmp_path / f"in/{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        frames = (Frame(i, i / 2, np.full((16, 16, 3), 2 * i, np.uint8)) for i in range(count))
        write_video(path, frames, 2.0)
    return find_tasks([tmp_path / "in"], tmp_path / "out")


def job_of(folder: Path, split: float = 20.0) -> Job:
    return Job(out=folder / "out", options=LiftOptions(), weights=WEIGHTS, lift=lift, split=split)


def result(folder: Path, name: str = "long") -> str:
    return (folder / "out" / name / "person_0/motion.bvh").read_text()


def test_lift_many_sees_long_videos_in_parts(tmp_path: Path, tasks: list[Task], eye: Eye) -> None:
    job = job_of(tmp_path)
    assert lift_many(job, tasks, here).counts == Counter(done=2)
    assert eye.seen == [(0.0, 24.5), (14.0, 44.5), (34.0, 59.5)]
    light = np.array(json.loads(result(tmp_path)))
    assert len(light) == 120
    np.testing.assert_allclose(light, 2 * np.arange(120), atol=3)
    assert result(tmp_path, "short") == "whole"
    assert not list(job.out.rglob(".tcpformer*"))
    assert lift_many(job, tasks, here).counts == Counter(present=2)


@pytest.mark.parametrize("split", [30.0, 9.0, 59.0])
def test_parts_are_the_whole(tmp_path: Path, tasks: list[Task], eye: Eye, split: float) -> None:
    lift_many(job_of(tmp_path, split), tasks[:1], here)
    in_parts = result(tmp_path)
    video = open_video(tasks[0].source)
    whole = eye(video, LiftOptions(), print)
    assert in_parts == str(whole.found.xy[:, 0, 0].tolist())


def test_a_part_that_fails_is_tried_again_alone(
    tmp_path: Path, tasks: list[Task], eye: Eye
) -> None:
    eye.fails = {2}
    job = job_of(tmp_path)
    summary = lift_many(job, tasks, here)
    assert summary.counts == Counter(done=1, failed=1)
    assert summary.exit_code == SOME_FAILED
    assert "part 2 of 3: the picture is torn." in (job.out / "report.jsonl").read_text()
    assert not (job.out / "long/person_0").exists()
    assert len(list((job.out / "long" / FOLDER).rglob("part-*"))) == 2
    assert lift_many(job, tasks, here).counts == Counter(done=1, present=1)
    assert eye.seen[3:] == [(14.0, 44.5)]
    assert not list(job.out.rglob(".tcpformer*"))


def test_parts_of_another_video_or_other_options_are_not_used(
    tmp_path: Path, tasks: list[Task], eye: Eye
) -> None:
    eye.fails = {2}
    job = job_of(tmp_path)
    lift_many(job, tasks[:1], here)
    taller = replace(job, options=LiftOptions(height=1.9))
    cut, same, other = (
        cut_source(tasks[0].source, job.out / "long", options, 20.0)
        for options in (job.options, taller.options, LiftOptions(landmarks="full"))
    )
    assert cut is not None
    assert same is not None
    assert other is not None
    assert cut.missing() == same.missing() == (2,)
    assert other.missing() == (1, 2, 3)
    shutil.copy(tasks[1].source, tasks[0].source)
    assert cut_source(tasks[0].source, job.out / "long", job.options, 20.0) is None
    assert lift_many(job, tasks[:1], here).counts == Counter(done=1)
    assert result(tmp_path) == "whole"


def test_a_damaged_part_is_seen_again(tmp_path: Path, tasks: list[Task], eye: Eye) -> None:
    eye.fails = {2}
    job = job_of(tmp_path)
    lift_many(job, tasks[:1], here)
    first = min((job.out / "long" / FOLDER).rglob("part-*"))
    first.write_bytes(first.read_bytes()[:-500])
    assert lift_many(job, tasks[:1], here).counts == Counter(failed=1)
    assert lift_many(job, tasks[:1], here).counts == Counter(done=1)
    assert len(eye.seen) == 5


def test_a_part_in_work_by_another_run_is_left_to_it(
    tmp_path: Path, tasks: list[Task], eye: Eye
) -> None:
    job = job_of(tmp_path)
    with _claim(job.out, Task("long", tasks[0].source, (3, 3)).label):
        assert lift_many(job, tasks[:1], here).counts == Counter(busy=1)
    assert len(eye.seen) == 2
    assert lift_many(job, tasks[:1], here).counts == Counter(done=1)
    assert len(eye.seen) == 3


def test_a_video_that_changes_in_between_fails(
    tmp_path: Path, tasks: list[Task], eye: Eye, monkeypatch: pytest.MonkeyPatch
) -> None:
    def see(video: Video, options: LiftOptions, progress: Progress) -> FollowedPeople:
        seen = eye(video, options, progress)
        tasks[0].source.touch()
        return seen

    monkeypatch.setattr(parts, "see_video", see)
    summary = lift_many(job_of(tmp_path), tasks[:1], here)
    assert summary.counts == Counter(failed=1)
    assert "written to while it was read" in summary.report.read_text()
