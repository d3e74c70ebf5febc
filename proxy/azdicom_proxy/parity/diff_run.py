"""What a proxy in diff mode has found: outcomes counted as they come, and told on request."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from azdicom_emulator.admin.metrics import Gauge
from azdicom_proxy.parity.learning import Learning
from azdicom_proxy.parity.model import Compared, Verdict
from azdicom_proxy.parity.results import Results, RunInfo
from azdicom_proxy.parity.shadow import Shadow
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.upstream.address import Address

Labels = tuple[tuple[str, str], ...]


class DiffRun:
    """shadow: gets the exchanges. Outcomes come from its thread, questions from the clients' loop."""

    def __init__(self, settings: ProxySettings, *, spool: Path) -> None:
        report = settings.report
        learning = report.learning if report is not None else Learning()
        self._learning = learning
        self.results = Results(run_of(settings), rules=report.rules if report is not None else None, noise=learning)
        self.shadow = Shadow(settings, self._tell, learning, spool=spool)
        self._lock = Lock()
        self._differences: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()

    async def close(self) -> None:
        """Returns when everything is compared."""
        await self.shadow.close()

    async def as_json(self) -> dict[str, Any]:
        """The result until now, as the report in JSON has it."""
        await self.shadow.tell_passed()
        self.results.hydrated = [resource.path for resource in self.shadow.hydrated]
        return await asyncio.to_thread(self.results.as_json)

    async def coverage_as_json(self) -> dict[str, Any]:
        """What was exercised of the service's surface."""
        coverage: dict[str, Any] = (await self.as_json())["coverage"]
        return coverage

    def noise_as_json(self) -> dict[str, Any]:
        """What was learned about the places in which the upstream differs from itself."""
        return {"learned": self._learning.as_json()}

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
                self._by_verdict,
                "counter",
            ),
            Gauge(
                "azdicom_diff_queue_length",
                "Exchanges that wait to be compared, or are being compared.",
                lambda: {(): self.shadow.waiting},
            ),
        )

    def _by_verdict(self) -> Mapping[Labels, float]:
        passed_by = Counter({Verdict.SKIPPED.value: self.shadow.passed_by})
        return _labelled("verdict", self._outcomes + passed_by)

    def _tell(self, compared: Compared) -> None:
        judged = self.results.add(compared)
        with self._lock:
            self._outcomes[judged.verdict.value] += 1
            self._differences.update(difference.severity for difference in judged.differences)


def _labelled(name: str, counts: Counter[str]) -> Mapping[Labels, float]:
    return {((name, str(label)),): count for label, count in sorted(counts.items())}


def run_of(settings: ProxySettings, source: str = "", target: Address | None = None) -> RunInfo:
    """What a report says about a run. source: where the requests came from; target: what recordings were put to."""
    local = settings.local if settings.upstream is not None else target
    return RunInfo(
        upstream=settings.upstream_alias if settings.upstream is not None else "recorded",
        local=f"{local.origin}{local.path}" if local is not None else "fresh emulator",
        source=source,
        seed=settings.seed,
        phi_shown=settings.log_phi,
    )
