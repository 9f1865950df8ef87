"""Packaged networks in ONNX Runtime: the numbers of PyTorch, without PyTorch."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tcpformer.models.checkpoint import load_weights
from tcpformer.models.uncertainty_head import WithUncertainty
from tcpformer.runtime import graph
from tcpformer.runtime.graph import GRAPH_FILE, has_graph, open_graph, set_graph_threads
from tcpformer.weights import PACKAGED, WEIGHTS_FILE, packaged_names

WITHOUT_TORCH = """
import sys
for name in ("torch", "einops", "safetensors", "onnx"):
    sys.modules[name] = None  # importing it raises ImportError
from motions import walk2d
from tcpformer import Lifter
motion = Lifter("fast")(walk2d(30))
print(motion.xyz.shape, motion.sigma is not None)
"""


def clips(name: str, count: int = 2) -> np.ndarray:
    config = load_weights(name).model.config
    shape = (count, config.frames, getattr(config, "joints", 17), 3)
    return np.random.default_rng(7).uniform(-0.5, 0.5, shape).astype(np.float32)


@pytest.mark.parametrize("name", packaged_names())
def test_graph_answers_as_the_network(name: str) -> None:
    x, model = clips(name), load_weights(name).model
    network = model if model.uncertainty is None else WithUncertainty(model)
    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    found = open_graph(name).model.answer(x)
    np.testing.assert_allclose(found[..., :3], expected[..., :3], atol=1e-5)
    np.testing.assert_allclose(np.exp(found[..., 3:]), np.exp(expected[..., 3:]), rtol=1e-3)


@pytest.mark.parametrize("name", packaged_names())
def test_graph_knows_what_the_weights_know(name: str) -> None:
    found, weights = open_graph(name), load_weights(name)
    assert (found.spec, found.name) == (weights.spec, weights.name)
    head = weights.model.uncertainty
    if head is None:
        assert found.model.uncertainty is None
        return
    assert found.model.uncertainty.region_scale == pytest.approx(float(head.region_scale))
    assert found.model.uncertainty.time_constant == pytest.approx(float(head.time_constant))
    np.testing.assert_allclose(found.model.uncertainty.prior_std, head.prior_std.numpy())


@pytest.mark.parametrize("name", packaged_names())
def test_graph_holds_no_numbers_of_its_own(name: str) -> None:
    assert (PACKAGED / name / GRAPH_FILE).stat().st_size < 600_000
    assert has_graph(name)


@pytest.mark.parametrize("file", [GRAPH_FILE, WEIGHTS_FILE])
def test_open_graph_refuses_a_changed_file(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "packaged"
    shutil.copytree(PACKAGED / "fast", copied / "fast")
    sums = {copied / "fast" / k.name: v for k, v in graph_sums().items()}
    with (copied / "fast" / file).open("r+b") as content:
        content.seek(5000)
        content.write(b"\x00\x01")
    monkeypatch.setattr(graph, "PACKAGED", copied)
    monkeypatch.setattr("tcpformer.model_files.packaged_sums", lambda: sums)
    with pytest.raises(ValueError, match="reinstall tcpformer"):
        open_graph("fast")


def graph_sums() -> dict[Path, str]:
    from tcpformer.model_files import packaged_sums

    return {path: sha for path, sha in packaged_sums().items() if path.parent.name == "fast"}


def test_set_graph_threads_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    set_graph_threads(0)  # tests before may have run a command with --threads
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert open_graph("fast").model.workers == 3
    set_graph_threads(2)
    try:
        assert open_graph("fast").model.workers == 2
    finally:
        set_graph_threads(0)


def test_lifting_works_where_torch_is_missing() -> None:
    support = str(Path(__file__).parents[1] / "support")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        env={**os.environ, "PYTHONPATH": support},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(30, 26, 3) True\n"
