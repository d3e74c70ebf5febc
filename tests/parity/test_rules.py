"""Rules of the user's own."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from azdicom_proxy.parity.model import Difference, Severity, Verdict
from azdicom_proxy.parity.places import BadPlaceError, Place
from azdicom_proxy.parity.rules import Rules, silencing_rule
from azdicom_proxy.parity.rules_files import RulesError, load_rules, project_has_rules
from tests.parity.compared import a_difference, outcome
from tests.parity.sample_result import result_of, sample
from tests.parity.twins import Twins

TODAY = date(2026, 11, 25)
PLACES = (
    "status",
    "body",
    "header:ETag",
    "header:Access-Control-Allow-Origin",
    "dicom:[*]",
    "dicom:[*].00080060",
    "dicom:[*].00080060.vr",
    "dicom:00400275[*].00400007",
    "part[*]",
    "part[*]:dicom:00100010",
    "part[*]:frames[*]",
    "json:$.results.exported",
    "json:$[*].action",
    "json:$",
    "frames[*]",
    "image",
    "local-error",
)


def rules_of(tmp_path: Path, text: str, *, today: date = TODAY) -> Rules:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    return load_rules(path, today=today)


def judged(rules: Rules, difference: Difference, route: str = "GET /studies") -> Severity:
    return rules.judged(outcome(difference, route=route)).differences[0].severity


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("route", ["GET /studies/{study}", "POST /studies/$bulkUpdate"])
def test_the_rule_that_is_printed_silences_its_difference_and_no_other(tmp_path: Path, at: str, route: str) -> None:
    """Record and replay §10.5: each reported difference prints the ready-to-paste rule that would silence it."""
    rules = rules_of(tmp_path, silencing_rule(route, at))
    assert judged(rules, a_difference(at), route) is Severity.NOISE
    assert judged(rules, a_difference(at), "GET /changefeed") is Severity.BREAKING
    # What `body` and JSON paths name is all that is in there.
    others = [other for other in PLACES if other != at] if at not in ("body", "json:$") else ["status", "header:ETag"]
    assert [other for other in others if judged(rules, a_difference(other), route) is Severity.NOISE] == []


def test_pasted_rules_silence_every_finding_of_a_real_comparison(pair: Twins, tmp_path: Path) -> None:
    """Record and replay §10.5, as the report prints them, in the project file."""
    outcomes = sample(pair)
    before = result_of(outcomes)
    assert before["summary"]["fingerprints"]["breaking"] >= 7
    silencing = [row["silence"] for row in before["fingerprints"] if row["severity"] != "noise"]
    rules = load_rules(_written(tmp_path / "azdicom.yaml", "parity:\n" + "\n".join(silencing)), today=TODAY)
    after = result_of(outcomes, rules=rules)
    assert after["summary"]["fingerprints"] | {"noise": 0} == {"breaking": 0, "minor": 0, "noise": 0}
    assert (after["summary"]["score"], after["rules"]["unused"]) == (100.0, [])
    assert (after["summary"]["recall"], after["summary"]["precision"]) == (100.0, 100.0)


COVERED = {
    "jsonpath": ("$[*].00080056", "dicom:[*].00080056"),
    "jsonpath-with-index": ("$[0].00080056", "dicom:[*].00080056"),
    "jsonpath-values": ("$[*].00080056.Value[0]", "dicom:[*].00080056"),
    "jsonpath-vr": ("$[*].00080056", "dicom:[*].00080056.vr"),
    "jsonpath-in-a-part": ("$[*].00080056", "part[*]:dicom:00080056"),
    "jsonpath-anywhere": ("$..00080056", "dicom:[*].00400275[*].00080056"),
    "jsonpath-wildcard": ("$.*.exported", "json:$.results.exported"),
    "jsonpath-quoted": ("$['results']['exported']", "json:$.results.exported"),
    "jsonpath-below": ("$.results", "json:$.results.exported"),
    "jsonpath-root": ("$", "json:$.results"),
    "dicom": ("dicom:(0008,0056)", "dicom:[*].00080056"),
    "dicom-no-brackets": ("dicom:00080056", "part[*]:dicom:00080056"),
    "dicom-sequence": ("dicom:(0040,0275)", "dicom:[*].00400275[*].00400007"),
    "dicom-lower-case": ("dicom:(0008,103e)", "dicom:[*].0008103E"),
    "header-any-case": ("header:etag", "header:ETag"),
    "header-glob": ("header:Access-Control-*", "header:Access-Control-Max-Age"),
    "body-json": ("body", "json:$.a"),
    "body-image": ("body", "image"),
}
NOT_COVERED = {
    "other-attribute": ("$[*].00080056", "dicom:[*].00080057"),
    "deeper-attribute": ("$[*].00080056", "dicom:[*].00400275[*].00080056"),
    "header-in-jsonpath": ("$", "header:ETag"),
    "body-is-not-status": ("body", "status"),
    "body-is-not-a-header": ("body", "header:ETag"),
    "longer-tag": ("dicom:(0008,0056)", "dicom:[*].00080056AB"),
}


@pytest.mark.parametrize(("expression", "at"), COVERED.values(), ids=COVERED)
def test_places_are_named_by_jsonpath_header_tag_and_body(expression: str, at: str) -> None:
    """Record and replay §10.5: JSONPath, or header:NAME, or dicom:(0008,0056), status, body."""
    assert Place.parse(expression).matches(a_difference(at))


@pytest.mark.parametrize(("expression", "at"), NOT_COVERED.values(), ids=NOT_COVERED)
def test_a_place_does_not_name_others(expression: str, at: str) -> None:
    """Record and replay §10.5."""
    assert not Place.parse(expression).matches(a_difference(at))


@pytest.mark.parametrize("expression", ["", "$[?(@.a)]", "$[", "$.a[x]"])
def test_a_place_that_nobody_can_name_is_refused(expression: str) -> None:
    """Record and replay §13.5, bad-jsonpath."""
    with pytest.raises(BadPlaceError):
        Place.parse(expression)


DOINGS: dict[str, tuple[str, Difference, Severity]] = {
    "ignore": ("ignore", a_difference(), Severity.NOISE),
    "minor": ("minor", a_difference(), Severity.MINOR),
    "minor-raises-no-noise": ("minor", a_difference(severity=Severity.NOISE), Severity.NOISE),
    "breaking": ("breaking", a_difference(severity=Severity.MINOR), Severity.BREAKING),
    "unordered": ("unordered", a_difference(kind="order"), Severity.NOISE),
    "unordered-but-a-value": ("unordered", a_difference(), Severity.BREAKING),
    "within-tolerance": ("{tolerance: 0.5}", a_difference(upstream="[1.0, 2]", local="[1.5, 2]"), Severity.NOISE),
    "over-tolerance": ("{tolerance: 0.5}", a_difference(upstream="[1.0]", local="[1.6]"), Severity.BREAKING),
    "tolerance-other-count": ("{tolerance: 9}", a_difference(upstream="[1]", local="[1, 2]"), Severity.BREAKING),
    "tolerance-no-number": ("{tolerance: 9}", a_difference(), Severity.BREAKING),
    "tolerance-one-sided": ("{tolerance: 9}", a_difference(upstream=None, local="1"), Severity.BREAKING),
    "same-shape": ("same-shape", a_difference(upstream="no 'a', 3 left", local="no 'b', 14 left"), Severity.NOISE),
    "other-shape": ("same-shape", a_difference(upstream="3 left", local="nothing left"), Severity.BREAKING),
}


@pytest.mark.parametrize(("do", "difference", "severity"), DOINGS.values(), ids=DOINGS)
def test_what_a_rule_does(tmp_path: Path, do: str, difference: Difference, severity: Severity) -> None:
    """Record and replay §10.5: ignore | minor | breaking | unordered | tolerance | same-shape."""
    assert judged(rules_of(tmp_path, f"- {{do: {do}, because: a reason}}"), difference) is severity


def test_the_first_rule_that_says_something_counts(tmp_path: Path) -> None:
    """Specific rules stand before general ones."""
    rules = rules_of(
        tmp_path,
        "- {route: 'GET /studies*', at: status, do: minor, because: first}\n- {do: ignore, because: then}",
    )
    assert judged(rules, a_difference("status")) is Severity.MINOR
    assert judged(rules, a_difference("status"), "GET /series") is Severity.NOISE


def test_an_exchange_without_differences_left_counts_as_the_same(tmp_path: Path) -> None:
    """Record and replay §10.6: the verdict is the worst severity in it."""
    rules = rules_of(tmp_path, "- {at: status, do: ignore, because: a reason}")
    silenced = rules.judged(outcome(a_difference("status"), facts=(10, 10, 9)))
    assert (silenced.verdict, silenced.facts_same) == (Verdict.SAME, 10)
    assert silenced.differences[0].rule is not None
    assert "a reason" in silenced.differences[0].rule


def test_rules_tell_how_often_they_were_used(tmp_path: Path) -> None:
    """Record and replay §10.5: unused rules are listed at the end."""
    rules = rules_of(tmp_path, "- {at: status, do: ignore, because: used}\n- {at: body, do: ignore, because: not}")
    rules.judged(outcome(a_difference("status"), a_difference("status")))
    told = rules.as_json()
    assert [(row["because"], row["count"]) for row in told["applied"]] == [("used", 2)]
    assert [row["because"] for row in told["unused"]] == ["not"]


WRONG = {
    "missing-because": ("- at: status\n  do: ignore\n", "1:3: error[missing-because]"),
    "empty-because": ("- at: status\n  do: ignore\n  because: ''\n", "3:12: error[missing-because]"),
    "unknown-key": ("- att: status\n  do: ignore\n  because: a\n", "1:3: error[unknown-key]: 'att'"),
    "unknown-do": ("- do: ignor\n  because: a\n", "1:7: error[unknown-do]"),
    "missing-do": ("- at: status\n  because: a\n", "1:3: error[missing-do]"),
    "duplicate-key": ("- do: ignore\n  do: minor\n  because: a\n", "2:3: error[duplicate-key]"),
    "bad-place": ("- at: '$[?(1)]'\n  do: ignore\n  because: a\n", "1:7: error[bad-place]"),
    "expired-rule": ("- do: ignore\n  because: a\n  until: 2026-11-24\n", "3:10: error[expired-rule]"),
    "no-day": ("- do: ignore\n  because: a\n  until: soon\n", "3:10: error[wrong-type]"),
    "bad-tolerance": ("- do: {tolerance: much}\n  because: a\n", "1:19: error[wrong-type]"),
    "negative-tolerance": ("- do: {tolerance: -1}\n  because: a\n", "1:7: error[wrong-type]"),
    "no-list": ("rule: 1\n", "1:1: error[wrong-type]"),
    "no-rule": ("- ignore\n", "1:3: error[wrong-type]"),
    "no-yaml": ("- [\n", "error[syntax]"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_rule_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """Record and replay §10.5 and §13.5: FILE:LINE:COL: error[rule-id]: text; exit code 2."""
    with pytest.raises(RulesError) as caught:
        rules_of(tmp_path, text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2


def test_all_wrong_rules_are_told_in_one_pass(tmp_path: Path) -> None:
    """Record and replay §13.5."""
    with pytest.raises(RulesError) as caught:
        rules_of(tmp_path, "- {do: nothing, because: a}\n- {do: ignore}\n- {att: status, do: ignore, because: a}\n")
    assert len(caught.value.message.splitlines()) == 3


def test_a_rule_holds_to_the_end_of_its_day(tmp_path: Path) -> None:
    """Record and replay §10.5: after that day the rule fails lint."""
    text = "- {do: ignore, because: a, until: 2026-11-25}"
    assert len(rules_of(tmp_path, text, today=TODAY).rules) == 1
    with pytest.raises(RulesError):
        rules_of(tmp_path, text, today=date(2026, 11, 26))


def test_rules_of_a_project_file_are_its_parity_block(tmp_path: Path) -> None:
    """Record and replay §10.5."""
    path = _written(tmp_path / "azdicom.yaml", "proxy:\n  port: 1\nparity:\n  - {do: ignore, because: a}\n")
    assert project_has_rules(path)
    assert len(load_rules(path).rules) == 1
    assert not project_has_rules(_written(tmp_path / "other.yaml", "proxy: {}\n"))
    assert not project_has_rules(tmp_path / "none.yaml")


def test_printed_rules_are_yaml_with_a_reason_to_fill_in() -> None:
    """Record and replay §10.5: because is required."""
    (rule,) = yaml.safe_load(silencing_rule("GET /studies", 'header:"\\odd'))
    expected: dict[str, Any] = {"route": "GET /studies", "at": 'header:"\\odd', "do": "ignore", "because": "say why"}
    assert rule == expected


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
