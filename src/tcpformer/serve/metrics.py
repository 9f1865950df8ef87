"""Figures of the service in the form of Prometheus: counts and sizes, nothing of a person."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .jobs import JobStore
from .live_socket import LiveCounts
from .workers import WorkerPool


class ServiceCollector(Collector):
    """Reads the figures when they are requested."""

    def __init__(self, store: JobStore, pool: WorkerPool, live: LiveCounts) -> None:
        self.store, self.pool, self.live = store, pool, live

    def describe(self) -> list[Metric]:
        """Return nothing: names are known when they are read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all figures."""
        jobs = GaugeMetricFamily("tcpformer_jobs", "Jobs by state.", labels=["state"])
        for state, number in self.store.counts().items():
            jobs.add_metric([state], number)
        ended = CounterMetricFamily(
            "tcpformer_jobs_ended", "Jobs that ended since the start, by state.", labels=["state"]
        )
        for state in ("done", "failed"):
            ended.add_metric([state], self.pool.ended[state])
        replaced = CounterMetricFamily(
            "tcpformer_workers_replaced", "Workers replaced, by reason.", labels=["reason"]
        )
        for reason in ("died", "time", "memory", "cancelled", "start"):
            replaced.add_metric([reason], self.pool.replaced[reason])
        yield from (jobs, ended, replaced)
        for name, text, value in (
            ("tcpformer_job_seconds", "Seconds spent on jobs that ended.", self.pool.seconds),
            ("tcpformer_live_frames", "Frames received on live sockets.", self.live.received),
            ("tcpformer_live_answers", "Frames answered on live sockets.", self.live.answered),
            ("tcpformer_live_seconds", "Seconds from frame to answer.", self.live.seconds),
        ):
            yield CounterMetricFamily(name, text, value=value)
        yield GaugeMetricFamily("tcpformer_workers_ready", "Workers.", value=self.pool.ready)
        yield GaugeMetricFamily("tcpformer_live_open", "Live sockets.", value=self.live.open)


def make_registry(store: JobStore, pool: WorkerPool, live: LiveCounts) -> CollectorRegistry:
    """Return a registry of the figures of one service and of its process."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(store, pool, live))
    ProcessCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """Return the figures as text."""
    return generate_latest(registry)
