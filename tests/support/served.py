"""What tests of the service share: services in this process, and what lifts live frames."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import uvicorn

from tcpformer.serve.http import ServiceOptions
from tcpformer.serve.live_socket import LiveSettings
from tcpformer.serve.workers import PoolOptions


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
            id=0,
            seen=True,
            xyz=xyz,
            camera_xyz=xyz,
            sigma=None,
            xy=xyz[:, :2],
            confidence=xyz[:, 0],
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


@contextmanager
def run_app(app: Any) -> Iterator[int]:
    """Run an application in a thread; yield its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
