"""Senders: what receivers of the formats decode."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from live_people import frame_of, person_of
from scipy.spatial.transform import Rotation
from walk26 import walk26

from tcpformer.io.rig import forward_kinematics
from tcpformer.io.rig_live import LiveRig
from tcpformer.io.rig_names import BONES
from tcpformer.serve.live import LiveFrame, LivePerson
from tcpformer.serve.send import JsonLines, Osc, Udp, Vmc, open_sender, parse_address, to_unity
from tcpformer.skeleton import BODY_26

osc_bundle = pytest.importorskip("pythonosc.osc_bundle", reason="python-osc is not installed")

PARENT = {bone.vrm: next((b.vrm for b in BONES if b.mixamo == bone.parent), "") for bone in BONES}


@dataclass
class Receiver:
    """A stand-in for a program that receives OSC."""

    socket: socket.socket
    port: int = 0
    messages: list[tuple[str, list]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.port = self.socket.getsockname()[1]

    def take(self) -> dict[str, list[list]]:
        """Return the values of the messages of one datagram, by address."""
        found: dict[str, list[list]] = {}
        for message in osc_bundle.OscBundle(self.socket.recv(65536)):
            found.setdefault(message.address, []).append(message.params)
        return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        yield Receiver(opened)


def unity_heads(bones: list[list]) -> dict[str, np.ndarray]:
    """Return where Unity puts the bones: quaternions act alike in axes of either hand."""
    local = {name[0].lower() + name[1:]: np.array(values) for name, *values in bones}
    heads: dict[str, np.ndarray] = {}
    turns: dict[str, Rotation] = {}
    for bone in BONES:
        place, turn = local[bone.vrm][:3], Rotation.from_quat(local[bone.vrm][3:])
        above = PARENT[bone.vrm]
        heads[bone.vrm] = heads[above] + turns[above].apply(place) if above else place
        turns[bone.vrm] = turns[above] * turn if above else turn
    return heads


def raise_left_hand(person: LivePerson) -> LivePerson:
    xyz = person.xyz.copy()
    shoulder, elbow, wrist, hand = BODY_26.indices("LShoulder", "LElbow", "LWrist", "LHand")
    for joint, height in ((elbow, 0.28), (wrist, 0.53), (hand, 0.6)):
        xyz[joint] = xyz[shoulder] + [0.02, 0, height]
    return replace(person, xyz=xyz)


def test_vmc_puts_the_raised_left_hand_up_and_left_in_unity(receiver: Receiver) -> None:
    sender = Vmc(Udp("127.0.0.1", receiver.port), BODY_26)
    person = raise_left_hand(person_of(walk26(1), 0))  # looks at the camera
    sender.send(LiveFrame(1.5, (person,)))
    sender.close()
    got = receiver.take()
    heads = unity_heads(got["/VMC/Ext/Bone/Pos"])
    assert heads["leftHand"][1] > heads["head"][1] > heads["rightHand"][1]
    # Unity: x is to the right of one who looks along z.
    assert heads["leftHand"][0] < heads["hips"][0] < heads["rightHand"][0]
    assert heads["leftToes"][2] > heads["leftFoot"][2]


def test_vmc_bones_are_the_mirror_image_of_the_rig(receiver: Receiver) -> None:
    sender, rig = Vmc(Udp("127.0.0.1", receiver.port), BODY_26), LiveRig(BODY_26)
    motion = walk26(9)
    for k in range(9):
        person = person_of(motion, k)
        sender.send(LiveFrame(k / 30, (person,)))
        expected = to_unity(forward_kinematics(rig(person.xyz, person.confidence, k / 30))[0])
        heads = unity_heads(receiver.take()["/VMC/Ext/Bone/Pos"])
        np.testing.assert_allclose(list(heads.values()), expected, atol=1e-5)
    sender.close()


def test_vmc_frame_is_one_bundle_with_unitys_names(receiver: Receiver) -> None:
    sender = Vmc(Udp("127.0.0.1", receiver.port), BODY_26)
    sender.send(frame_of(walk26(1), 0))
    sender.close()
    got = receiver.take()
    assert got["/VMC/Ext/OK"] == [[1, 3, 0, 1]]
    assert got["/VMC/Ext/T"] == [[0.0]]
    assert got["/VMC/Ext/Root/Pos"] == [["root", 0, 0, 0, 0, 0, 0, 1]]
    names = {row[0] for row in got["/VMC/Ext/Bone/Pos"]}
    assert names >= {"Hips", "Spine", "Chest", "UpperChest", "LeftUpperArm", "RightLowerLeg"}
    assert all(len(row) == 8 for row in got["/VMC/Ext/Bone/Pos"])


def test_vmc_keeps_to_one_person_until_they_are_gone(receiver: Receiver) -> None:
    sender, motion = Vmc(Udp("127.0.0.1", receiver.port), BODY_26), walk26(4)
    a, b = person_of(motion, 0), replace(person_of(motion, 0), id=4)
    tall = replace(b, xyz=b.xyz + np.array([0.0, 0.0, 1.0]))
    heights = []
    for k, people in enumerate([(tall,), (a, tall), (a,), ()]):
        sender.send(LiveFrame(k / 30, people))
        bones = receiver.take().get("/VMC/Ext/Bone/Pos")
        heights.append(None if bones is None else round(bones[0][2], 1))
    sender.close()
    low = heights[2]
    assert low is not None
    assert heights == [low + 1, low + 1, low, None]


def test_osc_has_each_joint_of_each_person(receiver: Receiver) -> None:
    sender = Osc(Udp("127.0.0.1", receiver.port), BODY_26)
    frame = frame_of(walk26(3), 2, people=2)
    sender.send(frame)
    sender.close()
    got = receiver.take()
    assert got["/tcpformer/frame"] == [[pytest.approx(2 / 30), 2]]
    row = [*frame.people[1].xyz[BODY_26.index["LWrist"]], 1.0]
    assert got["/tcpformer/person/1/LWrist"] == [pytest.approx(row, abs=1e-5)]
    assert len(got) == 1 + 2 * len(BODY_26.joints)


def test_json_lines_are_the_frame(tmp_path: Path) -> None:
    frame = frame_of(walk26(1), 0)
    sender = open_sender(f"jsonl:{tmp_path / 'a.jsonl'}", BODY_26, print)
    sender.send(frame)
    sender.send(frame)
    sender.close()
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    (person,) = json.loads(lines[1])["people"]
    np.testing.assert_allclose(person["xyz"], frame.people[0].xyz, atol=1e-4)
    assert person["sigma"] is None


def test_json_lines_go_where_they_are_written() -> None:
    lines: list[str] = []
    JsonLines(lines.append).send(LiveFrame(0.5, ()))
    assert lines == ['{"time":0.5,"people":[]}']


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("vmc://127.0.0.1", ("vmc", "127.0.0.1", 39539)),
        ("osc://studio.local:9001", ("osc", "studio.local", 9001)),
        ("ws://[::1]:8000", ("ws", "::1", 8000)),
    ],
)
def test_parse_address(address: str, expected: tuple[str, str, int]) -> None:
    assert parse_address(address) == expected


@pytest.mark.parametrize(
    "address",
    ["", "vmc", "vmc://", "udp://a:1", "osc://a:0", "osc://a:99999", "ws://a:1/path", "osc://a:x"],
)
def test_address_of_another_kind_raises(address: str) -> None:
    with pytest.raises(ValueError, match="expected --send to be vmc"):
        open_sender(address, BODY_26, print)


def test_host_that_is_not_known_raises() -> None:
    with pytest.raises(OSError, match="no host that this machine knows"):
        Udp("no-such-host.invalid", 1)


def test_receiver_that_is_gone_stops_nothing() -> None:
    sender = Osc(Udp("127.0.0.1", 9), BODY_26)
    for _ in range(3):
        sender.send(LiveFrame(0.0, ()))
    sender.close()
