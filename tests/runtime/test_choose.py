"""The choice of a runtime."""

import sys
from typing import Any

import numpy as np
import pytest
from motions import walk2d

from tcpformer import Lifter
from tcpformer.models.checkpoint import load_weights
from tcpformer.runtime import choose
from tcpformer.runtime.choose import open_for_lifting, takes_graph


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("fast", "auto", "auto", "float32"), True),
        (("default", "cpu", "auto", "float32"), True),
        (("fast", "cpu", "onnx", "float32"), True),
        (("fast", "cpu", "torch", "float32"), False),
        (("fast", "cpu", "openvino", "float32"), False),
        (("fast", "cuda", "auto", "float32"), False),
        (("fast", "cpu", "auto", "bfloat16"), False),
        (("folder/of/weights", "cpu", "auto", "float32"), False),
    ],
)
def test_takes_graph(
    arguments: tuple[Any, ...], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "may_have_gpu", lambda: False)
    assert takes_graph(*arguments) is expected


def test_takes_graph_leaves_a_possible_gpu_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "may_have_gpu", lambda: True)
    assert not takes_graph("fast", "auto", "auto", "float32")
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
    assert takes_graph("fast", "auto", "auto", "float32")


def test_loaded_weights_stay_in_their_runtime() -> None:
    weights = load_weights("fast")
    assert open_for_lifting(weights, "cpu", "auto", "float32", 8).weights is weights


def test_runtimes_lift_alike() -> None:
    motion = walk2d(40)
    one, other = (Lifter("fast", "cpu", backend=b)(motion) for b in ("onnx", "torch"))
    np.testing.assert_allclose(one.xyz, other.xyz, atol=1e-5)
    assert one.sigma is not None
    assert other.sigma is not None
    np.testing.assert_allclose(one.sigma, other.sigma, atol=1e-4)


def test_missing_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"tcpformer\[torch\]") as error:
        open_for_lifting("fast", "cpu", "torch", "float32", 8)
    assert sys.executable in str(error.value)


def test_keep_packaged_opens_each_choice_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_kept", None)
    first = Lifter("fast", "cpu")
    choose.keep_packaged()
    second, third = Lifter("fast", "cpu"), Lifter("fast", "cpu", flip=False)
    assert first.model is not second.model
    assert second.model is third.model
    assert Lifter("live", "cpu").model is not third.model
    motion = walk2d()
    np.testing.assert_array_equal(first(motion).xyz, second(motion).xyz)
