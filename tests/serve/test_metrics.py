"""Figures for Prometheus: those of the list, the pool and the sockets."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from stand_in_work import StandInWork

from tcpformer.serve.jobs import STATES, JobStore
from tcpformer.serve.live_socket import LiveCounts
from tcpformer.serve.metrics import make_registry, render
from tcpformer.serve.workers import PoolOptions, WorkerPool


def test_figures_are_those_of_list_pool_and_sockets(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    with store.new_folder() as folder:
        (folder / "source.mp4").write_bytes(b"secret")
        job, _ = store.add(folder / "source.mp4", {"person": "main"}, "a key", 9)
    pool = WorkerPool(store, StandInWork(), PoolOptions(workers=0))
    pool.ended["done"], pool.replaced["memory"], pool.seconds = 3, 2, 4.5
    live = LiveCounts(open=1, received=7, answered=6, seconds=0.25)
    registry = make_registry(store, pool, live)
    text = render(registry).decode()
    store.close()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert {state: found["tcpformer_jobs", state] for state in STATES} == {
        **dict.fromkeys(STATES, 0),
        "queued": 1,
    }
    assert found["tcpformer_jobs_ended_total", "done"] == 3
    assert found["tcpformer_workers_replaced_total", "memory"] == 2
    assert found["tcpformer_workers_replaced_total", "died"] == 0
    assert found["tcpformer_job_seconds_total",] == 4.5
    names = "frames", "answers", "seconds"
    assert [found[f"tcpformer_live_{name}_total",] for name in names] == [7, 6, 0.25]
    assert found["tcpformer_live_open",] == 1
    assert found["process_open_fds",] > 0
    assert not any(secret in text for secret in (job.id, "a key", "main", str(tmp_path)))


def test_registries_of_two_services_do_not_meet(tmp_path: Path) -> None:
    stores = [JobStore(tmp_path / name) for name in "ab"]
    pools = [WorkerPool(store, StandInWork(), PoolOptions(workers=0)) for store in stores]
    registries = [
        make_registry(store, pool, LiveCounts()) for store, pool in zip(stores, pools, strict=True)
    ]
    assert all(b"tcpformer_jobs" in render(registry) for registry in registries)
    for store in stores:
        store.close()
