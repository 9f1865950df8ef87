"""The live socket: pictures or keypoints of one camera in, people in 3D out.

The newest frame wins: what arrives while one is lifted replaces what waits, so that answers stay
fresh and memory is bounded however fast a client sends. See docs/serve.md for the messages.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..skeleton import BLAZEPOSE, BODY_26, COCO, H36M, HALPE26, Skeleton

SKELETONS = {each.name: each for each in (BLAZEPOSE, COCO, H36M, HALPE26, BODY_26)}
"""Of keypoints that are sent."""
MOST_LOOKAHEAD = 5
_BAD_DATA, _TOO_LARGE, _TRY_LATER = 1003, 1009, 1013
"""Codes with which a socket is closed."""


@runtime_checkable
class Lifts(Protocol):
    """What lifts the frames of one connection: a `LiveLifter`."""

    def push(self, frame: Any, time: float, ids: Any = None) -> Any:
        """Take the next frame; return the people of the newest one that can be answered."""
        ...


@dataclass(frozen=True)
class LiveSettings:
    """What a client chooses in the address of the socket."""

    lookahead: int = 0
    height: float | None = None
    skeleton: Skeleton = BLAZEPOSE
    size: tuple[int, int] | None = None


MakeLifter = Callable[[LiveSettings], tuple[Lifts, Mapping[str, Any]]]
"""Returns what lifts, and what a client needs to draw the joints."""


@dataclass(frozen=True, kw_only=True)
class LiveLimits:
    """What a connection may take."""

    connections: int = 4
    frame_bytes: int = 1 << 20
    pixels: int = 1920 * 1088
    people: int = 20
    idle_s: float = 30.0
    """Seconds without a frame, or without the client reading an answer, until it is closed."""


@dataclass
class LiveCounts:
    """What passed through all sockets so far."""

    open: int = 0
    received: int = 0
    answered: int = 0
    seconds: float = 0.0
    """From the arrival of a frame to its answer, summed."""


def parse_settings(query: Mapping[str, str]) -> LiveSettings:
    """Read the choices in an address.

    Raises:
        ValueError: If one is unknown or out of range.
    """
    unknown = set(query) - {"lookahead", "height", "skeleton", "size"}
    if unknown:
        raise ValueError(f"expected lookahead, height, skeleton or size, got {sorted(unknown)}.")
    lookahead = query.get("lookahead", "0")
    if lookahead not in map(str, range(MOST_LOOKAHEAD + 1)):
        raise ValueError(f"lookahead must be 0 to {MOST_LOOKAHEAD} frames, got {lookahead!r}.")
    name = query.get("skeleton", BLAZEPOSE.name)
    if name not in SKELETONS:
        raise ValueError(f"skeleton must be one of {', '.join(SKELETONS)}, got {name!r}.")
    try:
        height = float(query["height"]) if "height" in query else None
        width, tall = (int(each) for each in query.get("size", "0x0").split("x"))
    except ValueError as error:
        raise ValueError("expected height in metres, and size as 1280x720 in pixels.") from error
    if (width, tall) != (0, 0) and not (0 < width <= 16384 and 0 < tall <= 16384):
        raise ValueError(f"size must be 1x1 to 16384x16384 pixels, got {width}x{tall}.")
    return LiveSettings(int(lookahead), height, SKELETONS[name], (width, tall) if width else None)


class _Newest:
    """The newest message that was not taken yet."""

    def __init__(self) -> None:
        self._frame: tuple[int, float, Any] | None = None
        self._changed = asyncio.Event()
        self.received = 0
        self.closed = False

    def put(self, message: Any) -> None:
        self._frame = (self.received, time.monotonic(), message)
        self.received += 1
        self._changed.set()

    def close(self) -> None:
        self.closed = True
        self._changed.set()

    async def take(self, seconds: float) -> tuple[int, float, Any] | None:
        """Return number, time of arrival and content; None when the client is gone or idle."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return None
        self._changed.clear()
        if self.closed:
            return None
        frame, self._frame = self._frame, None
        return frame


class LiveSocket:
    """One connection."""

    def __init__(
        self, socket: WebSocket, limits: LiveLimits, counts: LiveCounts, executor: Executor
    ) -> None:
        self.socket, self.limits, self.counts, self.executor = socket, limits, counts, executor
        self._newest, self._numbers = _Newest(), deque[int](maxlen=MOST_LOOKAHEAD + 1)

    async def run(self, make: MakeLifter) -> None:
        """Lift frames until the client leaves, or sends what is refused."""
        await self.socket.accept()
        reader = asyncio.create_task(self._read())
        try:
            settings = parse_settings(self.socket.query_params)
            lifter, about = await self._compute(make, settings)
            await self._send({"ready": True, **about})
            while (frame := await self._newest.take(self.limits.idle_s)) is not None:
                await self._answer(lifter, settings.lookahead, *frame)
        except (ValueError, ImportError, OSError) as error:
            await self._close(_BAD_DATA, str(error))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            pass  # the client does not read, or is gone
        finally:
            reader.cancel()
            await self._close(_TRY_LATER, "")

    async def _compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)

    async def _answer(
        self, lifter: Lifts, lookahead: int, number: int, arrived: float, message: Any
    ) -> None:
        self._numbers.append(number)
        answer = await self._compute(self._lift, lifter, arrived, message)
        if answer is None:
            return
        frame = self._numbers[-1 - lookahead]
        await self._send({"frame": frame, "received": self._newest.received, **answer})
        self.counts.answered += 1
        self.counts.seconds += time.monotonic() - arrived

    def _lift(self, lifter: Lifts, arrived: float, message: Any) -> dict[str, Any] | None:
        """Lift one frame; return its people, None while frames are waited for."""
        if isinstance(message, bytes):
            answer = lifter.push(decode_jpeg(message, self.limits.pixels), arrived)
        else:
            moment, people, ids = parse_keypoints(message, self.limits.people)
            answer = lifter.push(people, arrived if moment is None else moment, ids)
        return None if answer is None else describe_frame(answer)

    async def _read(self) -> None:
        """Keep the newest message until the client leaves."""
        try:
            while True:
                message = await self.socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                content = message.get("bytes") or message.get("text") or ""
                if len(content) > self.limits.frame_bytes:
                    most = self.limits.frame_bytes
                    await self._close(_TOO_LARGE, f"expected a frame of at most {most} bytes.")
                    break
                self.counts.received += 1
                self._newest.put(content)
        except RuntimeError:
            pass  # it was closed from this side
        finally:
            self._newest.close()

    async def _send(self, value: Mapping[str, Any]) -> None:
        text = json.dumps(value, separators=(",", ":"))
        await asyncio.wait_for(self.socket.send_text(text), self.limits.idle_s)

    async def _close(self, code: int, error: str) -> None:
        if self.socket.application_state is WebSocketState.DISCONNECTED:
            return
        try:
            if error:
                await self._send({"error": error})
            await asyncio.wait_for(self.socket.close(code), self.limits.idle_s)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            pass  # the client is gone


def decode_jpeg(data: bytes, most: int) -> UInt8[np.ndarray, "h w 3"]:
    """Decode a JPEG whose head states an acceptable size.

    Raises:
        ValueError: If it is another format, damaged, or too large.
    """
    width, height = jpeg_size(data)
    if width * height > most:
        raise ValueError(f"expected a picture of at most {most} pixels, got {width} x {height}.")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError("the JPEG is damaged.")
    return np.asarray(image, np.uint8)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height that the head of a JPEG states.

    Raises:
        ValueError: If it is no JPEG, or has no such head.
    """
    at = 2 if data.startswith(b"\xff\xd8\xff") else len(data)
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a byte that fills
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ValueError("expected a JPEG as binary message, or keypoints as text.")


def parse_keypoints(text: str, most: int) -> tuple[float | None, list[np.ndarray], Any]:
    """Read keypoints: {"people": [[[x, y, confidence], ...], ...], "time": s, "ids": [...]}.

    Raises:
        ValueError: If the text is something else.
    """
    try:
        content = json.loads(text)
        people = [np.array(person, dtype=np.float64) for person in content["people"]]
        moment, ids = content.get("time"), content.get("ids")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError('expected {"people": [[[x, y, confidence], ...], ...]}.') from error
    if len(people) > most:
        raise ValueError(f"expected at most {most} people, got {len(people)}.")
    if not (moment is None or (isinstance(moment, int | float) and np.isfinite(moment))):
        raise ValueError("expected time in seconds.")
    numbers = isinstance(ids, list) and all(type(each) is int for each in ids)
    if not (ids is None or (numbers and len(set(ids)) == len(ids))):
        raise ValueError("expected ids: a whole number for each person, each once.")
    return moment, people, ids


def describe_frame(frame: Any) -> dict[str, Any]:
    """Return the people of a `LiveFrame` as JSON holds them."""
    return {"people": [_describe(person) for person in frame.people]}


def _describe(person: Any) -> dict[str, Any]:
    arrays = {
        "xyz": (person.xyz, 4),
        "camera_xyz": (person.camera_xyz, 4),
        "sigma": (person.sigma, 4),
        "xy": (person.xy, 1),
        "confidence": (person.confidence, 3),
    }
    rounded = {
        name: None if array is None else np.round(array.astype(np.float64), digits).tolist()
        for name, (array, digits) in arrays.items()
    }
    return {"id": person.id, "seen": person.seen, **rounded}
