"""Parity runs without clients: cassettes and files of requests, against one side or both."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from azdicom_proxy.cassette.model import Inline
from azdicom_proxy.parity.model import Compared, Verdict
from azdicom_proxy.parity.offline import OfflineRun
from azdicom_proxy.parity.requests_files import Asked, RequestsFileError, of_cassette, of_requests
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address
from tests.conftest import EmulatorWith
from tests.proxy.made_cassettes import an_interaction, recorded
from tests.proxy.proxies import proxying
from tests.support.client import Emulator
from tests.support.instances import an_instance, instance_path, study_path
from tests.support.waiting import eventually
from tests.worklist.workitems import Client

EXAMPLES = Path(__file__).parents[2] / "cassettes"
LOCAL = ProxySettings()


def compared(requests: list[Asked], settings: ProxySettings = LOCAL, target: Address | None = None) -> list[Compared]:
    """The outcomes of a run, in their order."""
    found: list[Compared] = []
    OfflineRun(requests, settings, target).run(found.append, lambda: None)
    return found


def essence(found: list[Compared]) -> list[tuple[str, str, str]]:
    return [(one.pair.id, one.verdict.value, one.reason) for one in found]


@pytest.mark.parametrize("name", ["tour", "frames", "errors"])
def test_example_cassettes_are_what_the_emulator_answers(name: str) -> None:
    """record-replay §1: `--cassette C --target local` compares recorded responses with the emulator."""
    requests = of_cassette(EXAMPLES / f"{name}.yaml")

    found = compared(requests)

    assert essence(found) == [(asked.id, "same", "") for asked in requests]
    assert all(one.facts_same == one.facts_upstream == one.facts_local for one in found)


def test_a_changed_answer_is_found(tmp_path: Path) -> None:
    """record-replay §10: what the emulator answers differently is reported once, at its place."""
    requests = of_cassette(EXAMPLES / "tour.yaml")
    changed = next(asked for asked in requests if asked.id == "qido-studies-0001")
    assert changed.recorded is not None
    body = changed.recorded.body
    assert isinstance(body, Inline)
    other = replace(changed.recorded, body=Inline(body.content.replace(b"Sample^Sam", b"Sample^Tom")))
    requests[requests.index(changed)] = replace(changed, recorded=other)

    found = compared(requests)

    (different,) = [one for one in found if one.verdict is not Verdict.SAME]
    assert different.pair.id == "qido-studies-0001"
    assert [difference.at for difference in different.differences] == ["dicom:[*].00100010"]


def test_a_drift_check_drives_the_target(strict_emulator: Emulator) -> None:
    """record-replay §1: `--cassette C --target URL` asks whether the recordings still match a service."""
    requests = of_cassette(EXAMPLES / "tour.yaml")

    found = compared(requests, target=Address.parse(strict_emulator.base_url))

    assert {one.verdict for one in found} == {Verdict.SAME}
    assert strict_emulator.search_studies() == []  # the conversation ends with a delete


def test_both_sides_are_driven(strict_emulator: Emulator) -> None:
    """record-replay §1: `--upstream URL --cassette C` compares a service with a fresh emulator."""
    requests = of_cassette(EXAMPLES / "frames.yaml")

    found = compared(requests, replace(LOCAL, upstream=Address.parse(strict_emulator.base_url)))

    assert essence(found) == [(asked.id, "same", "") for asked in requests]
    assert all(one.pair.request.uri.startswith(strict_emulator.base_url) for one in found)


def test_ids_that_services_make_are_translated_for_each_side(strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §8: an operation is asked for by the id that each side gave it; only ends are compared."""
    cassette = tmp_path / "tags.yaml"
    body = json.dumps([{"path": "0008103E", "vr": "LO", "level": "Series"}]).encode()
    with proxying(strict_emulator.base_url, Mode.RECORD, cassette=cassette, record_mode="all") as proxy:
        added = proxy.client.post(
            "/extendedquerytags", body, content_type="application/json", accept="application/json"
        )
        operation = added.headers["Location"].removeprefix(proxy.url)
        eventually(lambda: proxy.client.request("GET", operation).json()["status"] == "succeeded", what="the end")
        proxy.client.get("/extendedquerytags/0008103E", accept="application/json")
        proxy.client.delete("/extendedquerytags/0008103E")
    requests = of_cassette(cassette)

    against_local = compared(requests)
    against_both = compared(requests, replace(LOCAL, upstream=Address.parse(strict_emulator.base_url)))

    for found in (against_local, against_both):
        verdicts = {one.verdict for one in found if one.reason != "an operation is under way"}
        assert verdicts == {Verdict.SAME}, essence(found)
        assert any(one.pair.route == "GET /operations/{operation}" and one.verdict is Verdict.SAME for one in found)


def test_workitems_of_a_cassette_are_made_and_claimed_again(strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §8: their UIDs are the client's own, and stay."""
    cassette = tmp_path / "worklist.yaml"
    with proxying(strict_emulator.base_url, Mode.RECORD, cassette=cassette, record_mode="all") as proxy:
        client = Client(proxy.client)
        uid = client.created()
        assert client.retrieve(uid).status == 200
        assert client.change_state(uid, "IN PROGRESS").status == 200

    found = compared(of_cassette(cassette))

    assert [one.verdict for one in found] == [Verdict.SAME] * 3, essence(found)
    assert [one.pair.local.status for one in found] == [201, 200, 200]


def test_partitions_in_a_cassette_are_on_in_the_emulator(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """record-replay §2, state: the local side must be able to hold what the upstream holds."""
    upstream = emulator_with(strict=True, partitions=True)
    cassette = tmp_path / "partitions.yaml"
    with proxying(upstream.base_url, Mode.RECORD, cassette=cassette, record_mode="all") as proxy:
        instance = an_instance()
        proxy.client.store_response(instance)
        stored = Emulator(f"{proxy.url}", tmp_path, version="v2/partitions/ward").store(instance)
        proxy.client.get(f"/partitions/ward{study_path(stored)}/metadata")

    found = compared(of_cassette(cassette))

    assert {one.verdict for one in found} == {Verdict.SAME}, essence(found)


def test_what_a_cassette_does_not_store_is_unseeded(tmp_path: Path) -> None:
    """record-replay §2, state: resources that never passed by."""
    instance = an_instance()
    found_study = [{"0020000D": {"vr": "UI", "Value": [str(instance.StudyInstanceUID)]}}]
    cassette = recorded(
        tmp_path / "c.yaml",
        an_interaction(path=f"{study_path(instance)}/metadata", answer=[{}]),
        an_interaction(path="/studies", answer=found_study),
    )

    found = compared(of_cassette(cassette.path or tmp_path))

    assert [one.verdict for one in found] == [Verdict.UNSEEDED] * 2
    assert [one.reason for one in found] == ["study never passed by"] * 2


def test_a_body_that_was_not_recorded_is_skipped(strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §3: of bodies over --max-record-body only length and hash are kept; they cannot be compared."""
    cassette = tmp_path / "c.yaml"
    with proxying(
        strict_emulator.base_url, Mode.RECORD, cassette=cassette, record_mode="all", max_record_body_bytes=2000
    ) as proxy:
        instance = proxy.client.store(an_instance())
        proxy.client.get(f"{study_path(instance)}/metadata")

    found = compared(of_cassette(cassette))

    assert essence(found) == [
        ("stow-studies-0001", "skipped", "body-not-kept"),
        ("wado-study-metadata-0001", "unseeded", "an earlier write was skipped"),
    ]


def test_hydration_serves_requests_from_a_file(strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §1, §2: `--requests R --hydrate` compares what an upstream already holds."""
    instance = strict_emulator.store(an_instance())
    path = tmp_path / "requests.txt"
    path.write_text(
        "# what a viewer asks\n"
        "GET /v2/studies?limit=10\n"
        "\n"
        f"GET {study_path(instance)}/metadata application/dicom+json\n"
        f"GET /v2{instance_path(instance)} application/dicom; transfer-syntax=*\n"
    )
    upstream = Address.parse(strict_emulator.base_url)

    plain = compared(of_requests(path), replace(LOCAL, upstream=upstream))
    hydrated: list[Compared] = []
    brought = OfflineRun(of_requests(path), replace(LOCAL, upstream=upstream, hydrate=True)).run(
        hydrated.append, lambda: None
    )

    assert [one.verdict for one in plain] == [Verdict.UNSEEDED] * 3, essence(plain)
    assert [one.verdict for one in hydrated] == [Verdict.SAME] * 3
    assert [resource.identifier for resource in brought] == [str(instance.SOPInstanceUID)]


def test_a_har_is_a_file_of_requests(tmp_path: Path) -> None:
    """record-replay §1: `--requests R`; HAR 1.2: requests with headers and bodies, without what a browser adds."""
    entries = [
        {"request": {"method": "OPTIONS", "url": "http://h/v2/studies", "headers": []}},
        {
            "request": {
                "method": "POST",
                "url": "http://h/v2/extendedquerytags",
                "headers": [
                    {"name": ":authority", "value": "h"},
                    {"name": "Cookie", "value": "secret"},
                    {"name": "Content-Type", "value": "application/json"},
                ],
                "postData": {"text": "[]"},
            }
        },
    ]
    path = tmp_path / "requests.har"
    path.write_text(json.dumps({"log": {"entries": entries}}))

    (asked,) = of_requests(path)

    assert (asked.id, asked.request.method, asked.request.uri) == (
        "tags-add-0001",
        "POST",
        "http://h/v2/extendedquerytags",
    )
    assert asked.request.headers == (("Content-Type", "application/json"),)
    assert asked.request.body == Inline(b"[]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GET /studies\nget /studies\n", "requests.txt:2: expected METHOD PATH"),
        ("GET studies\n", "requests.txt:1: expected METHOD PATH"),
        ("{}", "is no HAR"),
    ],
    ids=["lower case", "no path", "no HAR"],
)
def test_a_file_of_requests_says_where_it_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    """record-replay §1, exit code 2: nothing was run."""
    path = tmp_path / "requests.txt"
    path.write_text(text)

    with pytest.raises(RequestsFileError, match=said):
        of_requests(path)
