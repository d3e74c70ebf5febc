"""What a run's findings add up to."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from azdicom_proxy.cassette.model import Empty, RecordedResponse
from azdicom_proxy.exit_codes import ExitCode
from azdicom_proxy.parity.coverage import known_cells
from azdicom_proxy.parity.model import Severity, Verdict
from azdicom_proxy.parity.results import Results, RunInfo
from azdicom_proxy.parity.thresholds import FailOn, Threshold
from tests.parity.compared import a_difference, outcome
from tests.parity.known_answers import cells_of_the_emulator

MINOR = a_difference("body", "text", Severity.MINOR)
NOISE = a_difference("header:ETag", "value", Severity.NOISE, rule="volatile")


def result_of(*outcomes: Any, **given: Any) -> dict[str, Any]:
    results = Results(**given)
    for each in outcomes:
        results.add(each)
    return results.as_json()


def test_equal_findings_are_one_fingerprint_with_a_count_and_some_examples() -> None:
    """Record and replay §10.2: equal findings collapse to one line with a count."""
    result = result_of(*(outcome(a_difference(), identifier=f"search-{number}") for number in range(9)), examples=3)
    (row,) = result["fingerprints"]
    assert (row["count"], row["exchanges"], row["severity"]) == (9, 9, "breaking")
    assert [example["exchange"] for example in row["examples"]] == ["search-0", "search-1", "search-2"]


def test_a_fingerprint_is_the_same_in_every_run() -> None:
    """Record and replay §10.2: a stable fingerprint of route, location and kind; values are not in it."""
    first, second = (result_of(outcome(a_difference(local=value)))["fingerprints"][0] for value in ("CT", "US"))
    assert first["fingerprint"] == second["fingerprint"] == "ce8989c0cf"
    other = result_of(outcome(a_difference(), route="GET /series"))["fingerprints"][0]
    assert other["fingerprint"] != first["fingerprint"]


def test_score_of_a_route_counts_minor_ones_half_and_leaves_out_what_was_not_compared() -> None:
    """Record and replay §10.6: (same + 0.5·minor) / compared, unseeded and skipped excluded."""
    result = result_of(
        outcome(),
        outcome(NOISE),
        outcome(MINOR),
        outcome(a_difference()),
        outcome(verdict=Verdict.UNSEEDED, reason="never passed by"),
        outcome(verdict=Verdict.SKIPPED, reason="backpressure"),
    )
    (route,) = result["routes"]
    assert (route["compared"], route["same"], route["minor"], route["breaking"]) == (4, 2, 1, 1)
    assert route["score"] == 62.5
    assert {(row["verdict"], row["reason"]) for row in result["not_compared"]} == {
        ("unseeded", "never passed by"),
        ("skipped", "backpressure"),
    }


def test_total_is_the_mean_over_the_routes() -> None:
    """Record and replay §10.6: a busy route does not drown the others."""
    result = result_of(
        *(outcome() for _ in range(9)), outcome(a_difference(), route="GET /series"), outcome(route="GET /instances")
    )
    assert result["summary"]["score"] == pytest.approx(66.67)


def test_recall_and_precision_are_told_apart() -> None:
    """Record and replay §10.6: facts in upstream's answers that local reproduces, and the other way round."""
    summary = result_of(outcome(a_difference(), facts=(10, 5, 4)))["summary"]
    assert (summary["recall"], summary["precision"]) == (40.0, 80.0)


def test_a_result_without_anything_compared_has_no_score() -> None:
    """Record and replay §10.6."""
    summary = result_of(outcome(verdict=Verdict.SKIPPED, reason="stopped"))["summary"]
    assert (summary["score"], summary["recall"], summary["compared"]) == (None, None, 0)


def test_coverage_counts_kinds_of_answers_and_names_routes_never_exercised() -> None:
    """Record and replay §10.6: routes × status classes × media types exercised out of all known."""
    empty = outcome()
    empty = replace(empty, pair=replace(empty.pair, upstream=RecordedResponse(204, "", (), Empty())))
    coverage = result_of(outcome(), empty, outcome(verdict=Verdict.UNSEEDED, route="GET /series"))["coverage"]
    assert (coverage["exercised"], coverage["known"]) == (2, len(known_cells()))
    assert coverage["routes_exercised"] == 1
    assert "GET /series" in coverage["never_exercised"]
    assert "GET /studies" not in coverage["never_exercised"]


def test_what_no_route_is_known_to_answer_does_not_raise_coverage() -> None:
    """Record and replay §10.6: out of all known."""
    coverage = result_of(outcome(route="GET /nowhere"))["coverage"]
    assert coverage["exercised"] == 0
    assert coverage["beyond_known"] == ["GET /nowhere 2xx application/dicom+json"]


def test_known_answers_are_those_of_the_emulators_routes() -> None:
    """`python -m tests.parity.known_answers` writes the table."""
    assert known_cells() == cells_of_the_emulator()


def test_latency_is_told_for_each_side_and_is_never_a_difference() -> None:
    """Record and replay §10.1: p50 and p95 side by side."""
    outcomes = [outcome(upstream_ms=float(number), local_ms=1.0) for number in range(1, 101)]
    result = result_of(*outcomes)
    assert result["latency"]["upstream"] == {"count": 100, "p50_ms": 50.0, "p95_ms": 95.0}
    assert result["latency"]["local"]["p95_ms"] == 1.0
    assert result["summary"]["score"] == 100.0


def test_outcomes_of_many_threads_are_all_counted() -> None:
    """The proxy compares in a thread of its own while others ask."""
    results = Results()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: results.add(outcome(a_difference(), identifier=str(number))), range(400)))
    result = results.as_json()
    assert result["summary"]["breaking"] == result["fingerprints"][0]["count"] == 400


@pytest.mark.parametrize(
    ("outcomes", "fail_on", "code"),
    [
        pytest.param((outcome(MINOR),), FailOn.BREAKING, ExitCode.OK, id="minor-passes-breaking"),
        pytest.param((outcome(MINOR),), FailOn.MINOR, ExitCode.FAILED, id="minor-fails-minor"),
        pytest.param((outcome(a_difference()),), FailOn.BREAKING, ExitCode.FAILED, id="breaking-fails"),
        pytest.param((outcome(a_difference()),), FailOn.NEVER, ExitCode.OK, id="never-fails"),
        pytest.param((outcome(verdict=Verdict.UNSEEDED),), FailOn.MINOR, ExitCode.OK, id="unseeded-passes-minor"),
        pytest.param((outcome(verdict=Verdict.UNSEEDED),), FailOn.ANY, ExitCode.FAILED, id="unseeded-fails-any"),
        pytest.param((outcome(NOISE),), FailOn.ANY, ExitCode.OK, id="noise-passes-any"),
    ],
)
def test_threshold_decides_the_exit_code(outcomes: tuple[Any, ...], fail_on: FailOn, code: ExitCode) -> None:
    """Record and replay §1, exit codes and --fail-on."""
    assert Threshold(fail_on=fail_on).exit_code(result_of(*outcomes)) is code


def test_score_under_the_minimum_fails_and_no_score_does_too() -> None:
    """Record and replay §1, --min-score."""
    threshold = Threshold(fail_on=FailOn.NEVER, min_score=80)
    assert threshold.exit_code(result_of(outcome(), outcome(MINOR))) is ExitCode.FAILED
    assert threshold.exit_code(result_of(outcome())) is ExitCode.OK
    assert threshold.exit_code(result_of()) is ExitCode.FAILED


HIDDEN = {
    "uri": outcome(a_difference(), path="/studies?PatientName=Planted^Person"),
    "value": outcome(a_difference("dicom:[*].00100010", upstream="Planted^Person", tag="00100010")),
    "in-a-sequence": outcome(a_difference("dicom:[*].00101002.00100020", upstream="Planted", tag="00100020")),
    "echo-in-a-message": outcome(
        a_difference("body", "text", upstream="no study of Planted^Person"), path="/studies?PatientName=Planted^Person"
    ),
    "whole-item": outcome(
        a_difference("dicom:[*]", "missing", upstream='00100010=[{"Alphabetic":"Planted^Person"}]'),
        upstream=[{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Planted^Person"}]}}],
    ),
    "data-set": outcome(
        a_difference(),
        upstream=[
            {
                "00080060": {"vr": "CS", "Value": ["MR"]},
                "00101001": {"vr": "PN", "Value": [{"Alphabetic": "Planted^Person"}]},
            }
        ],
    ),
    "text": outcome(
        a_difference("dicom:[*].00100010", tag="00100010", text="'Planted' is not 'x'", upstream="Planted")
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_no_name_of_a_patient_is_in_the_result_unless_asked_for(name: str) -> None:
    """Record and replay §11 and §16.6: personal data only if the run kept it."""
    assert "Planted" not in str(result_of(HIDDEN[name]))
    assert "Planted" in str(result_of(HIDDEN[name], run=RunInfo(phi_shown=True)))


def test_no_secret_is_in_the_result_whatever_is_asked_for() -> None:
    """Record and replay §16.6: no byte of a bearer token or a signature in any report."""
    secret = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLW9mLWl0"
    compared = outcome(
        a_difference("body", "text", upstream=f"the token {secret} is no good"),
        path="/studies?sig=PlantedSignature",
        headers=(("Authorization", f"Bearer {secret}"), ("x-api-key", "PlantedKey"), ("Accept", "*/*")),
    )
    text = str(result_of(compared, run=RunInfo(phi_shown=True)))
    assert not [planted for planted in (secret, "PlantedSignature", "PlantedKey") if planted in text]
    assert "Authorization: Bearer $TOKEN" in text


def test_the_services_address_is_not_in_the_result() -> None:
    """A report may be shown to others: whose service was asked is not in it."""
    host = "planted.example.org"
    compared = outcome(a_difference())
    request = replace(compared.pair.request, uri=f"https://{host}/v2/studies")
    compared = replace(compared, pair=replace(compared.pair, request=request))
    assert host not in str(result_of(compared, run=RunInfo(upstream=f"https://{host}")))
