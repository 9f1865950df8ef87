"""How much people count: by how long and surely they are seen."""

from dataclasses import replace

import numpy as np
import pytest
from motions import walk

from tcpformer.motion import Motion3D
from tcpformer.world.trust import TRUST, trust_people


def seen_for(seconds: float, confidence: float = 1.0, total: int = 120) -> Motion3D:
    """Return a walk of which only a part is seen."""
    valid = np.arange(total) < round(30 * seconds)
    return replace(walk(total), valid=valid, confidence=np.full((total, 17), confidence))


def test_trust_people_of_one_person_is_full() -> None:
    for seconds, confidence in ((4.0, 1.0), (0.1, 0.2), (0.0, 1.0)):
        assert trust_people([seen_for(seconds, confidence)]).tolist() == [1.0]
    assert trust_people([]).size == 0


def test_trust_people_grows_with_time_and_confidence() -> None:
    times = trust_people([seen_for(s) for s in (0.2, 0.6, 1.2, 2.5, 3.0)])
    surely = trust_people([seen_for(4.0), *(seen_for(1.0, c) for c in (0.1, 0.3, 0.5))])
    assert (np.diff(times) > 0).all()
    assert (np.diff(surely[1:]) > 0).all()
    assert times[-1] == 1
    assert times[3] > 0.6


def test_trust_people_hardly_counts_a_brief_unsure_person() -> None:
    assert trust_people([seen_for(3.0), seen_for(0.6, 0.3)])[1] < 0.02
    assert trust_people([seen_for(3.0), seen_for(0.6)])[1] < TRUST.least


def test_trust_people_counts_brief_people_of_a_brief_clip_alike() -> None:
    np.testing.assert_allclose(trust_people([seen_for(0.5), seen_for(0.5)]), [1, 1])


@pytest.mark.parametrize("sure", [0.5, 0.8, 1.0])
def test_trust_people_does_not_prefer_the_surest(sure: float) -> None:
    np.testing.assert_allclose(trust_people([seen_for(2.0), seen_for(2.0, sure)]), [1, 1])
