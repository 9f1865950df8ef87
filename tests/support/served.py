"""What tests of the service share: work that needs no network, and services in this process."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tcpformer.serve.http import ServiceOptions
from tcpformer.serve.live_socket import LiveSettings
from tcpformer.serve.workers import PoolOptions

HOST = "http://127.0.0.1"


@dataclass(frozen=True)
class StandInWork:
    """Does what the input says: "sleep 5", "die", "fail" or "grow"; else copies it."""

    log: str = ""
    """File with a line for each job that was done."""

    def prepare(self) -> None:
        pass

    def __call__(
        self, source: Path, out: Path, options: Mapping[str, Any], report: Callable[..., None]
    ) -> Mapping[str, int]:
        word, _, value = source.read_text().partition(" ")
        out.mkdir()
        report("detecting", 1, 2)
        if word == "sleep":
            time.sleep(float(value))
        if word == "die":
            os.kill(os.getpid(), 9)
        if word == "fail":
            raise ValueError(f"{source} is no video.")
        if word == "defect":
            raise KeyError("secret")
        if word == "grow":
            kept = np.ones(int(value))
            time.sleep(20)
            del kept
        (out / "copy.txt").write_text(word)
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{source.parent.name}\n")
        return {"copy.txt": len(word)}


class StandInLifter:
    """Answers each frame with one person: of a picture its mean, of keypoints their first joint."""

    def __init__(self, lookahead: int) -> None:
        self.lookahead, self.frames = lookahead, list[Any]()

    def push(self, frame: Any, time: float, ids: Any = None) -> Any:
        self.frames.append(np.full((1, 3), np.mean(np.asarray(frame))))
        if len(self.frames) <= self.lookahead:
            return None
        xyz = self.frames[-1 - self.lookahead]
        person = SimpleNamespace(
            id=0, seen=True, xyz=xyz, camera_xyz=xyz, sigma=None, xy=xyz[:, :2], confidence=xyz[:, 0]
        )
        return SimpleNamespace(time=time, people=(person,))


def make_stand_in(settings: LiveSettings) -> tuple[StandInLifter, Mapping[str, Any]]:
    return StandInLifter(settings.lookahead), {"skeleton": {}}


def options(data: Path, **changes: Any) -> ServiceOptions:
    pool = PoolOptions(workers=1, job_s=30.0, start_s=30.0)
    return ServiceOptions(**({"data": data, "pool": pool} | changes))


def wait_until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return what a condition gives once that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("it did not come true")
