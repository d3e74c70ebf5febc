"""Counters and latencies of exchanges, in the text format of Prometheus."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from azdicom_emulator.admin.api import Endpoint
from azdicom_emulator.admin.journal import Entry

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that is read when somebody asks. kind: gauge, or counter for what only grows.

    read: the value by its labels, as in `{(("recording", "a"),): 3}`; without labels the key is `()`.
    """

    name: str
    what: str
    read: Callable[[], Mapping[tuple[tuple[str, str], ...], float]]
    kind: str = "gauge"


class Metrics:
    """gauges: what else is told beside the exchanges."""

    def __init__(self, gauges: Iterable[Gauge] = ()) -> None:
        self._gauges = tuple(gauges)
        self._requests: Counter[tuple[str, int, str]] = Counter()
        self._latencies: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._received_bytes = 0
        self._sent_bytes = 0

    def add(self, entry: Entry) -> None:
        route = entry.route
        self._requests[route, entry.status, entry.source] += 1
        self._received_bytes += entry.received_bytes
        self._sent_bytes += entry.sent_bytes
        buckets = self._latencies.get(route)
        if buckets is None:
            buckets = self._latencies[route] = [0] * (len(BUCKETS_S) + 1)
        buckets[bisect_left(BUCKETS_S, entry.duration_s)] += 1
        self._seconds[route] = self._seconds.get(route, 0.0) + entry.duration_s

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _head("azdicom_requests_total", "counter", "Exchanges by route, status (0: none) and who answered.")
        for (route, status, source), count in sorted(self._requests.items()):
            of_request = (("route", route), ("status", str(status)), ("source", source))
            yield _sample("azdicom_requests_total", of_request, count)
        yield from _head("azdicom_received_bytes_total", "counter", "Bytes of request bodies.")
        yield _sample("azdicom_received_bytes_total", (), self._received_bytes)
        yield from _head("azdicom_sent_bytes_total", "counter", "Bytes of answers.")
        yield _sample("azdicom_sent_bytes_total", (), self._sent_bytes)
        yield from _head("azdicom_request_seconds", "histogram", "Seconds from a request to the end of its answer.")
        for route, buckets in sorted(self._latencies.items()):
            yield from self._histogram(route, buckets)
        for gauge in self._gauges:
            yield from _head(gauge.name, gauge.kind, gauge.what)
            for labels, value in gauge.read().items():
                yield _sample(gauge.name, labels, value)

    def _histogram(self, route: str, buckets: Iterable[int]) -> Iterator[str]:
        total = 0
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), buckets, strict=True):
            total += count
            yield _sample("azdicom_request_seconds_bucket", (("route", route), ("le", bound)), total)
        yield _sample("azdicom_request_seconds_sum", (("route", route),), round(self._seconds[route], 6))
        yield _sample("azdicom_request_seconds_count", (("route", route),), total)


def metrics_endpoints(metrics: Metrics) -> tuple[Endpoint, ...]:
    async def show(request: web.BaseRequest) -> web.Response:
        return web.Response(body=metrics.text().encode(), headers={"Content-Type": TEXT_FORMAT})

    return (Endpoint("GET", "metrics", show),)


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, labels: tuple[tuple[str, str], ...], value: float) -> str:
    named = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{named}}} {value}" if named else f"{name} {value}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
