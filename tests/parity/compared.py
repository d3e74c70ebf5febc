"""Made-up outcomes of comparisons, for tests of what becomes of them."""

import json
from typing import Any

from azdicom_proxy.cassette.model import Headers, Inline, RecordedRequest, RecordedResponse
from azdicom_proxy.parity.model import Compared, Difference, Pair, Severity, Verdict
from azdicom_proxy.parity.rules import verdict_of

URL = "http://127.0.0.1:8080/v2"
JSON_HEADERS: Headers = (("Content-Type", "application/dicom+json"),)


def a_difference(
    at: str = "dicom:[*].00080060", kind: str = "value", severity: Severity = Severity.BREAKING, **given: Any
) -> Difference:
    values = {"text": "another value", "upstream": "MR", "local": "CT", "where": at.replace("*", "1.2.3")}
    return Difference(**{"severity": severity, "at": at, "kind": kind, **values, **given})


def outcome(
    *differences: Difference,
    route: str = "GET /studies",
    path: str = "/studies",
    headers: Headers = (("Accept", "application/dicom+json"),),
    upstream: Any = ({"00080060": {"vr": "CS", "Value": ["MR"]}},),
    local: Any = ({"00080060": {"vr": "CS", "Value": ["CT"]}},),
    facts: tuple[int, int, int] = (10, 10, 9),
    identifier: str = "search-0001",
    verdict: Verdict | None = None,
    **given: Any,
) -> Compared:
    """facts: the upstream's, the local side's, and those that are the same."""
    pair = Pair(
        id=identifier,
        route=route,
        request=RecordedRequest(route.partition(" ")[0], f"{URL}{path}", headers),
        upstream=RecordedResponse(200, "OK", JSON_HEADERS, Inline(json.dumps(upstream).encode())),
        local=RecordedResponse(200, "OK", JSON_HEADERS, Inline(json.dumps(local).encode())),
        upstream_ms=given.pop("upstream_ms", 10.0),
        local_ms=given.pop("local_ms", 2.0),
    )
    return Compared(
        pair=pair,
        verdict=verdict or verdict_of(each.severity for each in differences),
        differences=differences,
        facts_upstream=facts[0],
        facts_local=facts[1],
        facts_same=facts[2],
        **given,
    )
