"""What scenarios run against: shared services, live ones, cassettes, and two sides at once."""

import signal
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from azdicom_proxy.embedded import proxying
from azdicom_proxy.parity.model import Compared, Verdict
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address
from azdicom_scenarios.running.endpoints import Authorizer, Endpoint, Kind
from azdicom_scenarios.running.results import Outcome
from azdicom_scenarios.running.targets import BothTarget, EmulatorTarget, ReplayTarget
from tests.conftest import EmulatorWith
from tests.scenarios.running_scenarios import CT, changed, misses, run, run_text, scenario, service
from tests.support.client import Emulator

SEARCH = (
    CT
    + """
    steps:
      - get: /studies
        query: {StudyInstanceUID: "${ct1.study}"}
        expect: {status: 200}
        capture: {date: {dicom: StudyDate}}
      - {get: "/studies/${ct1.study}/metadata", headers: {Accept: application/dicom+json}, expect: {status: 200}}
"""
)
IDLE = "steps:\n  - {get: /studies, expect: {status: 204}}\n"


def test_uids_on_a_shared_service_are_those_of_the_run_and_nothing_is_left(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §13.1: UIDs are salted per run on shared targets; fixtures go with the teardown."""
    studies = []
    for _ in range(2):
        result = run_text(tmp_path, SEARCH, service(emulator.base_url))
        assert misses(result) == []
        studies.append(result.steps[1].exchanges[0].request.target)

    assert studies[0] != studies[1]
    assert run_text(tmp_path, IDLE, service(emulator.base_url)).outcome is Outcome.PASSED


def test_keep_leaves_the_data_on_a_shared_service(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §13.1: `--keep`."""
    run_text(tmp_path, SEARCH, service(emulator.base_url), keep=True)

    assert misses(run_text(tmp_path, IDLE, service(emulator.base_url))) == [("status", "204", "200")]


def test_what_is_there_already_is_reported(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §13.1: preloads that meet 409 are reported, and do not fail a run on a shared service."""
    built = run_text(tmp_path, STORE, seed=1).steps[0].exchanges[0].request.body
    assert built is not None
    begin = built.index(b"\r\n\r\n") + 4
    (tmp_path / "one.dcm").write_bytes(built[begin : built.rindex(b"\r\n--")])
    text = "fixtures: {dicom: ['*.dcm']}\nsteps:\n  - {get: /studies, expect: {status: 200}}\n"

    first = run_text(tmp_path, text, service(emulator.base_url), keep=True)
    second = run_text(tmp_path, text, service(emulator.base_url), keep=True)

    assert first.notes == ()
    assert "409" in second.notes[0]
    assert second.outcome is Outcome.PASSED


STORE = """
    fixtures: {synthetic: [{study: ct1, series: [{rows: 8, columns: 8}]}]}
    steps:
      - {post: /studies, body: {dicom: [ct1]}, expect: {status: 200}}
"""


def test_a_live_run_deletes_only_what_it_has_created(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §13.1: live runs refuse DELETE of anything not created by the run."""
    strange = run_text(tmp_path, SEARCH, service(emulator.base_url), keep=True).steps[1].exchanges[0].request.target
    study = strange.split("/")[3]
    refused = f"steps:\n  - {{delete: /studies/{study}, expect: {{status: 204}}}}\n"
    allowed = CT + '    steps:\n      - {delete: "/studies/${ct1.study}", expect: {status: 204}}\n'
    nothing = "steps:\n  - {delete: /studies/1.2.3, expect: {status: 404}}\n"

    (miss,) = misses(run_text(tmp_path, refused, service(emulator.base_url, is_live=True)))

    assert miss[0] == "DELETE"
    assert study in miss[2]
    for text in (allowed, nothing):
        assert misses(run_text(tmp_path, text, service(emulator.base_url, is_live=True))) == []
    assert len(emulator.search_studies(StudyInstanceUID=study)) == 1


def test_scenarios_are_skipped_where_they_say_so(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §12: `skip_on`."""
    text = "settings: {strict: false, skip_on: [url]}\n" + IDLE

    result = run_text(tmp_path, text, service(emulator.base_url))

    assert (result.outcome, result.reason) == (Outcome.SKIPPED, "skip_on: url")


def test_faults_need_an_emulator(tmp_path: Path, emulator_with: EmulatorWith) -> None:
    """record-replay §14: a service without an admin API cannot be made to fail."""
    text = "steps:\n  - {get: /studies, fault: {do: {status: 503}}, expect: {status: 503}}\n"
    plain = emulator_with(no_admin=True)

    assert run_text(tmp_path, text, service(plain.base_url)).outcome is Outcome.SKIPPED


def test_a_cassette_answers_what_was_recorded(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §13.1: `--target replay:CASSETTE`."""
    cassette = tmp_path / "c.yaml"
    upstream = Address.parse(emulator.base_url)
    text = "steps:\n  - {get: /studies, query: {PatientID: P-1}, expect: {status: 204}}\n"
    with proxying(ProxySettings(mode=Mode.RECORD, upstream=upstream, cassette=cassette, quiet=True)) as proxy:
        assert misses(run_text(tmp_path, text, service(proxy.url))) == []

    played = run_text(tmp_path, text, ReplayTarget(cassette))
    missed = run_text(tmp_path, text.replace("P-1", "P-2"), ReplayTarget(cassette))

    assert played.outcome is Outcome.PASSED
    assert missed.outcome is Outcome.FAILED
    assert missed.has_cassette_miss


def test_two_sides_are_compared_step_by_step(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §13.1: `both`: each step's two answers are compared, captures are kept per side."""
    pairs: list[Compared] = []

    report = run(
        scenario(tmp_path, SEARCH),
        target=BothTarget(service(emulator.base_url), EmulatorTarget()),
        on_pair=pairs.append,
    )

    (result,) = report.results
    assert misses(result) == []
    assert [pair.pair.route for pair in pairs] == ["GET /studies", "GET /studies/{study}/metadata"]
    assert {pair.verdict for pair in pairs} == {Verdict.SAME}
    assert sorted(result.variables) == ["emulator.date", "upstream.date"]


def test_a_difference_of_two_sides_is_told_and_fails_a_step_that_wants_parity(
    tmp_path: Path, emulator: Emulator
) -> None:
    """record-replay §12, §13.1: `parity: upstream`."""
    text = (
        CT
        + """
    steps:
      - get: "/studies/${ct1.study}/metadata"
        headers: {Accept: application/dicom+json}
        expect: {status: 200, parity: upstream}
"""
    )

    def rename(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return status, body.replace(b"Doe^Jane", b"Doe^John") if method == "GET" else body

    pairs: list[Compared] = []
    with changed(emulator.base_url, rename) as url:
        report = run(scenario(tmp_path, text), target=BothTarget(service(url)), on_pair=pairs.append)

    assert [pair.verdict for pair in pairs] == [Verdict.BREAKING]
    assert report.results[0].outcome is Outcome.FAILED
    assert all(what.startswith("parity: ") for what, _, _ in misses(report.results[0]))


def test_an_interrupted_run_still_tears_down(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §13.1: the teardown runs after Ctrl+C as well."""
    text = SEARCH + "      - {get: /studies, retry: {until: {status: 418}, every: 20ms, for: 60s}}\n"
    timer = Timer(1.5, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()

    report = run(
        scenario(tmp_path, text), scenario(tmp_path, IDLE, "b.scenario.yaml"), target=service(emulator.base_url)
    )

    assert report.was_interrupted
    assert [(result.outcome, result.reason) for result in report.results] == [
        (Outcome.FAILED, "interrupted"),
        (Outcome.SKIPPED, "interrupted"),
    ]
    assert report.results[0].steps[0].outcome is Outcome.PASSED
    assert run_text(tmp_path, IDLE, service(emulator.base_url)).outcome is Outcome.PASSED


PREFIXES: list[Any] = [
    pytest.param("http://h", "/v2", id="no path"),
    pytest.param("http://h/v1", "/v2", id="a version"),
    pytest.param("http://h/base/v2", "/base/v2", id="a path and a version"),
    pytest.param("http://h/dicom-web", "/dicom-web", id="a path without a version"),
]


@pytest.mark.parametrize(("url", "prefix"), PREFIXES)
def test_the_base_stands_where_the_service_has_its_version(url: str, prefix: str) -> None:
    """record-replay §12: `settings.base`; other DICOMweb services have no version."""
    from azdicom_proxy.settings import UpstreamAuth
    from azdicom_proxy.upstream_auth import UpstreamAuthorization

    authorize = Authorizer(UpstreamAuthorization(UpstreamAuth.NONE, None), has_token=False)
    endpoint = Endpoint(kind=Kind.URL, address=Address.parse(url), authorize=authorize)

    assert endpoint.path_of("/v2") == prefix
