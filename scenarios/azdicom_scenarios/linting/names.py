"""The rule duplicate-name within a file: steps, rows, fixtures, variables."""

from collections.abc import Iterable, Iterator

from azdicom_scenarios.findings import Finding
from azdicom_scenarios.linting.document import Document
from azdicom_scenarios.loading.records import Record
from azdicom_scenarios.model import Mark, Text
from azdicom_scenarios.variables import BUILT_IN_NAMES


def duplicate_names(document: Document) -> Iterator[Finding]:
    fixtures = document.fixtures
    yield from _twice("two steps are", _texts((*document.steps, *document.teardown), "name"))
    yield from _twice("two rows are", _texts(document.record.many("parameters"), "id"))
    variables = [
        *((str(name), name.mark) for name, _ in document.record.many("vars")),
        *_texts(fixtures.many("synthetic"), "study"),
        *_texts(fixtures.many("workitems"), "alias"),
    ]
    yield from _twice("two variables or fixtures are", variables)
    for name, mark in (*variables, *document.captures.items()):
        if name in BUILT_IN_NAMES or name == "param":
            yield Finding(mark, "duplicate-name", f"'{name}' has a meaning of its own")
    own = dict(variables)
    for name, mark in document.captures.items():
        if name in own:
            yield Finding(
                mark, "duplicate-name", f"'{name}' is a variable or fixture already, in line {own[name].line}"
            )


def _texts(records: Iterable[Record], key: str) -> Iterator[tuple[str, Mark]]:
    for record in records:
        value = record.get(key)
        if isinstance(value, Text):
            yield str(value), value.mark


def _twice(what: str, named: Iterable[tuple[str, Mark]]) -> Iterator[Finding]:
    first: dict[str, Mark] = {}
    for name, mark in named:
        earlier = first.setdefault(name, mark)
        if earlier != mark:
            yield Finding(mark, "duplicate-name", f"{what} called '{name}'; the first is in line {earlier.line}")
