"""The service under load: clients with jobs and live sockets, on this machine alone.

usage: python benchmarks/serve.py [--clients 1 8 32] [--seconds 60]
       python benchmarks/serve.py --soak HOURS [--clients 8] [--out out/soak]

Starts a service of its own. Every other client sends jobs (keypoints of ten seconds, lifted by
"fast") one after another, fetches and deletes the results; the others send 30 frames a second of
keypoints over a live socket and connect again every ten seconds. A client that meets 429 waits.
With --soak, memory, file handles and threads are logged every minute, or sooner in a short run, as
a table and a curve. Ends with exit code 1 if a job was lost or anything but 429 went wrong.
"""

import argparse
import asyncio
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from long import FPS, SIZE, write_keypoints
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

PATIENCE = 600.0
"""Seconds until a job that does not end counts as lost."""
CONNECTED = 10.0


@dataclass
class Tally:
    """What the clients saw."""

    jobs: int = 0
    lost: int = 0
    waits: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    job_s: list[float] = field(default_factory=list)
    frame_s: list[float] = field(default_factory=list)


@dataclass
class Load:
    """Clients until a time."""

    address: str
    keypoints: Path
    end: float
    tally: Tally = field(default_factory=Tally)

    async def run(self, clients: int) -> Tally:
        """Run the clients; a single one does both."""
        tasks = []
        async with httpx.AsyncClient(base_url=f"http://{self.address}", timeout=60) as client:
            for number in range(max(clients, 2)):
                work = self.send_jobs(client) if number % 2 == 0 else self.send_frames()
                tasks.append(asyncio.create_task(work))
            await asyncio.gather(*tasks)
        return self.tally

    async def send_jobs(self, client: httpx.AsyncClient) -> None:
        """Send jobs one after another, and fetch and delete what they give."""
        content = self.keypoints.read_bytes()
        data = {"options": json.dumps({"weights": "fast", "formats": "bvh"})}
        while time.monotonic() < self.end:
            start = time.monotonic()
            try:
                answer = await client.post(
                    "/v1/jobs", files={"file": ("a.npz", content)}, data=data
                )
                if answer.status_code == 429:
                    await self.wait(float(answer.headers["retry-after"]))
                    continue
                answer.raise_for_status()
                await self.follow(client, answer.json()["id"], start)
            except httpx.HTTPError as error:
                self.tally.errors[f"job: {type(error).__name__} {error}"] += 1
                await asyncio.sleep(1)

    async def follow(self, client: httpx.AsyncClient, number: str, start: float) -> None:
        """Wait until a job ends, and fetch its motion."""
        address = f"/v1/jobs/{number}"
        job: dict[str, Any] = {"state": "queued", "error": ""}
        while job["state"] in ("queued", "running") and time.monotonic() - start < PATIENCE:
            await asyncio.sleep(0.25)
            job = (await client.get(address)).raise_for_status().json()
        if job["state"] != "done":
            self.tally.lost += 1
            self.tally.errors[f"job {job['state']}: {job['error']}"] += 1
            return
        self.tally.jobs += 1
        self.tally.job_s.append(time.monotonic() - start)
        motion = await client.get(f"{address}/files/person_0/motion.npz")
        if len(motion.raise_for_status().content) != job["files"]["person_0/motion.npz"]:
            self.tally.errors["job: a file of another size"] += 1
        (await client.delete(address)).raise_for_status()

    async def wait(self, seconds: float) -> None:
        self.tally.waits += 1
        left = max(self.end - time.monotonic(), 0.0)
        await asyncio.sleep(min(seconds, left))

    async def send_frames(self) -> None:
        """Send frames over one socket after another."""
        width, height = SIZE
        address = f"ws://{self.address}/v1/live?skeleton=coco&size={width}x{height}"
        people = np.load(self.keypoints)
        frames = (
            np.concatenate([people["xy"], people["confidence"][..., None]], -1).round(2).tolist()
        )
        while time.monotonic() < self.end:
            try:
                async with connect(address) as live:
                    await live.recv()  # it is ready
                    await self.play(live, frames)
            except InvalidStatus as error:
                if error.response.status_code == 429:
                    await self.wait(2.0)
                else:
                    self.tally.errors[f"live: {error}"] += 1
            except (OSError, TimeoutError, WebSocketException) as error:
                self.tally.errors[f"live: {type(error).__name__} {error}"] += 1

    async def play(self, live: Any, frames: list[Any]) -> None:
        """Send frames at their rate for a while, and read the answers."""
        sent: list[float] = []

        async def read() -> None:
            async for text in live:
                answer = json.loads(text)
                if "error" in answer:
                    self.tally.errors[f"live: {answer['error']}"] += 1
                    return
                self.tally.frame_s.append(time.monotonic() - sent[answer["frame"]])

        reader, start = asyncio.create_task(read()), time.monotonic()
        until = min(self.end, start + CONNECTED)
        while (now := time.monotonic()) < until:
            sent.append(now)
            await live.send(json.dumps({"people": [frames[len(sent) % len(frames)]]}))
            await asyncio.sleep(max(0.0, start + len(sent) / FPS - time.monotonic()))
        await live.close()
        await reader


@contextmanager
def service(data: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Yield address and process id of a service of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tcpformer.cli", "serve", "--port", str(port)]
    command += ["--data", str(data), "--workers", str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 300
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the service did not start")
            time.sleep(0.5)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def measure(process: int) -> dict[str, float]:
    """Return memory, file handles and threads of the service, and memory of its children."""
    proc = Path(f"/proc/{process}")
    children = list[int]()
    for task in (proc / "task").iterdir():
        with suppress(OSError):  # a thread that has ended
            children += map(int, (task / "children").read_text().split())
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    return {
        "server_mb": _memory(process),
        "workers_mb": sum(_memory(child) for child in children),
        "handles": len(os.listdir(proc / "fd")),
        "threads": float(status["Threads"]),
    }


def _memory(process: int) -> float:
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def soak(load: Load, clients: int, process: int, every: float) -> list[dict[str, float]]:
    """Run the clients; return what was measured meanwhile."""
    rows, start = [], time.monotonic()
    task = asyncio.create_task(load.run(clients))
    while not task.done():
        row = {"minutes": (time.monotonic() - start) / 60, **measure(process)}
        rows.append({**row, "jobs": load.tally.jobs, "frames": len(load.tally.frame_s)})
        await asyncio.wait([task], timeout=every)
    await task
    return rows


def describe(tally: Tally, clients: int, seconds: float, after: dict[str, float]) -> str:
    """Return one line of what was measured."""
    minute, second = tally.jobs / seconds * 60, len(tally.frame_s) / seconds
    job = np.median(tally.job_s) if tally.job_s else float("nan")
    frames = np.array(tally.frame_s or [float("nan")]) * 1000
    return (
        f"{clients:7d} {minute:8.1f} {job:7.2f} {second:8.1f} {np.median(frames):7.0f}"
        f" {np.percentile(frames, 95):7.0f} {tally.waits:5d} {tally.lost:5d}"
        f" {sum(tally.errors.values()):6d} {after['server_mb']:9.0f} {after['workers_mb']:10.0f}"
        f" {after['handles']:8.0f} {after['threads']:8.0f}"
    )


HEAD = (
    "clients jobs/min job [s] frames/s p50[ms] p95[ms]   429  lost errors server/MB workers/MB "
    "handles  threads"
)


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Draw the curves of a soak."""
    from matplotlib.figure import Figure

    figure = Figure((8, 5), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    minutes = [row["minutes"] for row in rows]
    for axis, names in zip(
        axes, (("server_mb", "workers_mb"), ("handles", "threads"), ("jobs", "frames")), strict=True
    ):
        for name in names:
            axis.plot(minutes, [row[name] for row in rows], label=name.replace("_", " "))
        axis.set_ylim(bottom=0)
        axis.legend(loc="lower right", fontsize=8)
    axes[-1].set_yscale("symlog")
    axes[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--soak", type=float, metavar="HOURS")
    parser.add_argument("--out", type=Path, default=Path("out/soak"))
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        keypoints = Path(folder) / "keypoints.npz"
        write_keypoints(keypoints, round(10 * FPS))
        with service(Path(folder) / "data", given.workers) as (address, process):
            print(HEAD, flush=True)
            hours = given.soak
            for clients in [8] if hours and len(given.clients) > 1 else given.clients:
                seconds = hours * 3600 if hours else given.seconds
                load = Load(address, keypoints, time.monotonic() + seconds)
                rows = asyncio.run(soak(load, clients, process, min(60.0, seconds / 60)))
                print(describe(load.tally, clients, seconds, measure(process)), flush=True)
                for text, number in load.tally.errors.items():
                    print(f"  {number} x {text}")
                wrong += load.tally.lost + sum(load.tally.errors.values())
                if hours:
                    given.out.mkdir(parents=True, exist_ok=True)
                    with (given.out / "soak.csv").open("w", newline="") as file:
                        table = csv.DictWriter(file, list(rows[0]))
                        table.writeheader()
                        table.writerows(rows)
                    draw(rows, given.out / "soak.png")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
