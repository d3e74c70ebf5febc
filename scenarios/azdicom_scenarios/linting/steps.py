"""The rules no-expectation, sleep and expired-rule, and keys of steps that need each other."""

import json
from collections.abc import Iterator
from datetime import date

from azdicom_scenarios.findings import Finding
from azdicom_scenarios.linting.document import Document
from azdicom_scenarios.loading.records import Record
from azdicom_scenarios.loading.requesting import method_and_path

_ONLY_WITH_REQUEST = ("query", "headers", "auth", "body", "expect", "capture", "retry", "repeat", "fault")


def wrong_steps(document: Document) -> Iterator[Finding]:
    for step in (*document.steps, *document.teardown):
        yield from _incomplete(step)
        if "sleep" in step.keys:
            yield Finding(step.at("sleep"), "sleep", "use retry or wait_operation instead of a fixed sleep")
        yield from _wrong_faults(step)
    for step in document.steps:
        if method_and_path(step) is not None and not _expects(step):
            yield Finding(step.mark, "no-expectation", "the step sends a request and expects nothing of the answer")
    for rule in document.record.many("parity"):
        until = rule.get("until")
        if until is not None and date.fromisoformat(str(until)) < document.today:
            text = f"the rule was to last until {until}: {rule.text('because')}"
            yield Finding(until.mark, "expired-rule", text)


def _expects(step: Record) -> bool:
    expect = step.get("expect")
    return any(name in step.keys for name in ("retry", "wait_operation")) or (expect is not None and bool(expect.keys))


def _incomplete(step: Record) -> Iterator[Finding]:
    for name, needed in (("method", "path"), ("path", "method"), ("parallel", "repeat")):
        if name in step.keys and needed not in step.keys:
            yield Finding(step.at(name), "missing-key", f"'{name}' needs '{needed}'")
    if not step.keys.keys() & {"method", "get", "post", "put", "patch", "delete", "head", "options"}:
        for name in _ONLY_WITH_REQUEST:
            if name in step.keys:
                text = f"'{name}' is about a request, and the step sends none"
                yield Finding(step.at(name), "missing-key", text)
                return


def _wrong_faults(step: Record) -> Iterator[Finding]:
    faults = step.many("fault")
    if not faults:
        return
    from azdicom_emulator.faults.errors import FaultsError
    from azdicom_emulator.faults.loading import load_rules

    try:
        load_rules(json.dumps({"faults": faults}), "fault")
    except FaultsError as error:
        yield Finding(step.at("fault"), "wrong-type", f"fault: {error.text}")
