"""The report as JUnit XML: a test suite a route, a test case an exchange or a fingerprint."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from azdicom_proxy.parity.reports.texts import attribute, cut, findings, has_values, score_line, value

NOT_COMPARED = ("unseeded", "skipped")
LIMIT = 1_000


def render(result: Mapping[str, Any], *, by_fingerprint: bool = False) -> str:
    """A breaking difference is a failure, a minor one output, what was not compared is skipped."""
    root = Element("testsuites", name="azdicom parity")
    for route in result["routes"]:
        cases = list(_fingerprints(result, route["route"]) if by_fingerprint else _exchanges(result, route["route"]))
        _suite(root, route["route"], cases, result)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, route: str, cases: Iterable[Element], result: Mapping[str, Any]) -> None:
    suite = SubElement(root, "testsuite", name=_text(route), timestamp=result["run"]["started"])
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", name="score", value=score_line(result))
    suite.extend(cases)
    children = suite.findall("testcase")
    suite.set("tests", str(len(children)))
    for attribute_name, tag in (("failures", "failure"), ("skipped", "skipped")):
        suite.set(attribute_name, str(sum(case.find(tag) is not None for case in children)))
    suite.set("errors", "0")
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in children):.3f}")


def _exchanges(result: Mapping[str, Any], route: str) -> Iterator[Element]:
    rows = {row["fingerprint"]: row for row in findings(result)}
    for exchange in result["exchanges"]:
        if exchange["route"] != route:
            continue
        seconds = (exchange["local_ms"] or 0) / 1000
        case = Element("testcase", classname=_text(route), name=_text(exchange["id"]), time=f"{seconds:.3f}")
        if exchange["verdict"] in NOT_COMPARED:
            SubElement(case, "skipped", message=_text(f"{exchange['verdict']}: {exchange['reason']}"))
        found = [rows[name] for name in exchange["fingerprints"] if name in rows]
        _report(case, [row for row in found if row["severity"] == "breaking"], "failure")
        _report(case, [row for row in found if row["severity"] == "minor"], "system-out")
        yield case


def _fingerprints(result: Mapping[str, Any], route: str) -> Iterator[Element]:
    for row in findings(result):
        if row["route"] == route:
            case = Element("testcase", classname=_text(route), name=_text(f"{row['at']} {row['kind']}"), time="0")
            _report(case, [row], "failure" if row["severity"] == "breaking" else "system-out")
            yield case


def _report(case: Element, rows: list[Mapping[str, Any]], tag: str) -> None:
    if not rows:
        return
    element = SubElement(case, tag)
    element.text = _text("\n\n".join("\n".join(_readable(row)) for row in rows))
    if tag == "failure":
        element.set("message", _text(f"{attribute(rows[0])}: {cut(rows[0]['text'])}"))
        element.set("type", rows[0]["kind"])


def _readable(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"{row['severity']}: {attribute(row)}: {cut(row['text'], LIMIT)} ({row['count']} ×, {row['fingerprint']})"
    for example in row["examples"][:1]:
        yield f"at        {cut(example['where'], LIMIT)}"
        if has_values(example):
            yield f"upstream  {value(example['upstream'], LIMIT)}"
            yield f"local     {value(example['local'], LIMIT)}"
        yield f"example   {cut(example['exchange'], LIMIT)}"
        yield cut(example["curl"], None)
    yield "silence with the rule"
    yield row["silence"]


def _text(text: str) -> str:
    """Without the characters that XML 1.0 has no form for."""
    return "".join(letter if _is_allowed(ord(letter)) else "\ufffd" for letter in text)


def _is_allowed(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
