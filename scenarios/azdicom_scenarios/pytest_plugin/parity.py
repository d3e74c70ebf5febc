"""Asserts that the emulator answers as the upstream did."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from azdicom_proxy.cassette.model import Empty, Inline, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.parity.model import Pair, Severity, Verdict
from azdicom_scenarios.pytest_plugin.emulator import Answer, DicomEmulator
from azdicom_scenarios.pytest_plugin.proxies import DicomProxy

ACCEPTED = (Verdict.SAME, Verdict.MINOR)


@dataclass(frozen=True, slots=True)
class DicomParity:
    """`upstream` answers from the snapshot, or from the service while the snapshot is taken."""

    emulator: DicomEmulator
    upstream: DicomProxy

    def check(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The emulator's answer to a request; target: `/v2/studies?PatientID=P-1`.

        Raises AssertionError with each difference that a client could notice, and where the snapshot has no answer.
        """
        from azdicom_proxy.parity.compare import compare

        expected = DicomEmulator(self.upstream.url).request(method, target, headers=headers, body=body)
        if expected.headers.get("x-azdicom-error"):
            raise AssertionError(expected.content.decode("utf-8", "replace"))
        actual = self.emulator.request(method, target, headers=headers, body=body)
        sent = RecordedRequest(
            method, f"{self.upstream.url}{target}", tuple((headers or {}).items()), Inline(body) if body else Empty()
        )
        found = compare(
            Pair(
                id=f"{method} {target}",
                route=route_of(method, urlsplit(sent.uri).path),
                request=sent,
                upstream=_recorded(expected),
                local=_recorded(actual),
            )
        )
        if found.verdict not in ACCEPTED:
            lines = [
                f"{difference.text}: upstream {difference.upstream}, emulator {difference.local}"
                for difference in found.differences
                if difference.severity is Severity.BREAKING
            ]
            raise AssertionError(f"{method} {target} is not answered as by the upstream:\n  " + "\n  ".join(lines))
        return actual


def _recorded(answer: Answer) -> RecordedResponse:
    body = Inline(answer.content) if answer.content else Empty()
    return RecordedResponse(answer.status, "", tuple(answer.headers.items()), body)
