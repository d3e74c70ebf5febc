"""What a scenario's fixtures need before its steps run, and the removal of what they left on a shared service."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from azdicom_scenarios.loading.synthetic_studies import study_spec
from azdicom_scenarios.model import Mark, ParameterRow, QueryTagFixture, Scenario, WaitOperation, WorkitemFixture
from azdicom_scenarios.running.bodies import DICOM, DICOM_JSON
from azdicom_scenarios.running.data_sets import NoDataSetError, Piece, attribute
from azdicom_scenarios.running.exchanges import Exchange
from azdicom_scenarios.running.multipart import boundary_for, encoded
from azdicom_scenarios.running.results import Failure, Mismatch
from azdicom_scenarios.running.side import Side, Stopping
from azdicom_scenarios.running.waiting import operation_end
from azdicom_scenarios.synthetic.build import BuiltStudy, build
from azdicom_scenarios.synthetic.spec import SpecError
from azdicom_scenarios.variables import Scope, VariableError

TAGS_FOR_S = 60.0


class PreparingError(Exception):
    """The fixtures cannot be made or stored. `failure` has what is wrong."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.title)
        self.failure = failure


def scope_of(scenario: Scenario, row: ParameterRow | None, *, seed: int, salt: str) -> Scope:
    """The variables before any step. Raises PreparingError."""
    scope = Scope(seed=seed, scenario_name=scenario.name, folder=scenario.folder, salt=salt)
    scope.label = "" if row is None else row.id
    if row is not None:
        with _told("parameters", row.mark):
            scope.values["param"] = {name: scope.substitute(value.value) for name, value in row.values.items()}
    for name, value in scenario.variables:
        with _told("variables", value.mark):
            scope.values[name.value] = scope.value(value.value)
    return scope


def built_studies(scenario: Scenario, row: ParameterRow | None, scope: Scope) -> dict[str, BuiltStudy]:
    """By alias, put into the scope as well. Raises PreparingError."""
    studies: dict[str, BuiltStudy] = {}
    name = scenario.name if row is None else f"{scenario.name}[{row.id}]"
    for written in scenario.fixtures.synthetic:
        with _told("fixtures", written.mark):
            spec = study_spec(written, scope)
        studies[written.alias] = scope.values[written.alias] = build(spec, scope.seed, name, scope.salt)
    for workitem in scenario.fixtures.workitems:
        uid = scope.child(f"workitem {workitem.alias}").substitute("${uid()}")
        scope.values[workitem.alias] = {"uid": uid, "path": f"/workitems/{uid}"}
    return studies


def unsalted(studies: Mapping[str, BuiltStudy]) -> dict[str, str]:
    """The UIDs of studies to those that they have without a salt, so that answers of two runs can be compared."""
    plain: dict[str, str] = {}
    for study in studies.values():
        twin = BuiltStudy(study.spec, replace(study.origin, salt=""))
        plain[study.study] = twin.study
        plain |= {ours.series: theirs.series for ours, theirs in zip(study.s, twin.s, strict=True)}
        plain |= {ours.sop: theirs.sop for ours, theirs in zip(study.i, twin.i, strict=True)}
    return plain


class Preparation:
    """Puts the fixtures of one scenario into one service. notes: what a person should know."""

    def __init__(self, scenario: Scenario, side: Side, stopping: Stopping) -> None:
        self._scenario = scenario
        self._side = side
        self._stopping = stopping
        self.notes: list[str] = []

    def prepare(self) -> None:
        """Raises PreparingError, StoppedError, VariableError."""
        fixtures, side = self._scenario.fixtures, self._side
        side.creations.studies.update(study.study for study in side.studies.values())
        for tag in fixtures.extended_query_tags:
            self._add_tag(tag)
        prefixes = [f"/partitions/{side.scope.substitute(each.value)}" for each in fixtures.partitions] or [""]
        for prefix in prefixes:
            if fixtures.partitions:
                self._make_partition(prefix)
            for alias in fixtures.preload:
                name = side.scope.substitute(alias.value)
                contents = side.instances(name)
                if contents is None:
                    raise PreparingError(_failure(alias.mark, "preload", "an alias", f"'{name}' is none"))
                self._store("PUT", prefix, contents, alias.mark, f"preload {name}")
            self._store_files(prefix)
        for workitem in fixtures.workitems:
            self._create(workitem, prefixes[0])

    def remove(self) -> None:
        """Deletes what `prepare` put into a service that others use too; what is gone already is fine."""
        fixtures, side = self._scenario.fixtures, self._side
        prefixes = [f"/partitions/{side.scope.substitute(each.value)}" for each in fixtures.partitions] or [""]
        for prefix in prefixes:
            for study in sorted(side.creations.studies):
                self._delete(f"{prefix}/studies/{study}")
        for tag in sorted(side.creations.query_tags):
            self._delete(f"/extendedquerytags/{tag}")

    def _delete(self, resource: str) -> None:
        exchange = self._side.asked("DELETE", resource)
        if exchange.answer is None or exchange.answer.status not in (204, 404, 400):
            self.notes.append(f"not removed: {exchange.line()}")

    def _store_files(self, prefix: str) -> None:
        side = self._side
        for pattern in self._scenario.fixtures.dicom:
            text = side.scope.substitute(pattern.value)
            paths = sorted(path for path in self._scenario.folder.glob(text) if path.is_file())
            if not paths:
                raise PreparingError(_failure(pattern.mark, "fixtures", f"files {text}", "there are none"))
            contents = [path.read_bytes() for path in paths]
            claim(side, contents)
            self._store("POST", prefix, contents, pattern.mark, f"store {text}")

    def _store(self, method: str, prefix: str, contents: list[bytes], mark: Mark, title: str) -> None:
        self._stopping.check()
        exchange = self._side.asked(method, f"{prefix}/studies", *store_request(contents))
        status = exchange.answer.status if exchange.answer is not None else 0
        if status == 409:
            self.notes.append(f"{title}: 409, it is there already ({exchange.line()})")
        elif status not in (200, 202):
            raise PreparingError(_failure(mark, title, "200", _said(exchange), exchange))

    def _make_partition(self, prefix: str) -> None:
        """A store by POST makes a partition; one by PUT may not (azure-apis §5.1)."""
        from azdicom_scenarios.synthetic.spec import SeriesSpec, StudySpec

        mark = self._scenario.fixtures.partitions[0].mark
        scope = self._side.scope
        spec = StudySpec(alias="partition", series=(SeriesSpec(rows=8, columns=8),))
        study = build(spec, scope.seed, self._scenario.name, scope.salt)
        self._store("POST", prefix, [study.i[0].content], mark, f"make {prefix}")
        self._side.asked("DELETE", f"{prefix}/studies/{study.study}")

    def _create(self, workitem: WorkitemFixture, prefix: str) -> None:
        side = self._side
        uid = side.scope.values[workitem.alias]["uid"]
        try:
            content = (self._scenario.folder / side.scope.substitute(workitem.file.value)).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PreparingError(_failure(workitem.file.mark, "workitem", "a file", str(error))) from None
        body = side.scope.substitute(content).encode()
        headers = (("Accept", DICOM_JSON), ("Content-Type", DICOM_JSON))
        exchange = side.asked("POST", f"{prefix}/workitems?{uid}", headers, body)
        title = f"create workitem {workitem.alias}"
        if exchange.answer is not None and exchange.answer.status == 409:
            self.notes.append(f"{title}: 409, it is there already")
        elif exchange.answer is None or exchange.answer.status != 201:
            raise PreparingError(_failure(workitem.mark, title, "201", _said(exchange), exchange))

    def _add_tag(self, tag: QueryTagFixture) -> None:
        side = self._side
        entry = {"path": side.scope.substitute(tag.path.value), "level": tag.level}
        if tag.vr is not None:
            entry["vr"] = tag.vr
        if tag.private_creator is not None:
            entry["privateCreator"] = side.scope.substitute(tag.private_creator.value)
        headers = (("Accept", "application/json"), ("Content-Type", "application/json"))
        exchange = side.asked("POST", "/extendedquerytags", headers, json.dumps([entry]).encode())
        status = exchange.answer.status if exchange.answer is not None else 0
        title = f"add extended query tag {entry['path']}"
        if status == 409:
            self.notes.append(f"{title}: 409, it is there already")
            return
        if status != 202:
            raise PreparingError(_failure(tag.mark, title, "202", _said(exchange), exchange))
        side.creations.query_tags.add(entry["path"])
        wait = WaitOperation(mark=tag.mark, for_s=TAGS_FOR_S)
        last, miss = operation_end(wait, exchange, side, self._stopping)
        if miss is not None:
            raise PreparingError(Failure(step=0, title=title, mismatches=(miss,), exchange=last, side=side.name))


def store_request(contents: list[bytes]) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Headers and body of a store of these files (PS3.18 §10.5)."""
    parts = [((("Content-Type", DICOM),), content) for content in contents]
    boundary = boundary_for(parts)
    content_type = f'multipart/related; type="{DICOM}"; boundary={boundary}'
    return (("Accept", DICOM_JSON), ("Content-Type", content_type)), encoded(parts, boundary, None)


def claim(side: Side, contents: list[bytes]) -> None:
    """Before files with UIDs of their own go to a guarded service: which of their studies are not there yet."""
    if not side.creations.is_guarded:
        return
    for study in sorted(set(_studies(contents)) - side.creations.studies):
        if not side.has(f"/studies?StudyInstanceUID={study}&limit=1"):
            side.creations.studies.add(study)


def _studies(contents: list[bytes]) -> Iterator[str]:
    for content in contents:
        try:
            (data_set,) = Piece((("Content-Type", DICOM),), content).data_sets()
        except NoDataSetError:
            continue  # a file that is broken on purpose brings no study
        value = attribute(data_set, "0020000D").value
        if isinstance(value, str):
            yield value


def _said(exchange: Exchange) -> str:
    answer = exchange.answer
    return exchange.trouble if answer is None else f"{answer.status} {answer.text[:300]}".rstrip()


def _failure(mark: Mark, title: str, expected: str, actual: str, exchange: Exchange | None = None) -> Failure:
    miss = Mismatch(mark=mark, what=title, expected=expected, actual=actual)
    return Failure(step=0, title=title, mismatches=(miss,), exchange=exchange)


@contextmanager
def _told(title: str, mark: Mark) -> Iterator[None]:
    """Turns what is wrong with a fixture or variable into a PreparingError."""
    try:
        yield
    except (VariableError, SpecError) as error:
        raise PreparingError(_failure(mark, title, "a value", str(error))) from None
