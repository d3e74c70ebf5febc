"""What is told of each exchange when it has ended: a journal entry, counters, and a line in the log."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from azdicom_emulator.admin.journal import Entry, Journal
from azdicom_emulator.admin.masking import masked_target
from azdicom_emulator.admin.metrics import Gauge, Metrics
from azdicom_proxy.exchanges import Exchange
from azdicom_proxy.headers import decoded
from azdicom_proxy.upstream.head import RawHeaders

MISS = "cassette-miss"

log = logging.getLogger("azdicom.exchange")


@dataclass(slots=True)
class Lines:
    """Header lines that become text when somebody looks at them."""

    raw: RawHeaders

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(decoded(self.raw))


class Observer:
    """with_personal: values of queries that name a person are shown. gauges: what else the metrics tell."""

    def __init__(self, *, with_personal: bool, gauges: Iterable[Gauge] = ()) -> None:
        self.journal = Journal(with_personal=with_personal)
        self._misses: Counter[str] = Counter()
        self.metrics = Metrics(
            [
                Gauge(
                    "azdicom_misses_total",
                    "Requests that a cassette had no answer to.",
                    lambda: {(("recording", name),): count for name, count in sorted(self._misses.items())},
                    "counter",
                ),
                *gauges,
            ]
        )
        self._with_personal = with_personal

    def add(self, exchange: Exchange) -> None:
        entry = _entry(exchange)
        self.journal.add(entry)
        self.metrics.add(entry)
        if exchange.verdict == MISS:
            self._misses[exchange.recording] += 1
        if log.isEnabledFor(logging.INFO):
            self._log(exchange)

    def _log(self, exchange: Exchange) -> None:
        log.info(
            "%s %s %s %d %s %d/%d bytes %.1f ms %s%s",
            exchange.recording,
            exchange.method,
            masked_target(exchange.target, with_personal=self._with_personal),
            exchange.status,
            exchange.source.value,
            exchange.received_bytes,
            exchange.sent_bytes,
            exchange.duration_s * 1000,
            exchange.verdict or "-",
            f" fault: {exchange.fault}" if exchange.fault else "",
            extra={
                "request_id": exchange.id,
                "method": exchange.method,
                "path": exchange.target.partition("?")[0],
                "status": exchange.status,
                "duration_ms": round(exchange.duration_s * 1000, 1),
                **({"fault": exchange.fault} if exchange.fault else {}),
            },
        )


def _entry(exchange: Exchange) -> Entry:
    return Entry(
        id=exchange.id,
        method=exchange.method,
        target=exchange.target,
        base_url=f"{exchange.request.scheme}://{exchange.request.host}{exchange.prefix}",
        route=exchange.route,
        status=exchange.status,
        source=exchange.source.value,
        fault=exchange.fault or None,
        recording=exchange.recording,
        verdict=exchange.verdict,
        started_at=exchange.started_at,
        duration_s=exchange.duration_s,
        first_byte_s=exchange.first_byte_s or None,
        received_bytes=exchange.received_bytes,
        sent_bytes=exchange.sent_bytes,
        request_headers=Lines(exchange.headers),
        response_headers=Lines(exchange.response_headers),
    )
