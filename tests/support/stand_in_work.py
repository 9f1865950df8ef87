"""Work of the service that needs no network; in a file of its own, which workers import quickly."""

import errno
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StandInWork:
    """Does what the input says: "sleep 5", "die", "fail", "full", "grow"; else copies it."""

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
        if word == "full":
            raise OSError(errno.ENOSPC, "No space left on device", str(out))
        if word == "defect":
            raise KeyError("secret")
        if word == "grow":
            kept = bytearray(os.urandom(1)) * int(value)
            time.sleep(20)
            del kept
        (out / "copy.txt").write_text(word)
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{source.parent.name}\n")
        return {"copy.txt": len(word)}
