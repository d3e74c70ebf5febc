"""Texts for people: equal, of the same template, or different."""

import re

from azdicom_proxy.matching.identity import ID
from azdicom_proxy.parity.comparing.findings import VOLATILE, Findings, Place
from azdicom_proxy.parity.model import Severity

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
GUID = re.compile(r"(?<![\w-])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?![\w-])")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def compare_texts(upstream: str, local: str, place: Place, findings: Findings, *, tag: str | None = None) -> None:
    """Reports at most one finding: noise where only moments and ids of operations differ, otherwise minor."""
    ours, theirs = findings.terms.upstream.text(upstream).strip(), findings.terms.local.text(local).strip()
    if ours == theirs:
        findings.same()
        return
    severity, kind, text, rule = Severity.MINOR, "text", "another message", None
    if without_ids(ours) == without_ids(theirs):
        severity, kind, text, rule = Severity.NOISE, "text", "the same message but for ids and times", VOLATILE
    elif template(ours) == template(theirs):
        kind, text = "text-values", "the same message with other values in it"
    findings.report(severity, place, kind, text, upstream=upstream, local=local, tag=tag, rule=rule)


def without_ids(text: str) -> str:
    """Moments and operation ids replaced."""
    return GUID.sub("{id}", MOMENT.sub("{moment}", text))


def template(text: str) -> str:
    """Numbers, UIDs and what is quoted replaced."""
    text = QUOTED.sub("''", without_ids(text))
    return " ".join(NUMBER.sub("N", ID.sub("{id}", text)).split())
