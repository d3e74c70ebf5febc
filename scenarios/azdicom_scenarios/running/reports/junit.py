"""Results as JUnit XML: a test suite for each file, a test case for each run, tags as properties."""

from collections.abc import Iterator
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from azdicom_scenarios.running.reports.texts import failure_text, headline
from azdicom_scenarios.running.results import Outcome, RunResult
from azdicom_scenarios.running.runner import Report


def render(report: Report) -> str:
    root = Element("testsuites", name="azdicom scenarios", time=f"{report.duration_s:.3f}")
    in_files = sorted(report.results, key=lambda result: result.file)
    for file, results in groupby(in_files, key=lambda result: result.file):
        _add_suite(root, file, list(results))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add_suite(root: Element, file: str, results: list[RunResult]) -> None:
    suite = SubElement(
        root,
        "testsuite",
        name=_text(file),
        tests=str(len(results)),
        failures=str(sum(result.outcome is Outcome.FAILED for result in results)),
        skipped=str(sum(result.outcome is Outcome.SKIPPED for result in results)),
        errors="0",
        time=f"{sum(result.duration_s for result in results):.3f}",
    )
    suite.extend(_cases(results))


def _cases(results: list[RunResult]) -> Iterator[Element]:
    for result in results:
        case = Element(
            "testcase",
            name=_text(result.id),
            classname=_text(result.file),
            file=_text(result.file),
            time=f"{result.duration_s:.3f}",
        )
        if result.tags:
            properties = SubElement(case, "properties")
            for tag in result.tags:
                SubElement(properties, "property", name="tag", value=_text(tag))
        if result.outcome is Outcome.FAILED:
            SubElement(case, "failure", message=_text(headline(result))).text = _text(failure_text(result))
        elif result.outcome is Outcome.SKIPPED:
            SubElement(case, "skipped", message=_text(result.reason))
        if result.notes:
            SubElement(case, "system-out").text = _text("\n".join(result.notes))
        yield case


def _text(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)
