"""The model of a scenario from its record, which has been found free of errors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azdicom_scenarios.loading.expecting import expect
from azdicom_scenarios.loading.records import Record, Single
from azdicom_scenarios.loading.requesting import request
from azdicom_scenarios.model import (
    Capture,
    Fault,
    Fixtures,
    ForEach,
    Json,
    Locator,
    OperationFrom,
    ParameterRow,
    ParityRule,
    QueryTagFixture,
    Retry,
    Scenario,
    Settings,
    Step,
    SyntheticStudy,
    TargetKind,
    Text,
    WaitOperation,
    Words,
    WorkitemFixture,
)


def scenario(record: Record, file: Path) -> Scenario:
    steps = [_step(each, number) for number, each in enumerate(record.many("steps"), start=1)]
    teardown = [_step(each, number) for number, each in enumerate(record.many("teardown"), start=len(steps) + 1)]
    return Scenario(
        mark=record.mark,
        file=file,
        name=record.text("name"),
        description=record.text("description"),
        tags=tuple(map(str, record.many("tags"))),
        settings=_settings(record.get("settings") or Record("settings", record.mark)),
        parameters=tuple(_row(each) for each in record.many("parameters")),
        variables=tuple(record.many("vars")),
        fixtures=_fixtures(record.get("fixtures") or Record("fixtures", record.mark)),
        steps=tuple(steps),
        teardown=tuple(teardown),
        parity=tuple(_parity_rule(each) for each in record.many("parity")),
    )


def _settings(record: Record) -> Settings:
    return Settings(
        mark=record.mark,
        base=record.text("base", "/v2"),
        is_strict=bool(record.get("strict")),
        timeout_s=record.values.get("timeout", 10.0),
        skip_on=frozenset(TargetKind(str(each)) for each in record.many("skip_on")),
        is_exclusive=bool(record.get("exclusive")),
        config={str(name).replace("-", "_"): str(value) for name, value in record.many("config")},
    )


def _row(record: Record) -> ParameterRow:
    values = {"id": record.get("id"), **{str(name): value for name, value in record.others}}
    return ParameterRow(mark=record.mark, id=record.text("id"), values=values)


def _fixtures(record: Record) -> Fixtures:
    return Fixtures(
        mark=record.mark,
        dicom=tuple(record.many("dicom")),
        synthetic=tuple(_study(each) for each in record.many("synthetic")),
        preload=tuple(record.many("preload")),
        workitems=tuple(
            WorkitemFixture(mark=each.mark, alias=each.text("alias"), file=each.get("file"))
            for each in record.many("workitems")
        ),
        extended_query_tags=tuple(_query_tag(each) for each in record.many("extended_query_tags")),
        partitions=tuple(record.many("partitions")),
    )


def _query_tag(record: Record) -> QueryTagFixture:
    return QueryTagFixture(
        mark=record.mark,
        path=record.get("path"),
        level=record.text("level"),
        vr=record.text("vr") or None,
        private_creator=record.get("private_creator"),
    )


def _study(record: Record) -> SyntheticStudy:
    spec = words(record)
    return SyntheticStudy(mark=record.mark, alias=record.text("study"), spec=spec)


def words(record: Record) -> Mapping[str, Words]:
    """A record as texts again: what a synthetic study is, before its variables are known."""
    return {name: _words(value) for name, value in record.values.items()}


def _words(value: Any) -> Words:
    match value:
        case Record():
            return words(value)
        case list():
            if value and isinstance(value[0], tuple):
                return {str(name): _words(each) for name, each in value}
            return [_words(each) for each in value]
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _parity_rule(record: Record) -> ParityRule:
    rule: dict[str, Json] = {
        name: str(value) if isinstance(value, Text) else value for name, value in record.values.items()
    }
    return ParityRule(mark=record.mark, rule=rule, until=record.get("until"))


def _step(record: Record, number: int) -> Step:
    return Step(
        mark=record.mark,
        number=number,
        name=record.text("name") or None,
        request=request(record),
        expect=expect(record.get("expect")),
        captures=tuple(_capture(name, each) for name, each in record.many("capture")),
        wait_operation=_wait(record.get("wait_operation")),
        retry=_retry(record.get("retry")),
        repeat=record.values.get("repeat", 1),
        is_parallel=bool(record.get("parallel")),
        for_each=_for_each(record),
        when=record.get("when"),
        faults=tuple(Fault(mark=record.at("fault"), rule=each) for each in record.many("fault")),
        sleep_s=record.get("sleep"),
        note=record.get("note"),
    )


def _capture(name: Text, record: Record) -> Capture:
    locator, where = next(iter(record.values.items()))
    if not isinstance(where, Text):
        where = Text("", record.at(locator))
    return Capture(mark=name.mark, name=str(name), locator=Locator(locator), where=where)


def _wait(record: Record | None) -> WaitOperation | None:
    if record is None:
        return None
    return WaitOperation(
        mark=record.mark,
        come_from=OperationFrom(record.text("from", "location")),
        until=tuple(map(str, record.many("until"))) or ("succeeded",),
        every_s=record.values.get("every", 0.5),
        for_s=record.values.get("for", 60.0),
    )


def _retry(record: Record | None) -> Retry | None:
    if record is None:
        return None
    until = expect(record.get("until"))
    assert until is not None
    return Retry(
        mark=record.mark,
        until=until,
        every_s=record.values.get("every", 0.2),
        for_s=record.values.get("for", 10.0),
    )


def _for_each(record: Record) -> ForEach | None:
    for name, items in record.many("for_each"):
        is_reference = isinstance(items, Single)
        return ForEach(mark=name.mark, name=str(name), items=items[0] if is_reference else tuple(items))
    return None
