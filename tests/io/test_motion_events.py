"""Contacts and events of the feet."""

from dataclasses import replace

import numpy as np
from motions import walk
from walk26 import STANCE, walk26

from tcpformer.io.motion_events import find_contacts, find_events
from tcpformer.skeleton import GROUPS


def test_find_events_are_those_of_the_strides() -> None:
    events = find_events(walk26(120))
    assert [event.time for event in events] == sorted(event.time for event in events)
    strikes = {
        s: [e.time for e in events if e[1:] == (s, "foot strike")] for s in ("left", "right")
    }
    for times in strikes.values():
        assert len(times) >= 3
        np.testing.assert_allclose(np.diff(times), 1.0, atol=0.05)
    apart = (strikes["left"][1] - strikes["right"][1]) % 1.0
    assert abs(apart - 0.5) < 0.1


def test_find_contacts_share_is_that_of_the_stance() -> None:
    contacts = find_contacts(walk26(300, fps=31.0, speed=0.8))[60:240]
    assert set(np.unique(contacts)) == {0.0, 1.0}
    np.testing.assert_allclose(contacts.mean(axis=0), STANCE, atol=0.12)


def test_find_contacts_are_unknown_without_feet() -> None:
    motion = walk26(60)
    confidence = motion.confidence.copy()
    confidence[:, GROUPS["feet"]] = 0.0
    for each in (walk(60), replace(motion, confidence=confidence)):
        assert np.isnan(find_contacts(each)).all()
        assert find_events(each) == []


def test_find_contacts_are_unknown_in_bridged_frames() -> None:
    motion = walk26(90)
    valid = motion.valid.copy()
    valid[40:50] = False
    contacts = find_contacts(replace(motion, valid=valid))
    assert np.isnan(contacts[40:50]).all()
    assert not np.isnan(contacts[10:40]).any()
