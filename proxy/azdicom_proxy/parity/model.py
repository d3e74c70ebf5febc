"""What a parity run deals in: pairs of answers to one request, and the differences between them."""

from dataclasses import dataclass
from enum import StrEnum

from azdicom_proxy.cassette.model import RecordedRequest, RecordedResponse


class Severity(StrEnum):
    """How bad a difference is, worst first (docs/parity.md)."""

    BREAKING = "breaking"
    MINOR = "minor"
    NOISE = "noise"


class Verdict(StrEnum):
    """What became of a pair: its worst difference, or why it was not compared."""

    SAME = "same"
    MINOR = "minor"
    BREAKING = "breaking"
    UNSEEDED = "unseeded"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two answers to one request. id: names the exchange in reports; route: `GET /studies/{study}`.

    Bodies are decoded (no content coding). `request` is the one that upstream was sent. local_uri: what the local side
    was sent, "" where it is not known: then any URL of a service's resource in its answer counts as its own.
    """

    id: str
    route: str
    request: RecordedRequest
    upstream: RecordedResponse
    local: RecordedResponse
    upstream_ms: float | None = None
    local_ms: float | None = None
    local_uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One fact in which two answers differ.

    at: where, with indices and identities generalised, so that equal findings are one: `status`, `body`,
    `header:ETag`, `dicom:[*].00080060.vr`, `json:$.results.exported`, `part[*]:dicom:00100010`, `frames[*]`, `image`.
    where: the same with real indices and UIDs. kind: `missing` (local lacks it), `extra` (only local has it),
    `value`, `vr`, `type`, `order`, `pixels`, `text`, …
    text: one line for people. upstream, local: the two values as text, None where there is none.
    tag: of the attribute that is concerned, 8 hex digits, for its name beside it.
    rule: what made it noise, or changed its severity.
    """

    severity: Severity
    at: str
    kind: str
    text: str
    where: str = ""
    upstream: str | None = None
    local: str | None = None
    tag: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A pair and what was found. facts_upstream, facts_local: how many facts each answer states; facts_same: how many
    of them both state, so that recall is `facts_same / facts_upstream` and precision `facts_same / facts_local`.

    reason: why it was not compared, where the verdict is `unseeded` or `skipped`.
    """

    pair: Pair
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    facts_upstream: int = 0
    facts_local: int = 0
    facts_same: int = 0
    reason: str = ""
