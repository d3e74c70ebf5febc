"""docs/conformance.md says what the tests say."""

from pathlib import Path

from tests import conformance

PAGE = conformance.PAGE.read_text() if conformance.PAGE.exists() else ""
UPDATE = "run: make conformance, or: python -m tests.conformance --keep-results"


def test_the_page_lists_every_test_that_cites_a_rule() -> None:
    """Own design: results apart, the page follows from the docstrings, so that it cannot grow stale unnoticed."""
    proofs = conformance.collected()

    assert conformance.page_of(proofs, conformance.shown_results(PAGE, proofs)) == PAGE, UPDATE


def test_every_chapter_has_tests() -> None:
    """A guard: citations that are written in another way would vanish from the page."""
    found = {proof.chapter for proof in conformance.collected()}

    assert found >= {"store", "retrieve", "search", "http", "azure-apis"}


def test_no_test_on_the_page_failed() -> None:
    """Own design: the page shows a run in which all was well."""
    proofs = conformance.collected()

    results = conformance.shown_results(PAGE, proofs).values()

    assert not [result for result in results if result.startswith(conformance.FAILED)], UPDATE


def test_results_are_read_from_a_junit_file(tmp_path: Path) -> None:
    """Cases of one function are one row: the worst result, and how many there were."""
    junit = tmp_path / "results.xml"
    junit.write_text(
        '<testsuites><testsuite><testcase classname="tests.a" name="test_one"/>'
        '<testcase classname="tests.a.TestB" name="test_two[x.y]"/>'
        '<testcase classname="tests.a.TestB" name="test_two[z]"><skipped/></testcase>'
        '<testcase classname="tests.a" name="test_three[1]"/>'
        '<testcase classname="tests.a" name="test_three[2]"><failure/></testcase>'
        '<testcase classname="tests.a" name="test_four"><skipped/></testcase></testsuite></testsuites>'
    )

    assert conformance.results_of(junit) == {
        "tests.a.test_one": "passed",
        "tests.a.TestB.test_two": "passed, 2 cases, 1 skipped",
        "tests.a.test_three": "failed, 1 of 2 cases",
        "tests.a.test_four": "skipped",
    }
