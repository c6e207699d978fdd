"""What the server measures of itself, in the text format of Prometheus.

Several worker processes of one server write what they count into files of one folder (``prometheus_client``'s way, chosen by
the environment variable that :func:`shared` sets), so each of them can answer for all; what a dead one counted stays counted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from runward._version import __version__
from runward.core.clock import utc_now
from runward.governance.dispatch import Dispatcher
from runward.insights.health import seen
from runward.insights.health_model import Seen
from runward.store.migrations import LATEST

if TYPE_CHECKING:
    from runward.server.pulse import Pulse
    from runward.server.writer import Writer

# When a series began: a third more lines, for a question that nobody has.
disable_created_metrics()  # type: ignore[no-untyped-call]
MEDIA_TYPE = CONTENT_TYPE_LATEST
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALLS = (1, 2, 5, 10, 20, 50, 100)
_NO_ROUTE = "none"


class Metrics:
    """Counts for one process. Thread-safe.

    Every label has few values that are known beforehand: templates of routes, known methods, statuses, states.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._writer: Writer | None = None
        self._pulse: Pulse | None = None
        self._registry = of = CollectorRegistry()
        self._requests = Counter(
            "runward_http_requests", "Requests that were answered.", ("method", "route", "status"), registry=of
        )
        self._seconds = Histogram(
            "runward_http_request_duration_seconds",
            "From a request to the end of its answer; streams of events are left out.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=of,
        )
        self._groups = Histogram(
            "runward_writer_group_calls", "Short writes that shared one commit.", buckets=_CALLS, registry=of
        )
        self._points = Counter("runward_ingested_points", "Points of metrics that were stored.", registry=of)
        self._failures = Gauge(
            "runward_background_failing",
            "Processes in which this work failed at its last attempt.",
            ("work",),
            multiprocess_mode="livesum",
            registry=of,
        )
        self._gauges = {
            name: Gauge(f"runward_{name}", words, multiprocess_mode="livesum", registry=of)
            for name, words in (
                ("worker_processes", "Processes that serve."),
                ("writer_waiting_calls", "Short writes that wait for the commit before theirs."),
                ("database_connections", "Open connections to the database."),
                ("event_stream_clients", "Open pages that are told of changes."),
                ("resident_memory_bytes", "Memory of the processes that serve."),
            )
        }
        self._known: dict[tuple[str, str, int], Callable[[float | None], None]] = {}
        dispatcher.meters.append(self._stored)

    def watch(self, writer: Writer, pulse: Pulse) -> None:
        """Have the server's own queue and streams among what is sampled."""
        self._writer, self._pulse = writer, pulse

    def answered(self, method: str, route: str, status: int, took_s: float | None) -> None:
        """Count a request; ``took_s`` is None for one whose length says nothing."""
        key = (method, route, status)
        if (note := self._known.get(key)) is None:
            note = self._known[key] = self._noting(*key)
        note(took_s)

    def _noting(self, method: str, route: str, status: int) -> Callable[[float | None], None]:
        # Looking the labels up takes as long as counting.
        count = self._requests.labels(method, route or _NO_ROUTE, str(status)).inc
        observe = self._seconds.labels(method, route or _NO_ROUTE).observe

        def note(took_s: float | None) -> None:
            count()
            if took_s is not None:
                observe(took_s)

        return note

    def committed(self, calls: int) -> None:
        """Count a group of short writes."""
        self._groups.observe(calls)

    def _stored(self, what: str, count: int) -> None:
        if what == "points":
            self._points.inc(count)

    def sample(self) -> int:
        """Note how this process stands now; 0, as work that is done."""
        gauges = self._gauges
        gauges["worker_processes"].set(1)
        gauges["writer_waiting_calls"].set(self._writer.waiting if self._writer else 0)
        gauges["event_stream_clients"].set(self._pulse.watching if self._pulse else 0)
        gauges["database_connections"].set(self._dispatcher.database.connections())
        gauges["resident_memory_bytes"].set(_resident_bytes())
        for beat in self._dispatcher.beats.all():
            self._failures.labels(beat.work).set(0 if beat.failing_since is None else 1)
        return 0

    def scrape(self) -> bytes:
        """All that is measured, as text. It costs no more for a workspace that holds more. Raises: StoreError."""
        self.sample()
        registry = self._registry
        if folder := os.environ.get(_FOLDER):
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        now = CollectorRegistry()
        now.register(_Now(self._dispatcher))
        return generate_latest(registry) + generate_latest(now)


class _Now(Collector):
    """What is read when it is asked for: of the database, the disk and the trail's checkpoints."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def describe(self) -> list[Metric]:
        """Nothing beforehand: the database is asked once."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families."""
        build = GaugeMetricFamily("runward_build_info", "This Runward.", labels=("version", "schema"))
        build.add_metric((__version__, str(LATEST)), 1)
        yield build
        yield from _of_database(seen(self._dispatcher, utc_now()))
        disk = GaugeMetricFamily("runward_disk_free_bytes", "Free where this server keeps its files.")
        with contextlib.suppress(OSError):
            disk.add_metric((), shutil.disk_usage(self._dispatcher.folder).free)
            yield disk


def _of_database(found: Seen) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("runward_verification_jobs", "Verification jobs that are not over.", labels=("state",))
    for state, count in (("queued", found.jobs.queued), ("running", found.jobs.running)):
        jobs.add_metric((state,), count)
    yield jobs
    waiting, late = found.deliveries.waiting, found.deliveries.late_s
    yield GaugeMetricFamily("runward_deliveries_waiting", "Web hooks and messages that wait.", value=waiting)
    yield GaugeMetricFamily("runward_deliveries_late_seconds", "How long the oldest one is due.", value=late)
    audit = found.audit
    yield GaugeMetricFamily(
        "runward_audit_uncovered_events", "Events of the trail after its last checkpoint.", value=audit.uncovered
    )
    if audit.age_s is not None:
        yield GaugeMetricFamily(
            "runward_audit_checkpoint_age_seconds", "Age of the trail's last checkpoint.", value=audit.age_s
        )


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@contextlib.contextmanager
def shared() -> Iterator[Callable[[int], None]]:
    """A folder in which processes that are started meanwhile count together; yields what a process's end is told to."""
    with tempfile.TemporaryDirectory(prefix="runward-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[_FOLDER] = folder
        try:
            yield lambda pid: mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
        finally:
            del os.environ[_FOLDER]
