"""How scenarios are run: requests, variables, repetitions, waits, faults, fixtures and teardown."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from azdicom_scenarios.running.results import Outcome, RunResult
from azdicom_scenarios.running.run import Options
from azdicom_scenarios.running.runner import Schedule, run_scenarios
from azdicom_scenarios.running.targets import EmulatorTarget
from tests.scenarios.running_scenarios import CT, changed, misses, run, run_text, scenario, service
from tests.support.client import Emulator
from tests.worklist.workitems import a_workitem, encoded

SIMPLE = """
    steps:
      - {get: /studies, expect: {status: 204}}
"""


def test_what_a_step_captures_is_there_for_the_next(tmp_path: Path) -> None:
    """record-replay §12: `capture`, `${…}` in a path, an absolute URL as path."""
    text = """
    fixtures: {synthetic: [{study: ct1, series: [{instances: 2, rows: 8, columns: 8}]}]}
    steps:
      - name: store
        post: /studies
        body: {dicom: [ct1]}
        expect: {status: 200}
        capture:
          url: {json: "$.00081199.Value[0].00081190.Value[0]"}
          uid: {json: "$.00081199.Value[0].00081155.Value[0]"}
          kind: {header: content-type}
          digits: {regex: '/instances/(2[.]25[.][0-9]+)'}
          code: {status: true}
      - get: "${url}/metadata"
        headers: {Accept: application/dicom+json}
        expect: {status: 200, json: {$: {length: 1}}, dicom: {SOPInstanceUID: "${uid}"}}
      - get: "/studies/${ct1.study}/series"
        query: {Modality: "${kind} ${digits} ${code}"}
        expect: {status: "2xx"}
"""
    result = run_text(tmp_path, text)

    assert misses(result) == []
    assert result.variables["code"] == "200"
    assert result.variables["uid"] == result.variables["digits"]
    assert "/v2/studies/2.25." in result.variables["url"]


def test_two_runs_send_the_same_bytes(tmp_path: Path) -> None:
    """record-replay §12: all generated values are seeded by --seed and the scenario's name."""
    text = """
    fixtures: {synthetic: [{study: ct1, series: [{rows: 8, columns: 8}]}]}
    steps:
      - post: /studies
        body: {dicom: [{from: ct1, set: {StudyID: "${rand(9)}", SOPInstanceUID: "${uid()}"}}]}
        expect: {status: 200}
"""
    sent = []
    for _ in range(2):
        result = run_text(tmp_path, text, seed=7)
        (exchange,) = result.steps[0].exchanges
        assert exchange.request.body is not None
        sent.append((exchange.request.headers, hashlib.sha256(exchange.request.body).hexdigest()))

    other = run_text(tmp_path, text, seed=8).steps[0].exchanges[0].request.body

    assert sent[0] == sent[1]
    assert other is not None
    assert hashlib.sha256(other).hexdigest() != sent[0][1]


def test_a_request_has_the_headers_that_are_written(tmp_path: Path) -> None:
    """record-replay §12: headers keep their spelling and order; only Accept is added, as all clients do."""
    text = """
    steps:
      - {get: /studies, query: {PatientName: "Doe^Jane", includefield: [a, "b c"]}, headers: {x-One: "1", X-two: "2"}}
"""
    seen: list[tuple[tuple[str, str], ...]] = []
    targets: list[str] = []

    with _echo(seen, targets) as url:
        run_text(tmp_path, text, service(url))

    assert [name for name, _ in seen[0]] == ["Host", "x-One", "X-two", "Accept"]
    assert targets[0] == "/v2/studies?PatientName=Doe%5EJane&includefield=a&includefield=b%20c"


@contextmanager
def _echo(seen: list[tuple[tuple[str, str], ...]], targets: list[str]) -> Iterator[str]:
    """A server that keeps the heads of requests and answers 204."""
    import asyncio

    from aiohttp import web

    from azdicom_emulator.hosting import Announce, hosted

    async def serve(announce: Announce) -> None:
        stopping = asyncio.Event()

        async def answer(request: web.BaseRequest) -> web.Response:
            seen.append(tuple((name.decode(), value.decode()) for name, value in request.raw_headers))
            targets.append(request.raw_path)
            await request.read()
            return web.Response(status=204)

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        announce(f"http://127.0.0.1:{runner.addresses[0][1]}", stopping)
        await stopping.wait()
        await runner.cleanup()

    with hosted("echo", serve) as server:
        yield server.url


def test_a_chunked_request_is_sent_in_chunks(tmp_path: Path) -> None:
    """record-replay §3: requests without a length; a step asks for it by the header."""
    text = """
    steps:
      - {post: /studies, headers: {Transfer-Encoding: chunked, Content-Type: text/plain}, body: {text: hello}}
"""
    seen: list[tuple[tuple[str, str], ...]] = []

    with _echo(seen, []) as url:
        run_text(tmp_path, text, service(url))

    names = [name.lower() for name, _ in seen[0]]
    assert "transfer-encoding" in names
    assert "content-length" not in names


BODIES = [
    pytest.param("{dicom: [ct1]}", "200", id="an alias, all instances"),
    pytest.param('{dicom: ["ct1.i[0]"], as: single}', "200", id="one instance, not multipart"),
    pytest.param('{dicom: [{from: "ct1.i[0]", raw: {StudyDate: notadate}}]}', "202", id="an invalid value on purpose"),
    pytest.param('{dicom: [{from: "ct1.i[0]", remove: [SOPInstanceUID]}]}', "409", id="an attribute missing"),
    pytest.param("{dicom: [ct1], malformed: no-final-boundary}", "200", id="no final boundary"),
    pytest.param("{dicom: [ct1], malformed: wrong-boundary}", "400", id="a boundary that is not in the body"),
    pytest.param("{dicom: [ct1], malformed: 'truncate:100'}", "204", id="cut after 100 bytes: no whole part"),
    pytest.param(
        "{multipart: [{headers: {Content-Type: application/dicom}, body: {base64: AAAA}}], boundary: b}",
        "409",
        id="parts by hand, of no DICOM file",
    ),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
def test_bodies_are_made_as_written(tmp_path: Path, body: str, status: str) -> None:
    """record-replay §12, request keys; the statuses are those of store §4.2 and §8.1."""
    accept = (
        "{Accept: application/dicom+json, Content-Type: 'multipart/related; type=\"application/dicom\"; boundary=b'}"
    )
    headers = accept if "multipart" in body else "{Accept: application/dicom+json}"
    text = f"""
    fixtures: {{synthetic: [{{study: ct1, series: [{{instances: 2, rows: 8, columns: 8}}]}}]}}
    steps:
      - {{post: /studies, headers: {headers}, body: {body}, expect: {{status: {status}}}}}
"""
    assert misses(run_text(tmp_path, text)) == []


def test_changed_attributes_are_stored_as_changed(tmp_path: Path) -> None:
    """record-replay §12: `set` and `remove` in `dicom`, nested paths included."""
    text = """
    fixtures: {synthetic: [{study: ct1, series: [{rows: 8, columns: 8}]}]}
    steps:
      - post: /studies
        body:
          dicom:
            - from: "ct1.i[0]"
              set: {PatientName: Doe^John, Rows: "8", "RequestAttributesSequence[1].ScheduledProcedureStepID": STEP}
              remove: [StudyDescription]
        expect: {status: 200}
      - get: "/studies/${ct1.study}/metadata"
        headers: {Accept: application/dicom+json}
        expect:
          dicom:
            PatientName: Doe^John
            Rows: "8"
            StudyDescription: {exists: false}
            RequestAttributesSequence: {length: 2}
            "RequestAttributesSequence[1].ScheduledProcedureStepID": STEP
"""
    assert misses(run_text(tmp_path, text)) == []


def test_a_retry_goes_on_until_the_answer_is_as_wanted(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §12: `retry: {until, every, for}`."""
    calls: list[str] = []

    def late(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        calls.append(path)
        return (503 if len(calls) < 4 else status), body

    text = """
    steps:
      - {get: /studies, retry: {until: {status: 204}, every: 5ms, for: 5s}}
"""
    with changed(emulator.base_url, late) as url:
        result = run_text(tmp_path, text, service(url))

    assert result.outcome is Outcome.PASSED
    assert len(calls) == 4


def test_a_retry_that_never_succeeds_says_how_often_it_was_tried(tmp_path: Path) -> None:
    """record-replay §12."""
    text = """
    steps:
      - {get: /studies, retry: {until: {status: 200}, every: 10ms, for: 50ms}}
"""
    result = run_text(tmp_path, text)

    assert misses(result) == [("status", "200", "204")]
    assert result.failures[0].attempts > 1


def test_an_operation_is_followed_to_its_end(tmp_path: Path) -> None:
    """record-replay §12: `wait_operation`; a failed one is named at once."""
    text = (
        CT
        + """
    steps:
      - post: /studies/$bulkUpdate
        body:
          json:
            studyInstanceUids: ["${ct1.study}"]
            changeDataset: {"00100010": {vr: PN, Value: [{Alphabetic: New^Name}]}}
        expect: {status: 202}
        wait_operation: {from: body, for: 20s}
      - get: /studies
        query: {PatientName: New^Name}
        expect: {status: 200}
"""
    )
    result = run_text(tmp_path, text)

    assert misses(result) == []
    assert [exchange.request.method for exchange in result.steps[0].exchanges] == ["POST", "GET"]


def test_a_step_is_repeated_in_a_row_or_at_once(tmp_path: Path) -> None:
    """record-replay §12: `repeat: N`, `parallel: true`; `${index}` tells which time it is."""
    text = """
    fixtures: {synthetic: [{study: ct1, series: [{rows: 8, columns: 8}]}]}
    steps:
      - {name: row, get: "/studies", query: {limit: "${index}1"}, repeat: 3, expect: {status: 204}}
      - name: once
        post: /studies
        body: {dicom: [ct1]}
        repeat: 4
        parallel: true
        expect: {status: [200, 409]}
"""
    result = run_text(tmp_path, text)

    assert misses(result) == []
    targets = [exchange.request.target for exchange in result.steps[0].exchanges]
    assert targets == [f"/v2/studies?limit={index}1" for index in range(3)]
    statuses = sorted(exchange.answer.status for exchange in result.steps[1].exchanges if exchange.answer)
    assert statuses == [200, 409, 409, 409]


def test_a_step_runs_for_each_item_and_only_when_its_condition_holds(tmp_path: Path) -> None:
    """record-replay §12: `for_each`, `when`."""
    text = (
        CT
        + """
    steps:
      - {get: "${each.path}/metadata", for_each: {each: ct1.i}, expect: {status: 200, json: {$: {length: 1}}}}
      - {get: /studies, when: "${ct1.patient_id} == other", expect: {status: 418}}
"""
    )
    result = run_text(tmp_path, text)

    assert misses(result) == []
    assert len(result.steps[0].exchanges) == 2
    assert result.steps[1].outcome is Outcome.SKIPPED


def test_fault_rules_act_while_their_step_runs(tmp_path: Path) -> None:
    """record-replay §14: a rule without a route is about the step's own request; it is gone for the next step."""
    text = """
    steps:
      - {get: /studies, fault: {do: {status: 503, retry_after: 2}}, expect: {status: 503, headers: {Retry-After: "2"}}}
      - {get: /studies, expect: {status: 204}}
      - {get: /studies, fault: {do: {reset: true}, times: 1}, retry: {until: {status: 204}, every: 5ms, for: 2s}}
"""
    assert misses(run_text(tmp_path, text)) == []


def test_fixtures_are_there_before_the_first_step(tmp_path: Path) -> None:
    """record-replay §12: preloaded studies, files, workitems, extended query tags."""
    (tmp_path / "wi.json").write_bytes(encoded(a_workitem()))
    text = """
    settings: {strict: false}
    fixtures:
      synthetic: [{study: ct1, patient: {id: P-9}, series: [{rows: 8, columns: 8}]}]
      preload: [ct1]
      workitems: [{alias: wi1, file: wi.json}]
      extended_query_tags: [{path: "00181030", level: Series, vr: LO}]
    steps:
      - {get: "/workitems/${wi1.uid}", headers: {Accept: application/dicom+json}, expect: {status: 200}}
      - {get: /extendedquerytags/00181030, expect: {status: 200, json: {$.status: ready}}}
      - {get: /studies, query: {PatientID: P-9}, expect: {status: 200}}
"""
    assert misses(run_text(tmp_path, text)) == []


def test_partitions_are_made(tmp_path: Path) -> None:
    """record-replay §12: `fixtures.partitions` turns them on and makes them."""
    text = """
    fixtures: {partitions: [ward-a, ward-b]}
    steps:
      - {get: /partitions, expect: {status: 200, json: {"$[*].partitionName": {contains: ward-b}}}}
      - {get: /partitions/ward-a/studies, expect: {status: 204}}
"""
    assert misses(run_text(tmp_path, text)) == []


def test_settings_of_the_emulator_are_those_of_serve(tmp_path: Path) -> None:
    """record-replay §12: `settings.config` is passed to an emulator in this process."""
    text = """
    settings: {strict: false, config: {auth: jwt, max_extended_query_tags: "0"}}
    steps:
      - {get: /studies, expect: {status: 204}}
      - {get: /studies, auth: none, expect: {status: 401}}
      - {get: /studies, headers: {Authorization: Bearer wrong}, expect: {status: 401}}
"""
    assert misses(run_text(tmp_path, text)) == []


def test_steps_end_with_the_first_failure_and_the_teardown_runs_all_the_same(tmp_path: Path) -> None:
    """record-replay §13.1: the teardown always runs."""
    text = """
    steps:
      - {get: /studies, expect: {status: 200}}
      - {get: /series, expect: {status: 204}}
    teardown:
      - {name: after, get: /instances, expect: {status: 204}}
"""
    result = run_text(tmp_path, text)

    assert [step.title for step in result.steps] == ["GET /studies", "after"]
    assert misses(result) == [("status", "200", "204")]


def test_keep_leaves_the_teardown_out(tmp_path: Path) -> None:
    """record-replay §13.1: `--keep`."""
    text = SIMPLE + "    teardown:\n      - {get: /instances, expect: {status: 204}}\n"

    assert len(run_text(tmp_path, text, keep=True).steps) == 1


def test_step_stops_behind_that_step(tmp_path: Path) -> None:
    """record-replay §13.2: `--step N`."""
    text = SIMPLE + "      - {get: /series, expect: {status: 200}}\n"

    result = run_text(tmp_path, text, last_step=1)

    assert result.outcome is Outcome.PASSED
    assert [step.number for step in result.steps] == [1]


def test_each_scenario_has_an_empty_emulator(tmp_path: Path) -> None:
    """record-replay §13.1: truly isolated, though emulators are used again."""
    stores = scenario(tmp_path, CT + "    steps:\n      - {get: /studies, expect: {status: 200}}\n", "b.scenario.yaml")
    empty = scenario(tmp_path, SIMPLE, "c.scenario.yaml")

    report = run(stores, empty, stores, empty)

    assert [result.outcome for result in report.results] == [Outcome.PASSED] * 4


def test_one_run_for_each_row_of_parameters(tmp_path: Path) -> None:
    """record-replay §12: `parameters`."""
    text = """
    parameters: [{id: ct, modality: CT}, {id: mr, modality: MR}]
    fixtures:
      synthetic: [{study: one, series: [{modality: "${param.modality}", rows: 8, columns: 8}]}]
      preload: [one]
    steps:
      - {get: /series, query: {Modality: "${param.modality}"}, expect: {status: 200}}
"""
    report = run(scenario(tmp_path, text))

    assert [result.id for result in report.results] == ["a[ct]", "a[mr]"]
    assert [result.outcome for result in report.results] == [Outcome.PASSED] * 2


def test_runs_at_once_give_results_in_the_order_of_the_files(tmp_path: Path) -> None:
    """record-replay §13.1: `-j N`."""
    scenarios = [scenario(tmp_path, SIMPLE, f"s{number}.scenario.yaml") for number in range(6)]

    report = run(*scenarios, schedule=Schedule(jobs=3))

    assert [result.name for result in report.results] == [f"s{number}" for number in range(6)]
    assert {result.outcome for result in report.results} == {Outcome.PASSED}


def test_fail_fast_and_max_time_leave_the_rest_out(tmp_path: Path) -> None:
    """record-replay §13.1: `--fail-fast`, `--max-time`."""
    failing = scenario(tmp_path, SIMPLE.replace("204", "200"), "f.scenario.yaml")
    simple = scenario(tmp_path, SIMPLE, "g.scenario.yaml")

    fast = run(failing, simple, schedule=Schedule(fail_fast=True))
    late = run(simple, schedule=Schedule(max_time_s=0.000001))

    assert [result.outcome for result in fast.results] == [Outcome.FAILED, Outcome.SKIPPED]
    assert late.results[0].outcome is Outcome.SKIPPED
    assert late.is_over_time


def test_a_shuffled_order_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """record-replay §13.1: `--shuffle`, `--seed`; results are told in the order of the runs."""
    scenarios = [scenario(tmp_path, SIMPLE, f"s{number}.scenario.yaml") for number in range(8)]
    orders: list[list[str]] = []
    for _ in range(2):
        told: list[RunResult] = []
        run_scenarios(
            scenarios, EmulatorTarget(), options=Options(seed=3), schedule=Schedule(shuffle=True), on_result=told.append
        )
        orders.append([result.name for result in told])

    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])
