"""Traffic becomes scenarios that pass on a fresh emulator (record-replay §13.4)."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dicomweb_client import DICOMwebClient

from azdicom_proxy.settings import Mode
from azdicom_scenarios.scenario_files import load
from tests.management.tags import a_tag, post_tags
from tests.proxy.commands import azdicom
from tests.proxy.proxies import proxying
from tests.scenarios.plugin_runs import Project
from tests.support.client import DICOM_JSON, Emulator
from tests.support.instances import an_instance, another_in_series, part10
from tests.support.waiting import eventually
from tests.worklist.workitems import Client

pytestmark = pytest.mark.slow


def converted(cassette: Path, tmp_path: Path, *options: str) -> dict[str, Any]:
    """The scenario that `cassette to-scenario` makes, which ran on a fresh emulator and passed."""
    out = tmp_path / "made.scenario.yaml"
    done = azdicom("cassette", "to-scenario", str(cassette), "-o", str(out), *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "It passes against the emulator." in done.stdout
    again = azdicom("scenario", "run", str(out), cwd=tmp_path)
    assert again.returncode == 0, again.stdout
    assert load(out).errors == ()
    document: dict[str, Any] = yaml.safe_load(out.read_text())
    return document


@pytest.fixture
def session(emulator: Emulator, tmp_path: Path) -> Path:
    """What the Python dicomweb-client says: two stores, a search, retrievals, a deletion."""
    cassette = tmp_path / "session.yaml"
    first = an_instance(PatientID="P-77", StudyDate="20240203", rows=8, columns=8)
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        client = DICOMwebClient(f"{proxy.url}/v2")
        client.store_instances([first, another_in_series(first, rows=8, columns=8)])
        study = client.search_for_studies(search_filters={"PatientID": "P-77"})[0]["0020000D"]["Value"][0]
        client.search_for_instances(study_instance_uid=study)
        client.retrieve_study_metadata(study)
        client.retrieve_instance(study, first.SeriesInstanceUID, first.SOPInstanceUID)
        client.delete_study(study)
        client.search_for_studies(search_filters={"PatientID": "P-77"})
    return cassette


def test_session_of_a_client_becomes_a_scenario_with_synthetic_studies(session: Path, tmp_path: Path) -> None:
    """Uploads become fixtures of the same shape, their UIDs aliases; no UID of the recording is left."""
    scenario = converted(session, tmp_path)

    study = scenario["fixtures"]["synthetic"][0]
    assert (study["patient"]["id"], study["date"], study["series"][0]["instances"]) == ("P-77", "20240203", 2)
    text = (tmp_path / "made.scenario.yaml").read_text()
    assert "${study1.study}" in text
    assert "1.2.826.0.1" not in text
    assert [next(iter(step.keys() & {"get", "post", "delete"})) for step in scenario["steps"]] == [
        "post",
        "get",
        "get",
        "get",
        "get",
        "delete",
        "get",
    ]


def test_uploads_can_stay_the_files_that_they_are(session: Path, tmp_path: Path) -> None:
    """--uploads files: the bytes that were stored, beside the scenario."""
    scenario = converted(session, tmp_path, "--uploads", "files")

    assert "fixtures" not in scenario
    assert scenario["steps"][0]["body"]["dicom"] == ["made.files/001.dcm", "made.files/002.dcm"]
    assert (tmp_path / "made.files/001.dcm").read_bytes()[128:132] == b"DICM"


def test_polling_of_an_operation_becomes_waiting_for_it(emulator_with: Any, tmp_path: Path) -> None:
    """The operation's id is nowhere in the scenario; record-replay §13.4, step 1."""
    emulator = emulator_with(operation_delay_s=0.3)
    cassette = tmp_path / "tags.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        answer = post_tags(proxy.client, [a_tag("PatientAge")])
        path = answer.json()["href"].partition("/v2")[2]

        def done() -> bool:
            return proxy.client.get(path, accept=None).status == 200

        eventually(done, within_s=30, what="the end of the operation")
        proxy.client.get("/extendedquerytags/PatientAge", accept="application/json")

    scenario = converted(cassette, tmp_path)

    assert len(scenario["steps"]) == 2
    assert scenario["steps"][0]["wait_operation"]["until"] == "succeeded"
    assert "operations/" not in str(scenario)


def test_ids_that_a_client_makes_become_variables(emulator: Emulator, tmp_path: Path) -> None:
    """A workitem's UID and the transaction's are the client's own: every run makes new ones."""
    cassette = tmp_path / "worklist.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        client = Client(proxy.client)
        uid = client.created()
        client.change_state(uid, "IN PROGRESS", "1.2.3.4.5.6.7")
        client.update(uid, {"00741204": {"vr": "LO", "Value": ["new"]}}, "1.2.3.4.5.6.7")

    scenario = converted(cassette, tmp_path)

    assert list(scenario["vars"].values()) == ["${uid()}", "${uid()}"]
    assert "1.2.3.4.5.6.7" not in str(scenario)


def test_kept_step_keeps_what_it_needs(session: Path, tmp_path: Path) -> None:
    """--keep: the deletion needs the store, and nothing of what was asked between; record-replay §13.4, step 5."""
    scenario = converted(session, tmp_path, "--keep", "delete-study-0001")

    assert [step["name"] for step in scenario["steps"]] == ["stow-studies-0001", "delete-study-0001"]


def test_warnings_need_the_files_themselves(emulator: Emulator, tmp_path: Path) -> None:
    """A synthetic study has no invalid date, so that it would not be answered 202; record-replay §13.4, step 2."""
    cassette = tmp_path / "warned.yaml"
    boundary = "xxxxxxxxxxxxxxxxxxxxxxxx"
    part = b"--%s\r\nContent-Type: application/dicom\r\n\r\n" % boundary.encode()
    body = part + part10(an_instance(PatientBirthDate="notadate", Modality="CT")) + f"\r\n--{boundary}--\r\n".encode()
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
        answer = proxy.client.post("/studies", body, content_type=content_type, accept=DICOM_JSON)
    assert answer.status == 202

    scenario = converted(cassette, tmp_path)

    assert "fixtures" not in scenario
    assert scenario["steps"][0]["expect"]["status"] == 202


def test_command_is_recorded_into_a_scenario(emulator: Emulator, tmp_path: Path) -> None:
    """`azdicom scenario record --upstream URL --out FILE -- CMD`."""
    script = tmp_path / "client.py"
    script.write_text(
        "import os, urllib.request\n"
        "url = os.environ['AZDICOM_URL'] + '/v2/studies?PatientID=P-1'\n"
        "urllib.request.urlopen(urllib.request.Request(url, headers={'Accept': 'application/dicom+json'}))\n"
    )

    done = azdicom(
        *("scenario", "record", "--upstream", emulator.base_url, "--out", "new.scenario.yaml"),
        *("--", "python3", str(script)),
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    scenario = yaml.safe_load((tmp_path / "new.scenario.yaml").read_text())
    assert scenario["steps"][0]["get"] == "/studies"
    assert scenario["steps"][0]["expect"]["status"] == 204


def test_name_that_is_no_scenarios_is_refused(session: Path, tmp_path: Path) -> None:
    """Nothing is written; exit code 2."""
    done = azdicom("cassette", "to-scenario", str(session), "-o", "made.yaml", cwd=tmp_path)

    assert done.returncode == 2
    assert "ends with .scenario.yaml" in done.stderr
    assert not (tmp_path / "made.yaml").exists()


PASSING = """
name: finds
tags: [smoke]
parameters: [{id: one, patient: P-1}, {id: two, patient: P-2}]
steps:
  - get: /studies
    query: {PatientID: "${param.patient}"}
    headers: {Accept: application/dicom+json}
    expect: {status: 204}
"""


def test_scenario_files_are_tests(tmp_path: Path) -> None:
    """One for each row; tags are marks; a failure names file, line and column; record-replay §13.3."""
    project = Project(tmp_path)
    project.write("good.scenario.yaml", PASSING)
    project.write("bad.scenario.yaml", PASSING.replace("name: finds", "name: fails").replace("204", "200"))

    chosen = project.run("good.scenario.yaml", "-m", "smoke")
    named = project.run("good.scenario.yaml", "-k", "two")
    failed = project.run("bad.scenario.yaml")

    assert chosen.counts == {"passed": 2}, chosen.text
    assert named.counts == {"passed": 1, "deselected": 1}, named.text
    assert failed.counts == {"failed": 2}, failed.text
    assert "bad.scenario.yaml:9:" in failed.text
    assert "good.scenario.yaml::finds[one]" in chosen.text


def test_scenario_with_errors_fails_the_collection(tmp_path: Path) -> None:
    """With what lint says."""
    project = Project(tmp_path)
    project.write("wrong.scenario.yaml", PASSING.replace("status:", "statu:"))

    run = project.run()

    assert run.code == pytest.ExitCode.INTERRUPTED
    assert "did you mean 'status'?" in run.text
