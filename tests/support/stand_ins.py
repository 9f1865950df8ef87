"""Functions in place of `lift_file`: they write one small file, and do as the input's text says."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tcpformer.manifest import claim_results, hash_input, stamp_input, write_manifest
from tcpformer.motion import Motion3D
from tcpformer.pipeline import LiftOptions, Progress, describe_run
from tcpformer.result_folder import replace_together
from tcpformer.serve.inputs import Task, find_tasks
from tcpformer.serve.task import Job

WEIGHTS = "stand-in sha256:0"
LOG = "done.log"
"""Beside the folder of results: one line for each time that a clip was lifted to its end."""

DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stand_ins import job_of
from tcpformer.serve.batch import lift_many
from tcpformer.serve.inputs import find_tasks
from tcpformer.serve.processes import Processes
if __name__ == "__main__":
    here = Path(sys.argv[2])
    print("ready", flush=True)
    tasks = find_tasks([here / "in"], here / "out")
    sys.exit(lift_many(job_of(here), tasks, Processes(2, 1)).exit_code)
"""


def pretend(source: Path, out: Path, options: LiftOptions, progress: Progress) -> list[Motion3D]:
    """Write what `lift_file` would, but a file of some bytes; "sleep 3" as input takes 3 s."""
    word, _, rest = source.read_text().partition(" ")
    with replace_together(out, owned=False) as run:
        earlier = claim_results(out, overwrite=False)
        _act(word, rest)
        progress("detecting", 1, 1)
        (run.new / "person_0").mkdir()
        (run.new / "person_0/motion.bvh").write_text(f"{source.read_text()} {options.height}")
        stamps = {"source": stamp_input(source)}
        manifest = describe_run({"source": hash_input(source)}, options, WEIGHTS)
        write_manifest(type(manifest)(**{**vars(manifest), "stamps": stamps}), run.new)
        run.owned.update(earlier.files, ["tcpformer.json"])
    log = next(each for each in out.parents if (each / LOG).exists()) / LOG
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.write(handle, f"{source.stem}\n".encode())
    os.close(handle)
    return []


def _act(word: str, rest: str) -> None:
    if word == "sleep":
        time.sleep(float(rest))
    elif word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "exit":
        os._exit(7)
    elif word == "full":
        raise OSError(28, "No space left on device", rest)
    elif word == "bad":
        raise ValueError(f"{rest} is no video")
    elif word == "defect":
        raise ZeroDivisionError(rest)


def batch(
    folder: Path, texts: dict[str, str], options: LiftOptions | None = None
) -> Sequence[Task]:
    """Write inputs below a folder; return their tasks."""
    for name, text in texts.items():
        path = folder / "in" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1, 1))
    (folder / LOG).touch()
    return find_tasks([folder / "in"], folder / "out")


def job_of(folder: Path, options: LiftOptions | None = None) -> Job:
    """Return the job whose results go below a folder."""
    options = LiftOptions() if options is None else options
    return Job(out=folder / "out", options=options, weights=WEIGHTS, lift=pretend)


def lifted(folder: Path) -> list[str]:
    """Return the clips that were lifted to their ends, each as often as it was."""
    return sorted((folder / LOG).read_text().split())


def start_driver(folder: Path) -> subprocess.Popen[str]:
    """Start a batch in a process of its own."""
    script = folder / "driver.py"
    script.write_text(DRIVER)
    return subprocess.Popen(
        [sys.executable, script, Path(__file__).parent, folder], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
