"""Kill processes of a batch and of the service at random moments, and check what they leave.

python tests/faults/kills.py [--kills 200] [--only driver ...] [--real]

What it kills: "driver", a batch of clips; "process", which lifts clips for one; "server", the
service; "worker", which does its jobs; "node", a machine of a Ray cluster (needs the extra ray).
Clips and jobs are stand-ins, and processes are forked from one that has imported everything, so
that a kill takes about a second; with --real clips of keypoints are lifted, and processes start as
they do for users. After every kill finished results are as before; a further run completes the
rest; none is lost, and none is done twice.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SUPPORT = [str(HERE.parent / "support"), str(ROOT / "benchmarks")]
sys.path[:0] = SUPPORT

ROUND = 10
"""Kills after which a run is left to end."""
PATIENCE = 300.0
"""Seconds in which everything must come to its end."""
LOCKS = ".tcpformer*"
PRELOADED: list[str] = []
"""Modules of the process from which workers are forked; none if they start as for users."""
STARTED: list[int] = []
"""Processes, which end with this one."""
DIED = "the worker died (signal SIGKILL)."


@dataclass
class Setting:
    """Where a campaign runs, on what, and what it found."""

    folder: Path
    chance: random.Random
    real: bool
    seconds: float
    """Until the last moment at which a kill may come."""
    counts: Counter[str] = field(default_factory=Counter)

    def report(self, kind: str) -> None:
        found = ", ".join(f"{name}: {count}" for name, count in self.counts.items())
        print(f"{kind}: {found}", flush=True)


def preload() -> None:
    """Start the process from which workers are forked, once for all drivers and servers."""
    import served  # noqa: F401 - what every server imports
    import uvicorn  # noqa: F401

    from tcpformer.serve import http, processes, workers  # noqa: F401

    context = multiprocessing.get_context("forkserver")
    PRELOADED[:] = "stand_ins", "stand_in_work", "cv2", "tcpformer.detect.onnx"
    context.set_forkserver_preload([*PRELOADED, "tcpformer.runtime.choose"])
    processes.get_context = lambda _: context  # type: ignore[assignment]
    workers._SPAWN = context  # type: ignore[assignment]


def start(function: Callable[..., int], *arguments: Any) -> int:
    """Call a function in a process of its own; return its number."""
    if PRELOADED:
        forkserver.ensure_running()  # a process that is killed while it asks for one ends it
    child = os.fork()
    if child:
        STARTED.append(child)
        return child
    code = 99
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    forkserver._forkserver.ensure_running = lambda: None  # type: ignore[attr-defined, method-assign]
    try:
        os.setsid()
        quiet = os.open(os.devnull, os.O_WRONLY)
        if not os.environ.get("FAULTS_VERBOSE"):
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
        code = function(*arguments)
    finally:
        os._exit(code)


def end(process: int, sent: int) -> int:
    """Send a signal; return the exit code, or minus the signal."""
    os.kill(process, sent)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def children(process: int) -> list[int]:
    """Return the processes that a process has started and that run."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        found = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid for pid in found if b"spawn_main" in command(pid) or b"forkserver" in command(pid)]


def command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def workers_of(process: int) -> list[int]:
    """Return the workers of a driver or a server."""
    shared = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return children(process if shared is None else shared)


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.02)
    return found


def stamps(out: Path) -> dict[str, int]:
    """Return when each finished clip was finished."""
    return {
        path.parent.name: path.stat().st_mtime_ns
        for path in out.glob("*/tcpformer.json")
        if not path.parent.name.startswith(".")
    }


def make_clips(setting: Setting, folder: Path, number: int) -> Any:
    """Write inputs; return the job and its tasks."""
    from stand_ins import LOG, job_of

    from tcpformer.serve.inputs import Task

    (folder / "in").mkdir(parents=True)
    (folder / LOG).touch()
    for i in range(number):
        if setting.real:
            shutil.copyfile(setting.folder / "walk.npz", folder / "in" / f"clip{i:03d}.npz")
        else:
            (folder / "in" / f"clip{i:03d}.txt").write_text("sleep 0.05")
    tasks = [Task(path.stem, path) for path in sorted((folder / "in").iterdir())]
    return (real_job(folder) if setting.real else job_of(folder)), tasks


def real_job(folder: Path) -> Any:
    from tcpformer.pipeline import LiftOptions, lift_file, name_weights
    from tcpformer.serve.task import Job

    options = LiftOptions(weights="fast", overlay=False)
    return Job(out=folder / "out", options=options, weights=name_weights(options), lift=lift_file)


def drive(job: Any, tasks: Any, run: Any = None) -> int:
    """Lift clips by two processes; return the exit code."""
    from tcpformer.serve.batch import lift_many
    from tcpformer.serve.processes import Processes

    return lift_many(job, tasks, run or Processes(2, 1)).exit_code


def check_batch(setting: Setting, job: Any, tasks: Any, finished: dict[str, int]) -> None:
    """Check that all clips are there, none was lifted twice, and each has one line."""
    from stand_ins import lifted

    found = stamps(job.out)
    assert {task.name for task in tasks} == set(found), "a clip is lost"
    assert finished.items() <= found.items(), "a finished clip was lifted again"
    lines = [json.loads(line) for line in (job.out / "report.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == [task.name for task in tasks], "lines of the report"
    assert {line["state"] for line in lines} <= {"done", "present"}
    left = [str(path.relative_to(job.out)) for path in job.out.rglob(LOCKS)]
    assert not left, f"left behind: {left}"
    twice = [name for name, count in Counter(lifted(job.out.parent)).items() if count > 1]
    assert not twice, f"lifted twice: {twice}"
    setting.counts["clips"] += len(tasks)


def kill_drivers(setting: Setting, kills: int) -> None:
    """Kill drivers; what is finished stays, and their processes end with them."""
    while kills > 0:
        folder = setting.folder / f"driver{kills}"
        job, tasks = make_clips(setting, folder, 6 if setting.real else 24)
        finished: dict[str, int] = {}
        for _ in range(min(ROUND, kills)):
            driver = start(drive, job, tasks)
            time.sleep(setting.chance.uniform(0, setting.seconds))
            before = workers_of(driver)
            code = end(driver, signal.SIGKILL)
            wait_until(lambda: not alive(before), "workers end with the driver")  # noqa: B023
            setting.counts["killed" if code < 0 else "ended before"] += 1
            found = stamps(job.out)
            assert finished.items() <= found.items(), "a finished clip changed"
            finished, kills = found, kills - (code < 0)
            if code >= 0:
                break
        driver = start(drive, job, tasks)
        assert os.waitstatus_to_exitcode(os.waitpid(driver, 0)[1]) == 0, "a further run"
        check_batch(setting, job, tasks, finished)
        setting.report("driver")
        shutil.rmtree(folder)


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if b"python" in command(pid)]


def kill_processes(setting: Setting, kills: int) -> None:
    """Kill processes that lift clips; each fails its clip, and a further run lifts it."""
    while kills > 0:
        folder = setting.folder / f"process{kills}"
        job, tasks = make_clips(setting, folder, 12 if setting.real else 100)
        driver, killed = start(drive, job, tasks), set[int]()
        while len(killed) < kills and os.waitpid(driver, os.WNOHANG)[0] == 0:
            time.sleep(setting.chance.uniform(0, setting.seconds / 4))
            if found := sorted(set(workers_of(driver)) - killed):
                pid = setting.chance.choice(found)
                with suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
        with suppress(ProcessLookupError, ChildProcessError):
            os.waitpid(driver, 0)
        lines = [json.loads(line) for line in (job.out / "report.jsonl").read_text().splitlines()]
        failed = [line for line in lines if line["state"] == "failed"]
        assert len(lines) == len(tasks), "a line for each clip"
        assert len(failed) <= len(killed), "more failed than were killed"
        assert all("SIGKILL" in line["error"] for line in failed), failed
        setting.counts["killed"] += len(killed)
        setting.counts["failed"] += len(failed)
        kills -= len(killed)
        finished = stamps(job.out)
        again = start(drive, job, tasks)
        assert os.waitstatus_to_exitcode(os.waitpid(again, 0)[1]) == 0, "a further run"
        check_batch(setting, job, tasks, finished)
        setting.report("process")
        shutil.rmtree(folder)


def serve(data: Path, log: Path, port: int, real: bool) -> int:
    """Run the service until a signal."""
    import uvicorn
    from served import make_stand_in, options
    from stand_in_work import StandInWork

    from tcpformer.cli.serve import _listen
    from tcpformer.serve.http import create_app
    from tcpformer.serve.workers import LiftWork, PoolOptions

    settings = options(data, queue=10**6, pool=PoolOptions(workers=2, start_s=60.0))
    app = create_app(settings, LiftWork() if real else StandInWork(str(log)), make_stand_in)
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=5)
    with _listen("127.0.0.1", port) as listener:
        app.state.service.start()
        uvicorn.Server(config).run(sockets=[listener])
    return 0


@dataclass
class Client:
    """Posts jobs under keys of its own, and remembers what it was answered."""

    setting: Setting
    folder: Path
    port: int
    ids: dict[str, str] = field(default_factory=dict)
    """Of keys whose job was taken."""
    open: list[str] = field(default_factory=list)
    """Keys that were not answered."""
    ended: dict[str, Any] = field(default_factory=dict)
    """Jobs that were seen to have ended."""
    posted: int = 0

    def __post_init__(self) -> None:
        self.data, self.log = self.folder / "data", self.folder / "log"
        self.folder.mkdir()
        self.log.touch()
        walk = self.setting.folder / "walk.npz"
        content = walk.read_bytes() if self.setting.real else b"sleep 0.03"
        parts = ({"options": b'{"weights": "fast"}'} if self.setting.real else {}) | {
            "file": content
        }
        name = {"file": '; filename="a.npz"'}
        self.body = b"".join(
            f'--b\r\nContent-Disposition: form-data; name="{part}"{name.get(part, "")}\r\n\r\n'
            .encode() + value + b"\r\n" for part, value in parts.items()
        ) + b"--b--\r\n"  # fmt: skip

    def start(self) -> int:
        return start(serve, self.data, self.log, self.port, self.setting.real)

    def ask(self, verb: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """Return status and answer; None if the server cannot be reached, or dies."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(verb, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        assert answer.status in (200, 202, 204, 404, 503), text
        return answer.status, (json.loads(text) if text[:1] == b"{" else text.decode())

    def post(self, key: str) -> bool:
        """Post a job; return whether it was answered."""
        kind = "multipart/form-data; boundary=b"
        found = self.ask(
            "POST", "/v1/jobs", self.body, **{"Content-Type": kind, "Idempotency-Key": key}
        )
        if found is None:
            return False
        assert found[0] in (200, 202), found
        assert self.ids.setdefault(key, found[1]["id"]) == found[1]["id"], "two jobs of one key"
        return True

    def post_next(self) -> None:
        """Post a new job, or one again that was not answered; look at one of the others."""
        waiting = sum(number not in self.ended for number in self.ids.values())
        if not self.open and waiting < (4 if self.setting.real else 100):
            self.posted += 1
            self.open.append(f"key{self.posted}")
        if self.open and self.post(self.open[0]):
            self.open.pop(0)
        if self.ids:
            self.look(self.setting.chance.choice(list(self.ids.values())))

    def look(self, number: str) -> bool:
        """Look at a job; return whether it has ended, and check that it stays as it ended."""
        found = self.ask("GET", f"/v1/jobs/{number}")
        if found is None:
            return False
        assert found[0] == 200, f"job {number} is lost"
        job = found[1]
        if number in self.ended:
            assert job == self.ended[number], "a job that had ended changed"
        if job["state"] in ("done", "failed", "cancelled"):
            self.ended[number] = job
        return number in self.ended

    def check(self, most_failed: int) -> Counter[str]:
        """Let the server end all jobs; check that each was done once, and forget them."""
        for key in [*self.open, *self.ids]:
            assert self.post(key)
        self.open.clear()
        wait_until(lambda: all(self.look(each) for each in self.ids.values()), "jobs end")
        done = Counter(self.log.read_text().split())
        for number in self.ids.values():
            job = self.ended[number]
            assert job["state"] == "done" or job["error"] == DIED, job
            assert self.setting.real or done[number] <= job["attempt"], "done twice"
            assert self.setting.real or done[number] or job["state"] == "failed", "not done"
            for name, size in job["files"].items():
                path = self.data / "jobs" / number / f"attempt_{job['attempt']}" / name
                assert path.stat().st_size == size
        states = Counter(self.ended[number]["state"] for number in self.ids.values())
        assert states["failed"] <= most_failed
        assert {path.name for path in (self.data / "jobs").iterdir()} == {*self.ids.values()}
        assert not list((self.data / "incoming").iterdir())
        states["attempts"] = sum(self.ended[each]["attempt"] for each in self.ids.values())
        for number in self.ids.values():
            assert self.ask("DELETE", f"/v1/jobs/{number}")[0] == 204
        self.ids.clear()
        return states


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kill_servers(setting: Setting, kills: int) -> None:
    """Kill servers; jobs that were answered are there, and only those in hand start again."""
    client = Client(setting, setting.folder / "server", free_port())
    for left in range(kills, 0, -ROUND):
        number = min(ROUND, left)
        for _ in range(number):
            server = client.start()
            delay = setting.chance.uniform(0, setting.seconds)
            killer = threading.Timer(delay, os.kill, (server, signal.SIGKILL))
            killer.start()
            while killer.is_alive():
                client.post_next()
                time.sleep(setting.chance.uniform(0, 0.05))
            before = workers_of(server)
            code = os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])
            assert code == -signal.SIGKILL, f"the server ended with {code}"
            wait_until(lambda: not alive(before), "workers end with the server")  # noqa: B023
            setting.counts["killed"] += 1
        server = client.start()
        wait_until(lambda: client.ask("GET", "/healthz"), "the server starts")
        states = client.check(0)
        again = states["attempts"] - states["done"]
        assert again <= 2 * number, "more than the jobs in hand started again"
        setting.counts += Counter({"jobs": states["done"], "started again": again})
        end(server, signal.SIGTERM)
        setting.report("server")


def kill_workers(setting: Setting, kills: int) -> None:
    """Kill workers; each fails at most the job in its hand, and is replaced."""
    client = Client(setting, setting.folder / "worker", free_port())
    server, killed = client.start(), set[int]()
    wait_until(lambda: (client.ask("GET", "/readyz") or [0])[0] == 200, "the server starts")
    while len(killed) < kills:
        until = time.monotonic() + setting.chance.uniform(0, setting.seconds / 4)
        while time.monotonic() < until:
            client.post_next()
            time.sleep(0.01)
        if found := sorted(set(workers_of(server)) - killed):
            pid = setting.chance.choice(found)
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    states = client.check(len(killed))
    wait_until(lambda: replaced(client) == len(killed), "each worker is replaced")
    setting.counts += Counter(killed=len(killed), done=states["done"], failed=states["failed"])
    assert states["attempts"] == states["done"] + states["failed"], "a job started twice"
    end(server, signal.SIGTERM)
    setting.report("worker")


def replaced(client: Client) -> int:
    """Return how many workers the service says to have replaced."""
    lines = client.ask("GET", "/metrics")[1].splitlines()
    name = "tcpformer_workers_replaced_total{"
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith(name)))


def add_node(cluster: Any, tries: int = 10) -> Any:
    """Add a machine, which must start within 30 s: on a busy one, try again."""
    for left in reversed(range(tries)):
        try:
            return cluster.add_node(num_cpus=2)
        except Exception:  # Ray has no type for it
            if not left:
                raise
    raise AssertionError


def kill_nodes(setting: Setting, kills: int) -> None:
    """Kill machines of a Ray cluster, one after another; others lift their clips."""
    from ray.cluster_utils import Cluster  # pyright: ignore[reportMissingImports]

    from tcpformer.serve.batch import lift_many
    from tcpformer.serve.ray_tasks import RayTasks
    from tcpformer.serve.watch import Watch

    class Killer(Watch):
        """Replaces a node of the cluster now and then."""

        def ended(self, line: Any, done: int, total: int) -> None:
            if setting.counts["killed"] < kills and setting.chance.random() < 0.3:
                nodes.append(add_node(cluster))
                cluster.remove_node(nodes.pop(0), allow_graceful=False)
                setting.counts["killed"] += 1
                setting.report("node")

    os.environ["PYTHONPATH"] = ":".join([*SUPPORT, str(ROOT / "src")])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [add_node(cluster)]
    try:
        while setting.counts["killed"] < kills:
            folder = setting.folder / f"node{setting.counts['killed']}"
            job, tasks = make_clips(setting, folder, 40)
            summary = lift_many(job, tasks, RayTasks(cluster.address), Killer())
            setting.counts["failed"] += summary.counts["failed"]
            finished = stamps(job.out)
            assert drive(job, tasks) == 0, "a further run"
            check_batch(setting, job, tasks, finished)
            setting.report("node")
    finally:
        cluster.shutdown()


@contextmanager
def stopped_at_the_end() -> Iterator[None]:
    """Leave no process behind."""
    try:
        yield
    finally:
        for process in STARTED:
            with suppress(ProcessLookupError, ChildProcessError):
                os.waitpid(process, os.WNOHANG)
                end(process, signal.SIGKILL)


CAMPAIGNS = {
    "driver": kill_drivers,
    "process": kill_processes,
    "server": kill_servers,
    "worker": kill_workers,
    "node": kill_nodes,
}


def main() -> None:
    """Run the campaigns."""
    parser = argparse.ArgumentParser(description="Kill processes of a batch and of the service.")
    parser.add_argument("--kills", type=int, default=200, help="of each kind")
    parser.add_argument("--only", nargs="+", choices=CAMPAIGNS, default=list(CAMPAIGNS)[:-1])
    parser.add_argument("--real", action="store_true", help="lift clips of keypoints")
    parser.add_argument("--seconds", type=float, help="of the last moment of a kill")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if not options.real and options.only != ["node"]:
        preload()
    with tempfile.TemporaryDirectory() as folder, stopped_at_the_end():
        if options.real:
            from long import write_keypoints

            write_keypoints(Path(folder) / "walk.npz", 90)
        for kind in options.only:
            seconds = options.seconds or (30.0 if options.real else 1.5)
            chance = random.Random(options.seed)
            CAMPAIGNS[kind](Setting(Path(folder), chance, options.real, seconds), options.kills)


if __name__ == "__main__":
    main()
