"""Scenario files become values: every scalar a text, then what the schema says (record-replay §12)."""

from pathlib import Path

import pytest

from azdicom_scenarios import model
from azdicom_scenarios.loading import study_spec
from azdicom_scenarios.scenario_files import load, scenario_files
from azdicom_scenarios.synthetic.spec import PatientSpec, SeriesSpec, StudySpec
from azdicom_scenarios.variables import Scope

WHOLE = """\
name: store-search-delete            # required, unique
description: A study is found until it is deleted.
tags: [smoke, qido]
settings:
  strict: true
  timeout: 1m
  skip_on: [live]
  config: {api-version: 2}
parameters:
  - {id: plain, modality: CT}
  - {id: us, modality: US}
vars: {pid: "P-${param.id}"}
fixtures:
  synthetic:
    - study: ct1
      patient: {id: "${pid}", name: Doe^Jane}
      date: "20240115"
      series: [{modality: "${param.modality}", instances: 2, rows: 16, columns: 16, frames: 1}]
  preload: [ct1]
  extended_query_tags: [{path: 00101002, level: Study}]
  partitions: [ward-a]
steps:
  - name: search by patient
    get: /studies
    query: {PatientID: "${pid}", includefield: [00080061, 00100020]}
    headers: {Accept: application/dicom+json}
    auth: none
    expect:
      status: [200, 2xx]
      headers: {Content-Type: {contains: dicom+json}}
      json: {"$": {length: 1}, "$[0].n": 12, "$[0].t": "12", "$[0].o": {a: 007}}
      dicom:
        item: {where: {PatientID: "${pid}"}}
        StudyInstanceUID: "${ct1.study}"
        00100020: {any_of: [NO, {matches: "P-.*"}]}
    capture: {url: {dicom: RetrieveURL}, code: {status: true}}
    when: ${param.id} == plain
  - post: "/studies/${url}"
    body: {dicom: [ct1, {from: "ct1.i[0]", set: {PatientID: X}, raw: {00080020: "notadate"}}], malformed: truncate:100}
    repeat: 3
    parallel: true
    for_each: {instance: ct1.i}
    retry: {until: {status: 204}, every: 200ms, for: 5s}
    fault: {do: {status: 503}}
teardown:
  - delete: "/studies/${ct1.study}"
    expect: {status: [204, 404]}
"""


def whole(folder: Path) -> model.Scenario:
    return loaded(folder, WHOLE)


def loaded(folder: Path, text: str) -> model.Scenario:
    file = folder / "a.scenario.yaml"
    file.write_text(text)
    found = load(file)
    assert found.scenario is not None, found.findings
    return found.scenario


def step(folder: Path, text: str) -> model.Step:
    return loaded(folder, f"name: a\nsteps:\n  - {text}\n").steps[0]


def test_the_head_of_a_scenario(tmp_path: Path) -> None:
    """Record-replay §12."""
    scenario = whole(tmp_path)

    assert (scenario.name, scenario.tags) == ("store-search-delete", ("smoke", "qido"))
    assert scenario.settings.timeout_s == 60
    assert scenario.settings.is_strict
    assert scenario.settings.skip_on == {model.TargetKind.LIVE}
    assert scenario.settings.config == {"api_version": "2"}
    assert [row.id for row in scenario.parameters] == ["plain", "us"]
    assert scenario.parameters[1].values["modality"].value == "US"
    assert [(str(name), str(value)) for name, value in scenario.variables] == [("pid", "P-${param.id}")]


def test_synthetic_studies_become_specifications_once_their_variables_are_known(tmp_path: Path) -> None:
    """Record-replay §12, `fixtures.synthetic`."""
    (study,) = whole(tmp_path).fixtures.synthetic
    scope = Scope(seed=1, scenario_name="x", values={"pid": "P-us", "param": {"modality": "US"}})

    assert study_spec(study, scope) == StudySpec(
        alias="ct1",
        patient=PatientSpec(id="P-us", name="Doe^Jane"),
        date="20240115",
        series=(SeriesSpec(modality="US", instances=2, rows=16, columns=16, frames=1),),
    )


def test_requests_keep_order_and_repeated_parameters(tmp_path: Path) -> None:
    """Record-replay §12, request keys: list values repeat, order kept, hex tags are texts."""
    request = whole(tmp_path).steps[0].request

    assert request is not None
    assert (request.method, str(request.path), request.auth) == ("GET", "/studies", model.Auth.NONE)
    assert [(str(name), str(value)) for name, value in request.query] == [
        ("PatientID", "${pid}"),
        ("includefield", "00080061"),
        ("includefield", "00100020"),
    ]


def test_expectations_become_matchers(tmp_path: Path) -> None:
    """Record-replay §12, expect keys and matchers: JSON literals have JSON's types, DICOM's are texts."""
    expect = whole(tmp_path).steps[0].expect

    assert expect is not None
    assert [str(code) for code in expect.status] == ["200", "2xx"]
    length, number, text, literal = (matcher for _, matcher in expect.json)
    assert isinstance(length, model.Length)
    assert isinstance(length.matcher, model.Equals)
    assert length.matcher.value == 1
    assert [each.value for each in (number, text, literal) if isinstance(each, model.Equals)] == [
        12,
        "12",
        {"a": "007"},
    ]
    assert expect.dicom is not None
    assert [str(name) for name, _ in expect.dicom.where] == ["PatientID"]
    tag, any_of = expect.dicom.attributes[1]
    assert str(tag) == "00100020"
    assert isinstance(any_of, model.AnyOf)
    first, second = any_of.matchers
    assert isinstance(first, model.Equals)
    assert first.value == "NO"
    assert isinstance(second, model.Matches)
    assert str(second.pattern) == "P-.*"


def test_the_other_keys_of_steps(tmp_path: Path) -> None:
    """Record-replay §12, other step keys."""
    first, second = whole(tmp_path).steps

    assert [(each.name, each.locator, str(each.where)) for each in first.captures] == [
        ("url", model.Locator.DICOM, "RetrieveURL"),
        ("code", model.Locator.STATUS, ""),
    ]
    assert str(first.when) == "${param.id} == plain"
    assert (second.repeat, second.is_parallel) == (3, True)
    assert second.for_each is not None
    assert str(second.for_each.items) == "ct1.i"
    assert second.retry is not None
    assert (second.retry.every_s, second.retry.for_s) == (0.2, 5)
    assert second.faults[0].rule == {"do": {"status": 503}}
    assert second.request is not None
    body = second.request.body
    assert isinstance(body, model.DicomBody)
    assert body.defect is not None
    assert (body.defect.kind, body.defect.at_byte) == (model.Malformed.TRUNCATE, 100)
    assert [str(source.source) for source in body.sources] == ["ct1", "ct1.i[0]"]
    assert [(str(tag), value) for tag, value in body.sources[1].raw] == [("00080020", "notadate")]


def test_steps_of_the_teardown_are_numbered_on(tmp_path: Path) -> None:
    """A report names a step by one number."""
    assert [each.number for each in whole(tmp_path).teardown] == [3]


def test_every_value_knows_its_place(tmp_path: Path) -> None:
    """Record-replay §13.2: failures name the line and column of the expectation."""
    expect = whole(tmp_path).steps[0].expect

    assert expect is not None
    _, matcher = expect.headers[0]
    line = WHOLE.splitlines()[matcher.mark.line - 1]
    assert line[matcher.mark.column - 1 :] == "contains: dicom+json}}"


@pytest.mark.parametrize(
    "written", ["00100020", "20240115", "2024-01-15", "12:30:45", "2.25", "NO", "on", "0020", "null", "~", "1e3"]
)
def test_what_yaml_would_resolve_stays_text(tmp_path: Path, written: str) -> None:
    """Record-replay §12, YAML traps: integers, dates, sexagesimals, floats, booleans, octals."""
    request = step(tmp_path, f"{{get: /studies, query: {{x: {written}}}, expect: {{status: 200}}}}").request

    assert request is not None
    assert str(request.query[0][1]) == written


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12", 12),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("'12'", "12"),
        ("012", "012"),
        ("NO", "NO"),
        ("2024-01-15", "2024-01-15"),
        ("12:30:45", "12:30:45"),
    ],
)
def test_json_bodies_read_plain_scalars_as_json_does(tmp_path: Path, written: str, value: object) -> None:
    """Record-replay §12, `body: {json: …}`: YAML's further guesses are not made."""
    request = step(tmp_path, f"{{post: /export, body: {{json: {{x: {written}}}}}, expect: {{status: 202}}}}").request

    assert request is not None
    assert isinstance(request.body, model.JsonBody)
    assert request.body.json == {"x": value}


def test_a_list_of_one_differs_from_a_single_value_of_for_each(tmp_path: Path) -> None:
    """Record-replay §12, `for_each`: a list of texts, or one name of a list."""
    for_each = step(tmp_path, "{get: /studies, for_each: {x: [ct1.i]}, expect: {status: 200}}").for_each

    assert for_each is not None
    assert not isinstance(for_each.items, model.Text)
    assert [str(item) for item in for_each.items] == ["ct1.i"]


def test_anchors_may_repeat_values(tmp_path: Path) -> None:
    """Record-replay §12: fewer than 100 aliases are fine."""
    first, second = loaded(
        tmp_path,
        "name: a\nsteps:\n  - {get: /studies, expect: &ok {status: 200}}\n  - {get: /series, expect: *ok}\n",
    ).steps

    assert first.expect == second.expect


def test_a_folder_stands_for_the_scenarios_below_it(tmp_path: Path) -> None:
    """Record-replay §12: files are called `*.scenario.yaml`."""
    for name in ("b/x.scenario.yaml", "a.scenario.yaml", "other.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert [each.name for each in scenario_files([tmp_path])] == ["a.scenario.yaml", "x.scenario.yaml"]
