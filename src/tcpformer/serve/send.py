"""Senders: what live use says to other programs, one message a frame.

    jsonl, jsonl:FILE    a line of JSON a frame
    osc://host:port      OSC: /tcpformer/frame, and for each joint /tcpformer/person/ID/JOINT
    vmc://host:port      the Virtual Motion Capture protocol: one person as a humanoid of Unity
    ws://host:port       a websocket server at that address; a message of JSON a frame

Unity's axes are left-handed: x right of a person who looks along z, y up. Those of the rig are
x left, y up, z forward, so x changes its sign, and with it y and z of quaternions.
"""

import json
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO, runtime_checkable
from urllib.parse import urlsplit

import numpy as np
from jaxtyping import Float, UInt8

from ..io.rig import RiggedMotion
from ..io.rig_live import LiveRig
from ..optional import missing_extra
from ..skeleton import Skeleton
from .live import LiveFrame, LivePerson

if TYPE_CHECKING:
    from pythonosc.osc_bundle_builder import OscBundleBuilder

Image = UInt8[np.ndarray, "h w 3"]
Message = tuple[str, list[Any]]

VMC_PORT, OSC_PORT, WS_PORT = 39539, 9000, 8765
PORTS = {"vmc": VMC_PORT, "osc": OSC_PORT, "ws": WS_PORT}
"""Ports where an address has none; that of VMC is the protocol's for a performer."""
KINDS = "vmc://host:port, osc://host:port, ws://host:port, jsonl or jsonl:FILE"
DIGITS = 4
"""Of numbers in JSON: a tenth of a millimetre."""


@runtime_checkable
class Sender(Protocol):
    """Takes the people of each frame."""

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        """Take a frame; ``image`` is its picture, if there is one."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


def open_sender(address: str, skeleton: Skeleton, write: Callable[[str], object]) -> Sender:
    """Return the sender for an address.

    Args:
        address: One of `KINDS`.
        skeleton: The joints of the people.
        write: Takes the lines of "jsonl".

    Raises:
        ValueError: If the address is of another kind.
        OSError: If the host is not known, the port is taken, or the file cannot be written.
        ImportError: If a package of the extra "live" is missing.
    """
    if address == "jsonl":
        return JsonLines(write)
    if address.startswith("jsonl:"):
        return JsonLines.to_file(Path(address.removeprefix("jsonl:")))
    kind, host, port = parse_address(address)
    if kind == "ws":
        from .sockets import SocketServer

        return JsonSocket(SocketServer(host, port))
    return (Vmc if kind == "vmc" else Osc)(Udp(host, port), skeleton)


def parse_address(address: str) -> tuple[str, str, int]:
    """Return kind, host and port of an address.

    Raises:
        ValueError: If it is not one of `KINDS`.
    """
    error = ValueError(f"expected --send to be {KINDS}, got {address!r}.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as cause:
        raise error from cause
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in PORTS or not parts.hostname or extra or port == 0:
        raise error
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]


def frame_to_json(frame: LiveFrame) -> dict[str, Any]:
    """Return a frame as JSON has it: world and camera axes as in `LivePerson`, metres, pixels."""

    def rounded(x: np.ndarray | None, digits: int = DIGITS) -> Any:
        return None if x is None else x.round(digits).tolist()

    people = [
        {
            "id": person.id,
            "seen": person.seen,
            "xyz": rounded(person.xyz),
            "camera_xyz": rounded(person.camera_xyz),
            "sigma": rounded(person.sigma),
            "xy": rounded(person.xy, 1),
            "confidence": rounded(person.confidence, 3),
        }
        for person in frame.people
    ]
    return {"time": round(frame.time, 6), "people": people}


class JsonLines:
    """Writes a line of JSON a frame."""

    def __init__(self, write: Callable[[str], object], file: TextIO | None = None) -> None:
        self._write, self._file = write, file

    @classmethod
    def to_file(cls, path: Path) -> "JsonLines":
        """Return a sender that writes a new file."""
        file = path.open("w", encoding="utf-8", buffering=1)
        return cls(lambda line: file.write(line + "\n"), file)

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        self._write(json.dumps(frame_to_json(frame), separators=(",", ":")))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class JsonSocket:
    """Sends a message of JSON a frame to every client of a websocket server."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        self.server.broadcast(json.dumps(frame_to_json(frame), separators=(",", ":")))

    def close(self) -> None:
        self.server.close()


class Udp:
    """Sends one OSC bundle a frame as one datagram; no one need be listening."""

    def __init__(self, host: str, port: int) -> None:
        self._bundle, self._message, self._now = _osc()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise OSError(
                f"{host} is no host that this machine knows ({error.strerror})."
            ) from error
        self._to = found[4]
        self._socket = socket.socket(found[0], socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, messages: Iterable[Message]) -> None:
        """Pass messages on; a datagram that the network does not take is lost."""
        bundle = self._bundle(self._now)
        for address, values in messages:
            message = self._message(address)
            for value in values:
                message.add_arg(value)
            bundle.add_content(message.build())
        try:
            self._socket.sendto(bundle.build().dgram, self._to)
        except OSError:
            return  # full, no route, or refused: the next frame is newer anyway

    def close(self) -> None:
        self._socket.close()


def _osc() -> "tuple[type[OscBundleBuilder], Any, int]":
    try:
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
        from pythonosc.osc_message_builder import OscMessageBuilder
    except ImportError as error:
        raise missing_extra("sending OSC and VMC", "python-osc", "live") from error
    return OscBundleBuilder, OscMessageBuilder, IMMEDIATELY


class Osc:
    """Sends all people by OSC: where each joint is in the world, and its confidence."""

    def __init__(self, udp: Udp, skeleton: Skeleton) -> None:
        self._udp, self._joints = udp, skeleton.joints

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        seen = [person for person in frame.people if person.seen]
        self._udp.send(
            [
                ("/tcpformer/frame", [float(frame.time), len(seen)]),
                *(message for person in seen for message in self._messages(person)),
            ]
        )

    def _messages(self, person: LivePerson) -> list[Message]:
        rows = np.column_stack([person.xyz, person.confidence]).tolist()
        return [
            (f"/tcpformer/person/{person.id}/{joint}", row)
            for joint, row in zip(self._joints, rows, strict=True)
        ]

    def close(self) -> None:
        self._udp.close()


class Vmc:
    """Sends one person by VMC: the one in front of the camera for longest, until they are gone."""

    def __init__(self, udp: Udp, skeleton: Skeleton) -> None:
        self._udp, self._skeleton = udp, skeleton
        self._person: int | None = None
        self._rig = LiveRig(skeleton, "vrm")

    def send(self, frame: LiveFrame, image: Image | None = None) -> None:
        person = self._choose(frame.people)
        status: list[Message] = [
            ("/VMC/Ext/OK", [1, 3, 0, int(person is not None and person.seen)]),
            ("/VMC/Ext/T", [float(frame.time)]),
        ]
        if person is None:
            self._udp.send(status)
            return
        rig = self._rig(person.xyz, person.confidence, frame.time)
        self._udp.send([*status, *vmc_messages(rig)])

    def _choose(self, people: Sequence[LivePerson]) -> LivePerson | None:
        known = {person.id: person for person in people}
        if self._person not in known:
            seen = [number for number, person in known.items() if person.seen]
            self._person = min(seen, default=None)
            self._rig = LiveRig(self._skeleton, "vrm")
        return None if self._person is None else known[self._person]

    def close(self) -> None:
        self._udp.close()


def vmc_messages(rig: RiggedMotion) -> list[Message]:
    """Return the messages of VMC that pose a humanoid as a rig with VRM's names is."""
    positions = rig.offsets.copy()
    positions[0] = rig.root[0]
    rows = np.concatenate([to_unity(positions), turn_to_unity(rig.rotations[0])], axis=1).tolist()
    return [
        ("/VMC/Ext/Root/Pos", ["root", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        *(
            ("/VMC/Ext/Bone/Pos", [name[0].upper() + name[1:], *row])
            for name, row in zip(rig.bones, rows, strict=True)
        ),
    ]


def to_unity(xyz: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Return places of the rig in Unity's axes."""
    return xyz * [-1, 1, 1]


def turn_to_unity(turns: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
    """Return quaternions x, y, z, w of the rig in Unity's axes."""
    return turns * [1, -1, -1, 1]
