"""Clips on a Ray cluster of two nodes, of which one is killed; Ray needs 10 to 20 s to start."""

import sys
from collections import Counter, deque
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT, TESTS
from stand_ins import batch, job_of, lifted

from tcpformer.pipeline import LiftOptions
from tcpformer.serve.batch import lift_many
from tcpformer.serve.processes import Processes
from tcpformer.serve.ray_tasks import RayTasks, _absolute
from tcpformer.serve.report import Line
from tcpformer.serve.task import Job
from tcpformer.serve.watch import Watch

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray (the extra ray)")


class Killer(Watch):
    """Removes a node of a cluster after some clips."""

    def __init__(self, cluster: Any, node: Any, after: int) -> None:
        self.cluster, self.node, self.after = cluster, node, after

    def ended(self, line: Line, done: int, total: int) -> None:
        if done == self.after:
            self.cluster.remove_node(self.node, allow_graceful=False)


@needs_ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_tasks_survive_the_death_of_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster  # pyright: ignore[reportMissingImports]

    monkeypatch.setenv(
        "PYTHONPATH", ":".join([str(ROOT / "src"), str(TESTS / "support"), *sys.path])
    )
    texts = {f"clip {i:02d}": "sleep 2" for i in range(10)} | {"poor": "bad film"}
    tasks, job = batch(tmp_path, texts), job_of(tmp_path)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        second = cluster.add_node(num_cpus=2)
        cluster.wait_for_nodes()
        summary = lift_many(job, tasks, RayTasks(cluster.address), Killer(cluster, second, 3))
    finally:
        cluster.shutdown()
    assert summary.counts["done"] + summary.counts["present"] == 10
    assert summary.counts["failed"] == 1
    assert Counter(lifted(tmp_path)) == Counter(
        name for name in "".join(f"clip {i:02d} " for i in range(10)).split()
    )
    again = lift_many(job, tasks, Processes())
    assert again.counts == Counter(present=10, failed=1)


def test_ray_tasks_name_the_extra(tmp_path: Path) -> None:
    if find_spec("ray") is not None:
        pytest.skip("Ray is installed")
    with pytest.raises(ImportError, match=r"tcpformer\[ray\]"):
        list(RayTasks("auto")(job_of(tmp_path), deque(batch(tmp_path, {"a": "x"})), Watch()))


def test_absolute_paths_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    options = LiftOptions(camera=Path("lens.toml"), weights="mine")
    job = _absolute(Job(out=Path("out"), options=options, weights="", lift=job_of(tmp_path).lift))
    assert job.out == tmp_path / "out"
    assert job.options.camera == tmp_path / "lens.toml"
    assert job.options.weights == str(tmp_path / "mine")
    assert _absolute(job_of(tmp_path)).options == LiftOptions()
