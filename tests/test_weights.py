"""What weights are: the spec without their numbers."""

import subprocess
import sys

import pytest

from tcpformer.weights import RELEASED, Weights, WeightsSpec, read_spec, weights_spec


@pytest.mark.parametrize(
    "wrong",
    [
        {"fps": 0.0},
        {"frame_step": 0},
        {"last_frames": -1},
        {"last_frames": 10_000},
    ],
)
def test_spec_refuses_what_it_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WeightsSpec(**wrong)  # type: ignore[arg-type]


def test_read_spec_knows_old_names_and_files_without_live_use() -> None:
    spec = read_spec({"rule": "aimed", "spacing": 4, "fps": 50.0})
    assert spec == WeightsSpec(frame_step=4)
    assert spec is not None
    assert spec.last_frames == 0
    assert read_spec(None) is None


def test_weights_spec_is_their_own_or_that_of_a_protocol() -> None:
    own = Weights(None, WeightsSpec(fps=30.0), "own")
    assert weights_spec(own, None).fps == 30.0
    assert weights_spec(Weights(None, None, "released"), "3dhp") is RELEASED["3dhp"]
    for weights, protocol in ((own, "3dhp"), (Weights(None, None, "released"), None)):
        with pytest.raises(ValueError, match="checkpoint_protocol"):
            weights_spec(weights, protocol)


def test_weights_need_no_torch() -> None:
    code = "import sys, tcpformer.weights; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
