"""The pytest plugin's fixtures, marks and options, in runs of pytest of their own (record-replay §13.3)."""

from pathlib import Path

import pytest

from azdicom_emulator.settings import Settings
from tests.scenarios.plugin_runs import Project
from tests.support.client import Emulator
from tests.support.instances import an_instance
from tests.support.server import running

pytestmark = pytest.mark.slow

HEADER = """
import urllib.error
import urllib.request

import pytest
from pydicom.dataset import Dataset

ACCEPT = {"Accept": "application/dicom+json"}


def image(patient="P-1", study="1.2.3"):
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID = study, study + ".1", study + ".1.1"
    made.PatientID, made.Modality = patient, "OT"
    return made


def found(url, patient="P-1"):
    request = urllib.request.Request(f"{url}/studies?PatientID={patient}", headers=ACCEPT)
    with urllib.request.urlopen(request) as answer:
        return answer.status
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_emulator_is_one_a_session_and_clean_where_a_test_wants_it(project: Project) -> None:
    """dicom_emulator, dicom_clean, store; record-replay §13.3."""
    project.write(
        "test_it.py",
        HEADER
        + """
URLS = set()

def test_stores(dicom_clean):
    URLS.add(dicom_clean.url)
    stored = dicom_clean.store(image())
    assert stored["00081199"]["Value"][0]["00081155"]["Value"] == ["1.2.3.1.1"]
    assert found(dicom_clean.service_url) == 200

def test_keeps(dicom_emulator):
    URLS.add(dicom_emulator.url)
    assert found(dicom_emulator.service_url) == 200

def test_is_empty_again(dicom_clean):
    assert found(dicom_clean.service_url) == 204

def test_says_what_was_not_stored(dicom_clean):
    with pytest.raises(AssertionError, match="409"):
        dicom_clean.store(b"no DICOM file")

def test_one_server():
    assert len(URLS) == 1
""",
    )

    run = project.run()

    assert run.counts == {"passed": 5}, run.text


def test_fixtures_serve_asynchronous_tests(project: Project) -> None:
    """The server has a loop of its own, so that a test may block in its; record-replay §13.3."""
    project.write(
        "test_it.py",
        HEADER
        + """
import asyncio
import aiohttp

def test_async(dicom_clean):
    async def ask():
        dicom_clean.store(image())
        async with aiohttp.ClientSession() as session:
            async with session.get(dicom_clean.service_url + "/studies", headers=ACCEPT) as answer:
                return answer.status, len(await answer.json(content_type=None))
    assert asyncio.run(ask()) == (200, 1)
""",
    )

    assert project.run().counts == {"passed": 1}


def test_faults_act_and_are_gone_after_the_test(project: Project) -> None:
    """dicom_faults; record-replay §13.3, §14."""
    project.write(
        "test_it.py",
        HEADER
        + """
def test_busy(dicom_clean, dicom_faults):
    dicom_faults.put({"route": "GET /studies", "do": {"status": 503}})
    with pytest.raises(urllib.error.HTTPError, match="503"):
        found(dicom_clean.service_url)
    assert dicom_faults.summary[0]["firings"] == 1

def test_not_busy(dicom_clean):
    assert found(dicom_clean.service_url) == 204

def test_wrong_rule(dicom_faults):
    with pytest.raises(ValueError, match="colour"):
        dicom_faults.put({"route": "GET /studies", "do": {"colour": 1}})
""",
    )

    run = project.run()

    assert run.counts == {"passed": 3}, run.text


CASSETTE_TEST = (
    HEADER
    + """
def test_search(dicom_cassette):
    assert found(dicom_cassette.service_url, "P-9") == 204

@pytest.mark.dicom_cassette("shared")
def test_named(dicom_cassette):
    assert found(dicom_cassette.service_url, "P-8") == 204
"""
)


def test_cassettes_are_recorded_once_and_replayed_in_ci(project: Project) -> None:
    """Default record mode once, and none where CI is set; record-replay §13.3."""
    project.write("test_it.py", CASSETTE_TEST)

    refused = project.run(CI="1")
    first = project.run()
    recorded = (project.folder / "cassettes/test_it/test_search.yaml").read_bytes()
    replayed = project.run(CI="1")

    assert refused.counts.get("error") == 2, refused.text
    assert first.counts == {"passed": 2}, first.text
    assert (project.folder / "cassettes/test_it/shared.yaml").exists()
    assert replayed.counts == {"passed": 2}, replayed.text
    assert (project.folder / "cassettes/test_it/test_search.yaml").read_bytes() == recorded


def test_a_miss_fails_the_test_and_says_what_was_nearest(project: Project) -> None:
    """Even where the test swallowed the proxy's 502; record-replay §7.4."""
    project.write("test_it.py", CASSETTE_TEST)
    project.run()
    project.write(
        "test_it.py",
        CASSETTE_TEST.replace(
            'assert found(dicom_cassette.service_url, "P-9") == 204',
            "with pytest.raises(urllib.error.HTTPError): found(dicom_cassette.service_url, 'P-7')",
        ),
    )

    run = project.run(CI="1")

    assert run.code == 1
    assert "the cassette has no answer" in run.text
    assert "PatientID: request P-7, recorded P-9" in run.text


def test_unknown_record_mode_is_refused(project: Project) -> None:
    """The valid names are told; record-replay §2."""
    project.write("test_it.py", CASSETTE_TEST)

    run = project.run("--dicom-record", "onec")

    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "Did you mean 'once'" in run.text


def test_proxies_are_started_as_a_test_wants_them(project: Project) -> None:
    """dicom_proxy; record-replay §13.3."""
    project.write(
        "test_it.py",
        HEADER
        + """
def test_proxy(dicom_clean, dicom_proxy, tmp_path):
    proxy = dicom_proxy(mode="record", cassette=tmp_path / "c.yaml")
    assert found(proxy.service_url) == 204
    assert dicom_proxy().url != proxy.url
""",
    )

    assert project.run().counts == {"passed": 1}


def test_network_is_blocked_but_for_this_machine(project: Project) -> None:
    """--dicom-block-network; record-replay §13.3."""
    project.write(
        "test_it.py",
        HEADER
        + """
import asyncio
import socket

def test_elsewhere(dicom_clean):
    with pytest.raises(OSError, match="no connection to 192.0.2.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="no connection to 192.0.2.1"):
        asyncio.run(asyncio.open_connection("192.0.2.1", 80))
    assert found(dicom_clean.service_url) == 204
""",
    )

    run = project.run("--dicom-block-network")

    assert run.counts == {"passed": 1}, run.text


def test_another_service_can_be_the_target_and_is_never_emptied(project: Project, tmp_path: Path) -> None:
    """--dicom-target URL; record-replay §13.3."""
    project.write(
        "test_it.py",
        HEADER
        + """
def test_there(dicom_emulator):
    assert found(dicom_emulator.service_url, "P-THERE") == 200

def test_clean(dicom_clean):
    raise AssertionError("not reached")
""",
    )
    with running(Settings(data_dir=tmp_path / "elsewhere")) as elsewhere:
        elsewhere.store(an_instance(PatientID="P-THERE"))
        run = project.run("--dicom-target", elsewhere.base_url)

    assert run.counts == {"passed": 1, "skipped": 1}, run.text


def test_live_tests_need_an_upstream(project: Project, emulator: Emulator) -> None:
    """Mark dicom_live; record-replay §13.3."""
    project.write("test_it.py", "import pytest\n@pytest.mark.dicom_live\ndef test_live(dicom_emulator): pass\n")

    assert project.run().counts == {"skipped": 1}
    assert project.run("--dicom-upstream", emulator.base_url).counts == {"passed": 1}


def test_xdist_workers_have_servers_of_their_own(project: Project) -> None:
    """Each worker its own port; record-replay §13.3."""
    project.write(
        "test_it.py",
        HEADER
        + """
@pytest.mark.parametrize("number", range(6))
def test_store(dicom_clean, number):
    dicom_clean.store(image())
    assert found(dicom_clean.service_url) == 200
""",
    )

    run = project.run("-n", "2")

    assert run.counts == {"passed": 6}, run.text


def test_synthetic_studies_are_made_and_stored(project: Project) -> None:
    """The same test gets the same UIDs each time, another one others; record-replay §13.3."""
    project.write(
        "test_it.py",
        HEADER
        + """
MADE = []

def test_study(dicom_clean):
    series = [{"modality": "CT", "instances": 2}, {"modality": "US"}]
    study = dicom_clean.synthetic(patient={"id": "P-1"}, series=series)
    MADE.append(study.study)
    assert found(dicom_clean.service_url) == 200
    assert len(study.i) == 3
    assert dicom_clean.request("GET", "/v2" + study.i[2].path, headers={"Accept": "*/*"}).status == 200

def test_other(dicom_emulator):
    assert dicom_emulator.synthetic(patient={"id": "P-1"}).study not in MADE

def test_unknown_key(dicom_emulator):
    with pytest.raises(ValueError, match="unexpected keyword argument 'modalty'"):
        dicom_emulator.synthetic(series=[{"modalty": "CT"}])
""",
    )

    run = project.run()

    assert run.counts == {"passed": 3}, run.text


PARITY_TEST = (
    HEADER
    + """
def test_search(dicom_clean, dicom_parity):
    dicom_clean.store(image("P-PARITY"))
    dicom_parity.check("GET", "/v2/studies?PatientID=P-PARITY", headers=ACCEPT)
"""
)


def test_answers_are_held_against_the_upstreams_snapshot(project: Project, tmp_path: Path) -> None:
    """dicom_parity: the snapshot is taken once, then kept; a difference is told by its attribute."""
    project.write("test_it.py", PARITY_TEST)
    with running(Settings(data_dir=tmp_path / "upstream")) as upstream:
        upstream.store(
            an_instance(
                SOPClassUID="1.2.840.10008.5.1.4.1.1.7",
                StudyInstanceUID="1.2.3",
                SeriesInstanceUID="1.2.3.1",
                SOPInstanceUID="1.2.3.1.1",
                PatientID="P-PARITY",
                PatientName="Other^Name",
                Modality="OT",
            )
        )
        without = project.run()
        taken = project.run("--dicom-upstream", upstream.base_url)
    kept = project.run(CI="1")

    assert without.counts == {"skipped": 1}, without.text
    assert (project.folder / "parity/test_it/test_search.yaml").exists()
    for run in (taken, kept):
        assert run.counts == {"failed": 1}, run.text
        assert "is not answered as by the upstream" in run.text
        assert "PatientName" in run.text
