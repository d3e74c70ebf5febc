"""What is learned from asking the upstream twice."""

from pathlib import Path

import pytest

from azdicom_proxy.parity.learning import Learning, Opinion, opinion_of
from azdicom_proxy.parity.model import Difference, Severity
from azdicom_proxy.parity.noise_profile import Counts, NoiseProfileError, load_profile, save_profile
from azdicom_proxy.parity.results import Results
from azdicom_proxy.parity.rules import Rules
from azdicom_proxy.parity.rules_files import load_rules
from tests.parity.compared import a_difference, outcome

ROUTE = "GET /studies"
FLAPPING = a_difference("dicom:[*].00201206", upstream="3", local="4", tag="00201206")


def learned(difference: Difference, *, noise: int, raw: int, total: int) -> Learning:
    """After so many exchanges of which so many differed, in upstream itself and on the local side."""
    learning = Learning()
    for number in range(total):
        learning.learn(
            outcome(*([difference] if number < noise else [])), outcome(*([difference] if number < raw else []))
        )
    return learning


def test_the_first_three_of_a_route_are_asked_again_then_one_in_twenty() -> None:
    """Record and replay §10.4."""
    learning = Learning()
    asked = [number for number in range(1, 64) if learning.should_ask_again(ROUTE, "GET", 100)]
    assert asked == [1, 2, 3, 23, 43, 63]
    assert learning.should_ask_again("GET /series", "GET", 100)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_is_never_asked_again(method: str) -> None:
    """Record and replay §10.4: never for unsafe methods."""
    assert not Learning().should_ask_again(ROUTE, method, 0)


def test_large_answers_are_not_asked_for_again_and_zero_switches_learning_off() -> None:
    """Record and replay §10.4: --learn-max-bytes 4MB, --learn 0."""
    assert Learning().should_ask_again(ROUTE, "GET", 4 * 1024 * 1024)
    assert not Learning().should_ask_again(ROUTE, "GET", 4 * 1024 * 1024 + 1)
    assert not Learning(first=0).should_ask_again(ROUTE, "GET", 0)


OPINIONS = {
    "noisy-as-often": (2, 2, 10, Opinion.NOISE),
    "a-bit-more-often": (3, 2, 10, Opinion.NOISE),
    "only-upstream": (0, 2, 3, Opinion.NOISE),
    "once-is-not-enough": (1, 1, 3, Opinion.UNDECIDED),
    "far-more-often": (9, 1, 10, Opinion.REAL),
    "more-often-than-noise-explains": (4, 2, 10, Opinion.REAL),
    "hardly-more-in-a-large-total": (5, 3, 1000, Opinion.UNDECIDED),
}


@pytest.mark.parametrize(("raw", "noise", "total", "opinion"), OPINIONS.values(), ids=OPINIONS)
def test_counts_decide_between_noise_real_and_undecided(raw: int, noise: int, total: int, opinion: Opinion) -> None:
    """Record and replay §10.4: noise ≥ 2 and raw ≤ noise × 1.5; raw > noise, over 1 % of all and 20 % of both."""
    assert opinion_of(Counts(raw, noise), total) is opinion


def test_learned_noise_is_no_difference_and_says_why() -> None:
    """Record and replay §10.4."""
    judged = learned(FLAPPING, noise=2, raw=2, total=3).judge(ROUTE, FLAPPING)
    assert judged.severity is Severity.NOISE
    assert judged.rule is not None
    assert judged.rule.startswith("learned: of 3 answers asked for twice the upstream differed from itself here in 2")


def test_undecided_is_minor_and_real_stays_breaking() -> None:
    """Record and replay §10.4: otherwise `minor: undecided`."""
    assert learned(FLAPPING, noise=1, raw=1, total=3).judge(ROUTE, FLAPPING).severity is Severity.MINOR
    assert learned(FLAPPING, noise=1, raw=9, total=10).judge(ROUTE, FLAPPING).severity is Severity.BREAKING


def test_where_upstream_never_differed_from_itself_nothing_is_excused() -> None:
    """Record and replay §16.10: a mutation is reported with learning on."""
    learning = learned(FLAPPING, noise=0, raw=1, total=3)
    assert learning.judge(ROUTE, FLAPPING) == FLAPPING
    assert learning.as_json() == []


def test_what_was_learned_holds_for_its_route_only() -> None:
    """Record and replay §10.4: per (route, generalised location)."""
    assert learned(FLAPPING, noise=3, raw=3, total=3).judge("GET /series", FLAPPING) == FLAPPING


PROTECTED = {
    "status": a_difference("status"),
    "media-type": a_difference("header:Content-Type"),
    "sop-instance-uid": a_difference("dicom:[*].00080018", tag="00080018"),
    "series-instance-uid": a_difference("dicom:[*].0020000E", tag="0020000E"),
    "study-instance-uid": a_difference("dicom:[*].0020000D", tag="0020000D"),
    "missing-result": a_difference("dicom:[*]", "missing"),
    "extra-result": a_difference("dicom:[*]", "extra"),
    "missing-part": a_difference("part[*]", "missing"),
    "missing-json-item": a_difference("json:$[*]", "missing"),
    "local-error": a_difference("local-error", "local-error"),
}


@pytest.mark.parametrize("difference", PROTECTED.values(), ids=PROTECTED)
def test_learned_rules_never_cover_status_media_type_identities_and_results(difference: Difference) -> None:
    """Record and replay §10.4."""
    learning = learned(difference, noise=9, raw=9, total=9)
    assert learning.judge(ROUTE, difference) == difference
    assert learning.as_json() == []


def test_a_result_takes_into_account_what_was_learned_after_the_exchange() -> None:
    """Record and replay §10.4: the profile grows during the run; early exchanges are judged by all of it."""
    learning = Learning()
    results = Results(noise=learning)
    results.add(outcome(FLAPPING))
    assert results.as_json()["summary"]["breaking"] == 1
    for _ in range(2):
        learning.learn(outcome(FLAPPING), outcome(FLAPPING))
    result = results.as_json()
    assert (result["summary"]["same"], result["summary"]["score"], result["summary"]["recall"]) == (1, 100.0, 100.0)
    assert result["exchanges"][0]["verdict"] == "same"
    assert result["rules"]["learned"][0]["opinion"] == "noise"


def test_a_rule_of_the_users_goes_before_what_was_learned(tmp_path: Path) -> None:
    """Record and replay §10.5."""
    path = tmp_path / "rules.yaml"
    path.write_text("- {at: '$[*].00201206', do: breaking, because: we count on it}")
    rules: Rules = load_rules(path)
    results = Results(rules=rules, noise=learned(FLAPPING, noise=3, raw=3, total=3))
    minor = a_difference("dicom:[*].00201206", severity=Severity.MINOR)
    results.add(outcome(minor))
    assert results.as_json()["fingerprints"][0]["severity"] == "breaking"


def test_profile_is_sorted_and_reads_back(tmp_path: Path) -> None:
    """Record and replay §10.4: readable, sorted, reviewable in git, with counts."""
    learning = Learning()
    for route, at in (("GET /studies", "header:X"), ("GET /series", "dicom:[*].2"), ("GET /series", "dicom:[*].1")):
        learning.learn(outcome(a_difference(at), route=route), outcome(route=route))
    path = tmp_path / ".azdicom" / "noise.yaml"
    save_profile(path, learning.profile)
    text = path.read_text()
    positions = [text.index(word) for word in ("GET /series", "dicom:[*].1", "dicom:[*].2", "GET /studies")]
    assert positions == sorted(positions)
    assert load_profile(path) == learning.profile
    save_profile(path, load_profile(path))
    assert path.read_text() == text


def test_a_missing_profile_is_empty_and_a_broken_one_is_told(tmp_path: Path) -> None:
    """Record and replay §1: exit code 2."""
    assert load_profile(tmp_path / "none.yaml").asked == {}
    path = tmp_path / "noise.yaml"
    for text in ("format: 9\nroutes: {}", "- 1", "[", "format: 1\nroutes: {a: b}"):
        path.write_text(text)
        with pytest.raises(NoiseProfileError) as caught:
            load_profile(path)
        assert caught.value.exit_code == 2
