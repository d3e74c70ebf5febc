"""Counters and latencies of the exchanges, in the text format of Prometheus."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator

from azdicom_proxy.exchanges import Exchange

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int, str]] = Counter()
        self._latencies: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._received_bytes = 0
        self._sent_bytes = 0
        self._misses: Counter[str] = Counter()

    def add(self, exchange: Exchange) -> None:
        route = exchange.route
        self._requests[route, exchange.status, exchange.source.value] += 1
        self._received_bytes += exchange.received_bytes
        self._sent_bytes += exchange.sent_bytes
        buckets = self._latencies.setdefault(route, [0] * (len(BUCKETS_S) + 1))
        buckets[bisect_left(BUCKETS_S, exchange.duration_s)] += 1
        self._seconds[route] = self._seconds.get(route, 0.0) + exchange.duration_s
        if exchange.verdict == "cassette-miss":
            self._misses[exchange.recording] += 1

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _head("azdicom_requests_total", "counter", "Exchanges by route, status and who answered.")
        for (route, status, source), count in sorted(self._requests.items()):
            yield f"azdicom_requests_total{_labels(route=route, status=str(status), source=source)} {count}"
        yield from _head("azdicom_received_bytes_total", "counter", "Bytes of request bodies.")
        yield f"azdicom_received_bytes_total {self._received_bytes}"
        yield from _head("azdicom_sent_bytes_total", "counter", "Bytes of response bodies.")
        yield f"azdicom_sent_bytes_total {self._sent_bytes}"
        yield from _head("azdicom_misses_total", "counter", "Requests that a cassette had no answer to.")
        for recording, count in sorted(self._misses.items()):
            yield f"azdicom_misses_total{_labels(recording=recording)} {count}"
        yield from _head("azdicom_request_seconds", "histogram", "Seconds from request to the end of the answer.")
        for route, buckets in sorted(self._latencies.items()):
            yield from self._histogram(route, buckets)

    def _histogram(self, route: str, buckets: Iterable[int]) -> Iterator[str]:
        total = 0
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), buckets, strict=True):
            total += count
            yield f"azdicom_request_seconds_bucket{_labels(route=route, le=bound)} {total}"
        yield f"azdicom_request_seconds_sum{_labels(route=route)} {self._seconds[route]:.6f}"
        yield f"azdicom_request_seconds_count{_labels(route=route)} {total}"


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
