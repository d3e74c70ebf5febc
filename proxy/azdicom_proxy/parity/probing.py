"""Runs the probes against a service and says which settings make the emulator answer as it does."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from azdicom_emulator.settings import QUIRKS
from azdicom_proxy.parity.probe_service import ProbeFailedError, ProbeService
from azdicom_proxy.parity.probes import PROBES, Probe
from azdicom_proxy.parity.sides import Side


@dataclass(frozen=True, slots=True)
class Finding:
    """value: the reading that the service follows; None where it was not found out, for `reason`."""

    quirk: str
    value: str | None
    reason: str = ""

    @property
    def is_default(self) -> bool:
        return self.value == QUIRKS[self.quirk].default

    def as_json(self) -> dict[str, object]:
        return {
            "quirk": self.quirk,
            "question": QUIRKS[self.quirk].summary,
            "value": self.value,
            "default": QUIRKS[self.quirk].default,
            "reason": self.reason,
        }


async def probe(
    side: Side,
    probes: Iterable[Probe] = PROBES,
    *,
    may_change_service: bool = True,
    on_finding: Callable[[Finding], None] = lambda finding: None,
) -> list[Finding]:
    """One finding for each probe. may_change_service: also ask what takes an extended query tag of its own.

    Raises UpstreamError, TokenUnavailableError.
    """
    findings = []
    for each in probes:
        finding = await _find(side, each, may_change_service=may_change_service)
        on_finding(finding)
        findings.append(finding)
    return findings


def settings_of(findings: Iterable[Finding]) -> Iterator[str]:
    """The options of `azdicom serve` that follow from the findings; none where all are the defaults."""
    for finding in findings:
        if finding.value is not None and not finding.is_default:
            yield f"--quirk {finding.quirk}={finding.value}"


async def _find(side: Side, probe: Probe, *, may_change_service: bool) -> Finding:
    if probe.ask is None:
        return Finding(probe.quirk, None, probe.why_not)
    if probe.changes_service and not may_change_service:
        return Finding(probe.quirk, None, "adds an extended query tag, which was not allowed")
    service = ProbeService(side)
    try:
        return Finding(probe.quirk, await probe.ask(service))
    except ProbeFailedError as error:
        return Finding(probe.quirk, None, str(error))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        return Finding(probe.quirk, None, f"the answer has not the shape that was expected ({error!r})")
    finally:
        await service.clean_up()
