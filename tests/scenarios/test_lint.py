"""Every rule finds its planted error at its line and column, all in one pass (record-replay §13.5, §16 check 13)."""

from datetime import date
from pathlib import Path

import pytest

from azdicom_scenarios.findings import RULES, Finding
from azdicom_scenarios.scenario_files import load, load_all

TODAY = date(2026, 1, 2)
PLANTED = """\
tags: [smoke]
settings: {timeout: 10}
vars: {pid: P-1, pid: P-2}
fixtures:
  dicom: [nothing/*.dcm]
  synthetic:
    - {study: ct1, date: 20240115}
    - {study: ct1}
steps:
  - name: search
    get: /studies
    query: {PatientID: "${ct2.study}"}
    expect:
      statu: 200
      json: {"$[": 1}
      dicom: {PatientNam: Doe}
    capture: {url: {dicom: RetrieveURL}}
  - get: /studys
    expect: {status: [two]}
  - sleep: 2s
  - get: /studies
teardown:
  - delete: /studies/1.2.3
parity:
  - {do: ignore, because: not modelled, until: 2026-01-01}
"""
EXPECTED = [
    (1, 1, "missing-name"),
    (2, 21, "bad-duration"),
    (3, 18, "duplicate-key"),
    (5, 11, "missing-file"),
    (7, 26, "unquoted-number-in-dicom"),
    (8, 15, "duplicate-name"),
    (12, 25, "undefined-variable"),
    (14, 7, "unknown-key"),
    (15, 14, "bad-jsonpath"),
    (16, 15, "bad-tag"),
    (17, 15, "unused-capture"),
    (18, 10, "unknown-route"),
    (19, 23, "wrong-type"),
    (20, 5, "sleep"),
    (21, 5, "no-expectation"),
    (23, 13, "live-delete"),
    (25, 48, "expired-rule"),
]


def findings(folder: Path, text: str) -> tuple[Finding, ...]:
    file = folder / "a.scenario.yaml"
    file.write_text(text)
    return load(file, today=TODAY).findings


def rules(folder: Path, steps: str, before: str = "") -> list[str]:
    """The rules that steps break; `get: /studies` with `expect: {status: 200}` breaks none."""
    return [finding.rule for finding in findings(folder, f"name: a\n{before}steps:\n{steps}")]


def test_every_rule_finds_its_planted_error_in_one_pass(tmp_path: Path) -> None:
    """Record-replay §16, check 13."""
    found = findings(tmp_path, PLANTED)

    assert [(each.mark.line, each.mark.column, each.rule) for each in found] == EXPECTED


def test_no_rule_is_left_without_a_planted_error() -> None:
    """Syntax and missing keys have tests of their own: they are about other files."""
    assert {rule for *_, rule in EXPECTED} | {"syntax", "missing-key"} == set(RULES)


def test_findings_read_as_the_specification_prints_them(tmp_path: Path) -> None:
    """Record-replay §13.5, the three examples."""
    texts = [str(each).removeprefix(f"{tmp_path}/") for each in findings(tmp_path, PLANTED)]

    assert "a.scenario.yaml:20:5: warning[sleep]: use retry or wait_operation instead of a fixed sleep" in texts
    assert (
        "a.scenario.yaml:14:7: error[unknown-key]: 'statu' is not allowed under expect; did you mean 'status'?" in texts
    )
    assert "a.scenario.yaml:12:25: error[undefined-variable]: ${ct2.study}: no fixture 'ct2' (have: ct1)" in texts


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("name: [a\nsteps: []\n", (2, 6), id="not YAML"),
        pytest.param("name: !!str a\nsteps: []\n", (1, 7), id="tag"),
        pytest.param("name: a\n---\nname: b\n", (2, 1), id="two documents"),
        pytest.param("", (1, 1), id="empty"),
        pytest.param("name: *a\n", (1, 7), id="undefined alias"),
        pytest.param("name: a\nx: &x [1]\ny: [" + "*x, " * 101 + "]\n", (3, 405), id="too many aliases"),
    ],
)
def test_what_is_no_plain_yaml_is_a_syntax_error_at_its_place(
    tmp_path: Path, text: str, place: tuple[int, int]
) -> None:
    """Record-replay §12, YAML traps."""
    (found,) = [each for each in findings(tmp_path, text) if each.rule == "syntax"]

    assert (found.mark.line, found.mark.column) == place


def test_aliases_of_aliases_do_not_multiply(tmp_path: Path) -> None:
    """Record-replay §12: ten values to the power of ten would not fit in any memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    (found,) = findings(tmp_path, "\n".join(lines))

    assert found.rule == "syntax"
    assert "more than 1000000 values" in found.text


def test_a_file_over_five_megabytes_is_refused_unread(tmp_path: Path) -> None:
    """Record-replay §12, YAML traps."""
    (found,) = findings(tmp_path, "#" * (5 * 1024 * 1024 + 1))

    assert found.rule == "syntax"


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        pytest.param("{get: /studies, post: /studies, expect: {status: 200}}", "missing-key", id="two methods"),
        pytest.param("{method: REPORT, expect: {status: 200}}", "missing-key", id="method without path"),
        pytest.param("{expect: {status: 200}}", "missing-key", id="expectation without request"),
        pytest.param("{post: /studies, body: {as: single}, expect: {status: 200}}", "missing-key", id="empty body"),
        pytest.param("{get: /studies, expect: {status: 200}, fault: {do: {status: x}}}", "wrong-type", id="bad fault"),
        pytest.param("{get: /studies, expect: {status: 200}, when: 1 <> 2}", "wrong-type", id="bad condition"),
        pytest.param("{get: /studies, expect: {same_as: b}}", "undefined-variable", id="same_as of no step"),
        pytest.param("{get: '/studies/${', expect: {status: 200}}", "undefined-variable", id="unclosed variable"),
        pytest.param("{get: '/${index}', expect: {status: 200}}", "undefined-variable", id="index without repeat"),
        pytest.param("{post: /studies, body: {dicom: ct9}, expect: {status: 200}}", "undefined-variable", id="alias"),
        pytest.param("{post: /studies, body: {dicom: no.dcm}, expect: {status: 200}}", "missing-file", id="file"),
        pytest.param("{get: '/studies?x=${file(no)}', expect: {status: 200}}", "missing-file", id="file()"),
        pytest.param("{patch: /studies, expect: {status: 200}}", "unknown-route", id="method of no route"),
        pytest.param("{get: studies, expect: {status: 200}}", "unknown-route", id="no slash"),
        pytest.param("{get: /studies, expect: {dicom: {StudyDate: 20240115}}}", "unquoted-number-in-dicom", id="date"),
        pytest.param(
            "{post: /workitems, body: {json: {'00404041': {vr: CS, Value: [1]}}}, expect: {status: 201}}",
            "unquoted-number-in-dicom",
            id="number in DICOM JSON",
        ),
        pytest.param(
            "{get: /studies, expect: {json: {$: {lenght: 1, x: 2}}}}", "unknown-key", id="misspelt matcher of two keys"
        ),
    ],
)
def test_a_wrong_step_breaks_the_rule(tmp_path: Path, step: str, rule: str) -> None:
    """Record-replay §13.5."""
    assert rule in rules(tmp_path, f"  - {step}\n")


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("{get: /nowhere, expect: {status: 404}}", id="an unknown route that is expected to be refused"),
        pytest.param("{get: 'https://example.org/x', expect: {status: 200}}", id="an absolute URL"),
        pytest.param("{get: /studies, expect: {dicom: {Rows: 16}}}", id="number of a numeric VR"),
        pytest.param("{get: /studies, expect: {dicom: {00280010: {gt: 16}}}}", id="number to compare with"),
        pytest.param("{get: /studies, query: {limit: 1}, repeat: 2, expect: {status: 2xx}}", id="class of status"),
        pytest.param("{get: /studies, expect: {json: {'$[0].00080060': {vr: CS}}}}", id="JSONPath with a tag"),
        pytest.param("{get: /studies, expect: {json: {$: {a: 1}}}}", id="an object as a literal"),
        pytest.param("{note: look here}", id="only a note"),
        pytest.param("{post: /studies, body: {dicom: 'ct1.i[1]'}, expect: {status: 200}}", id="instance of an alias"),
        pytest.param("{get: '/studies/${ct1.study}/series/${ct1.s[0].series}', expect: {status: 200}}", id="aliases"),
    ],
)
def test_a_right_step_breaks_no_rule(tmp_path: Path, step: str) -> None:
    """Record-replay §12, §13.5."""
    fixtures = "fixtures: {synthetic: [{study: ct1, series: [{instances: 2}]}]}\n"

    assert rules(tmp_path, f"  - {step}\n", fixtures) == []


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("${ct1.i[2].sop}", "ct1 has 2 instances, counted from 0"),
        ("${ct1.stdy}", "ct1 has no 'stdy' (have: i, path, patient_id, s, study); did you mean 'study'?"),
        ("${ct1.s.series}", "ct1.s is a list: an index is missing"),
        ("${later}", "'later' is captured only in line 5"),
        ("${param.x}", "the scenario has no parameters"),
        ("${uid(1)}", "uid() takes no arguments, not 1"),
        ("${who()}", "there is no function who() (have: uid, now, date, env, file, b64, rand)"),
    ],
)
def test_undefined_variables_say_what_there_is(tmp_path: Path, reference: str, text: str) -> None:
    """Record-replay §13.5, undefined-variable."""
    found = findings(
        tmp_path,
        "name: a\n"
        "fixtures: {synthetic: [{study: ct1, series: [{instances: 2}]}]}\n"
        "steps:\n"
        f"  - {{get: /studies, query: {{x: '{reference}'}}, expect: {{status: 200}}}}\n"
        "  - {get: /studies, capture: {later: {status: true}}, expect: {status: 200}}\n"
        "  - {get: /studies, query: {x: '${later}'}, expect: {status: 200}}\n",
    )

    assert [(each.rule, each.mark.line) for each in found] == [("undefined-variable", 4)]
    assert text in found[0].text


def test_a_variable_is_marked_where_it_stands_in_a_block(tmp_path: Path) -> None:
    """Record-replay §13.5: line and column."""
    (found,) = findings(
        tmp_path,
        "name: a\nsteps:\n  - post: /studies\n    expect: {status: 200}\n    body:\n      text: |\n        one\n"
        "        two ${x}\n",
    )

    assert (found.mark.line, found.mark.column) == (8, 13)


def test_impossible_synthetic_studies_are_found_before_a_run(tmp_path: Path) -> None:
    """A compressed structured report has no pixels to compress."""
    (found,) = findings(
        tmp_path,
        "name: a\nfixtures:\n  synthetic: [{study: sr, series: [{modality: SR, transfer_syntax: rle}]}]\nsteps: []\n",
    )

    assert (found.rule, found.mark.line) == ("wrong-type", 3)
    assert "SR has none" in found.text


def test_deleting_what_the_scenario_made_is_no_live_delete(tmp_path: Path) -> None:
    """Record-replay §13.1: live runs refuse DELETE of anything not created by the run."""
    tags = "fixtures: {extended_query_tags: [{path: '00101002', level: Study}]}\n"
    step = "  - {delete: /extendedquerytags/00101002, expect: {status: 204}}\n"

    assert rules(tmp_path, step, tags) == []
    assert rules(tmp_path, step) == ["live-delete"]
    assert rules(tmp_path, step, "settings: {skip_on: live}\n") == []


def test_two_files_may_not_have_one_name(tmp_path: Path) -> None:
    """Record-replay §12: `name` is unique."""
    files = [tmp_path / "a.scenario.yaml", tmp_path / "b.scenario.yaml"]
    for file in files:
        file.write_text("name: same\nsteps: []\n")

    first, second = load_all(files)

    assert first.findings == ()
    assert [(each.rule, each.mark.line, each.mark.column) for each in second.findings] == [("duplicate-name", 1, 7)]
    assert second.scenario is None
