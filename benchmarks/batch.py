"""What the driver of a batch costs, with stand-in clips; and what a clip costs, with a real one.

usage: python benchmarks/batch.py simulate [--clips 1000] [--folder DIR]
       python benchmarks/batch.py cost [--video assets/sample.mp4] [--copies 2] [--jobs 2]
       python benchmarks/batch.py model --core-hours C [--clip-ms 4] [--mb 500] [--disk 200]

simulate: makes a folder of tiny inputs, "lifts" each in this process by writing a manifest and one
small file, and runs again over what is done. Prints seconds and peak memory of each step, in a
process of its own, and how many clips a driver hands out to a process a second.

cost: lifts copies of a video by `tcpformer lift --jobs` and prints, from the report, core-hours,
memory and disk for an hour of video, and what 1,000 hours take on 16, 256 and 4,096 cores. CPU
seconds count only the work, so other programs on the machine matter little.

model: computes from such numbers what 1,000 hours of video take on 16, 256 and 4,096 cores: the
work; the driver, one clip after the other; and reading from one disk. Steps run side by side, and
the longest one limits. With --split, that holds of long videos, too.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tcpformer.manifest import MANIFEST, hash_input, stamp_input, write_manifest
from tcpformer.motion import Motion3D
from tcpformer.pipeline import LiftOptions, Progress, describe_run
from tcpformer.serve.batch import lift_many
from tcpformer.serve.inputs import Task, find_tasks
from tcpformer.serve.processes import Processes
from tcpformer.serve.report import Line
from tcpformer.serve.task import Job, run_task
from tcpformer.serve.watch import Watch

CORES = (16, 256, 4096)
HOURS = 1000


def pretend(source: Path, out: Path, options: LiftOptions, progress: Progress) -> list[Motion3D]:
    """Write a manifest and one small file in place, without the locks of `lift_file`."""
    (out / "person_0").mkdir(parents=True)
    (out / "person_0/motion.bvh").write_text("x")
    manifest = describe_run({"source": hash_input(source)}, options, "stand-in")
    write_manifest(replace(manifest, stamps={"source": stamp_input(source)}), out)
    return []


def here(job: Job, waiting: deque[Task], watch: Watch) -> Iterator[Line]:
    """Lift clips in this process."""
    while waiting:
        yield run_task(job, waiting.popleft(), lambda stage, done, total: None)


def step(name: str, folder: Path) -> None:
    """Run one step of the simulation, and print what it took."""
    job = Job(out=folder / "out", options=LiftOptions(), weights="stand-in", lift=pretend)
    base, start, cpu = peak_mb(), time.monotonic(), time.process_time()
    tasks = find_tasks([folder / "in"], folder / "out")
    listed = time.process_time() - cpu
    text = f"{len(tasks)} clips listed in {listed:.2f} s"
    if name != "list":
        run = Processes(1, 1) if name == "process" else here
        counts = lift_many(job, tasks, run).counts
        text += f", {dict(counts)}"
    seconds, cpu = time.monotonic() - start, time.process_time() - cpu
    print(f"{name}: {text}; {seconds:.1f} s, of these {cpu:.1f} s of this process's CPU; "
          f"peak {peak_mb():.0f} MB (at start {base:.0f})")  # fmt: skip


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def simulate(clips: int, folder: Path) -> None:
    for i in range(clips):
        path = folder / "in" / f"{i // 1000:03d}" / f"clip{i:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(i))
    time.sleep(3)  # after which the times of files tell of the next change
    for name in ("list", "lift", "again"):
        subprocess.run([sys.executable, __file__, "step", name, str(folder)], check=True)
    for path in sorted((folder / "out").rglob(MANIFEST))[:500]:
        shutil.rmtree(path.parent)
    subprocess.run([sys.executable, __file__, "step", "process", str(folder)], check=True)


def cost(video: Path, copies: int, jobs: int, folder: Path) -> None:
    (folder / "in").mkdir()
    for i in range(copies):
        shutil.copyfile(video, folder / "in" / f"{i}{video.suffix}")
    command = [sys.executable, "-m", "tcpformer.cli", "lift", str(folder / "in")]
    command += ["--out", str(folder / "out"), "--jobs", str(jobs), "--threads", "1"]
    subprocess.run(command, check=True)
    text = (folder / "out/report.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    hours = sum(line["duration"] for line in lines) / 3600
    core_hours = sum(line["cpu_seconds"] for line in lines) / 3600 / hours
    disk = sum(line["result_mb"] for line in lines) / hours
    memory = max(line["memory_mb"] for line in lines)
    people = sum(line["people"] for line in lines) / len(lines)
    print(f"\n{video.name}: {people:.1f} people a clip; for an hour of video {core_hours:.1f} "
          f"core-hours, {disk:.0f} MB of results; at most {memory:.0f} MB a process")  # fmt: skip
    print("| cores | 1,000 hours of video |\n|---:|---:|")
    for cores in CORES:
        print(f"| {cores:,} | {HOURS * core_hours / cores:.1f} h |")


def model(core_hours: float, clip_ms: float, minutes: float, mb: float, disk: float) -> None:
    """Print what limits; see the top."""
    clips = HOURS * 60 / minutes
    driver, reading = clips * clip_ms / 3.6e6, HOURS * mb / disk / 3600
    print("| cores | work, hours | driver | reading | limited by | disk for no wait |")
    print("|---:|---:|---:|---:|---|---:|")
    for cores in CORES:
        steps = {"work": HOURS * core_hours / cores, "driver": driver, "reading": reading}
        limit = max(steps, key=lambda name: steps[name])
        needed = HOURS * mb / (steps["work"] * 3600)
        text = " | ".join(f"{value:.3g}" for value in steps.values())
        print(f"| {cores:,} | {text} | {limit} | {needed:.3g} MB/s |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    simulation, one, costs, computed = (
        verbs.add_parser(v) for v in ("simulate", "step", "cost", "model")
    )
    computed.add_argument("--core-hours", type=float, required=True, help="an hour of video")
    computed.add_argument("--clip-ms", type=float, default=4.0, help="of the driver, a clip")
    computed.add_argument("--minutes", type=float, default=10.0, help="of a clip")
    computed.add_argument("--mb", type=float, default=500.0, help="of an hour of video")
    computed.add_argument("--disk", type=float, default=200.0, help="MB a second")
    simulation.add_argument("--clips", type=int, default=1000)
    simulation.add_argument("--folder", type=Path)
    one.add_argument("name")
    one.add_argument("folder", type=Path)
    costs.add_argument("--video", type=Path, default=Path("assets/sample.mp4"))
    costs.add_argument("--copies", type=int, default=2)
    costs.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if given.verb == "step":
        step(given.name, given.folder)
        return
    if given.verb == "model":
        model(given.core_hours, given.clip_ms, given.minutes, given.mb, given.disk)
        return
    with tempfile.TemporaryDirectory(dir=getattr(given, "folder", None)) as folder:
        if given.verb == "simulate":
            simulate(given.clips, Path(folder))
        else:
            cost(given.video, given.copies, given.jobs, Path(folder))


if __name__ == "__main__":
    main()
