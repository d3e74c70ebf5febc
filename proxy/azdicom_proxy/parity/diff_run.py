"""What a proxy in diff mode has found: outcomes counted as they come, and told on request."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from azdicom_emulator.admin.metrics import Gauge
from azdicom_proxy.parity.model import Compared
from azdicom_proxy.parity.results import Results
from azdicom_proxy.parity.shadow import Shadow
from azdicom_proxy.settings import ProxySettings

Labels = tuple[tuple[str, str], ...]


class DiffRun:
    """shadow: gets the exchanges. Outcomes come from its thread, questions from the clients' loop."""

    def __init__(self, settings: ProxySettings, *, spool: Path) -> None:
        self.results = Results()
        self.shadow = Shadow(settings, self._tell, spool=spool)
        self._lock = Lock()
        self._differences: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()

    async def close(self) -> None:
        """Returns when everything is compared."""
        await self.shadow.close()

    def as_json(self) -> dict[str, Any]:
        """The result until now, as the report in JSON has it."""
        with self._lock:
            return self.results.as_json()

    def gauges(self) -> tuple[Gauge, ...]:
        """For the metrics: differences by severity, exchanges by verdict, and how many wait."""
        return (
            Gauge(
                "azdicom_differences_total",
                "Differences between the upstream and the local side, by severity.",
                lambda: _labelled("severity", self._differences),
                "counter",
            ),
            Gauge(
                "azdicom_compared_total",
                "Exchanges in diff mode, by what became of them.",
                lambda: _labelled("verdict", self._outcomes),
                "counter",
            ),
            Gauge(
                "azdicom_diff_queue_length",
                "Exchanges that wait to be compared, or are being compared.",
                lambda: {(): self.shadow.waiting},
            ),
        )

    def _tell(self, compared: Compared) -> None:
        with self._lock:
            self.results.add(compared)
            self._outcomes[compared.verdict] += 1
            self._differences.update(difference.severity for difference in compared.differences)


def _labelled(name: str, counts: Counter[str]) -> Mapping[Labels, float]:
    return {((name, str(label)),): count for label, count in sorted(counts.items())}
