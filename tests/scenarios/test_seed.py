"""`POST /_azdicom/seed`: the fixtures block of a scenario in a server that runs (record-replay §15)."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from azdicom_proxy.settings import Fallback, Mode, OfflineFallback
from tests.parity.outcomes import outcomes
from tests.proxy.proxies import proxying
from tests.support.client import Emulator, Response

BLOCK = """\
synthetic:
  - study: ct
    patient: {id: SEED-1, name: Doe^Jane}
    series: [{modality: CT, instances: 2, rows: 16, columns: 16}]
preload: [ct]
extended_query_tags: [{path: "00080070", level: Series}]
"""
WRAPPED = "fixtures:\n" + "".join(f"  {line}\n" for line in BLOCK.splitlines())
DOCUMENT: dict[str, Any] = {
    "synthetic": [
        {"study": "ct", "patient": {"id": "SEED-1"}, "series": [{"modality": "CT", "rows": 16, "columns": 16}]}
    ],
    "preload": ["ct"],
}


def seed(server: Emulator, text: str) -> Response:
    return server.request("POST", "/_azdicom/seed", body=text.encode())


@pytest.mark.parametrize(
    "text",
    [BLOCK, WRAPPED, json.dumps(DOCUMENT), json.dumps({"fixtures": DOCUMENT})],
    ids=["yaml", "yaml-with-key", "json", "json-with-key"],
)
def test_fixtures_are_stored(emulator: Emulator, text: str) -> None:
    """YAML or JSON, as it stands in a scenario or alone."""
    answer = seed(emulator, text)

    assert answer.status == 200, answer.text
    assert len(answer.json()["seeded"]) == 1
    assert "1 study" in answer.json()["seeded"][0]
    assert len(emulator.search_studies(PatientID="SEED-1")) == 1


def test_query_tags_are_there_when_it_answers(emulator: Emulator) -> None:
    """Their operations have ended."""
    seed(emulator, BLOCK)

    assert emulator.get("/extendedquerytags/00080070").json()["status"] == "ready"


def test_seeding_again_changes_nothing(emulator: Emulator) -> None:
    """The same block makes the same UIDs."""
    seed(emulator, BLOCK)
    again = seed(emulator, BLOCK)

    assert again.status == 200
    assert len(emulator.search_studies(PatientID="SEED-1")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("synthetic: [{study: ct, modalty: CT}]", "modalty"),
        ("preload: [nobody]", "nobody"),
        ("[1, 2]", "no block of fixtures"),
        ("a: [", "no YAML"),
        ("", "no block of fixtures"),
        ("dicom: [none-there/*.dcm]", "none-there/*.dcm"),
    ],
    ids=["unknown-key", "unknown-alias", "list", "no-yaml", "empty", "no-files"],
)
def test_mistakes_are_told(emulator: Emulator, text: str, message: str) -> None:
    """400 and a problem document that names what is wrong."""
    answer = seed(emulator, text)

    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    assert message in answer.json()["detail"]


def test_emulator_behind_a_spying_proxy_is_seeded(tmp_path: Path) -> None:
    """The local side of `--fallback local`."""
    with proxying(None, Mode.SPY, cassette=tmp_path / "c.yaml", fallback=Fallback.LOCAL) as proxy:
        answer = seed(proxy.client, BLOCK)
        found = proxy.client.get("/studies?PatientID=SEED-1", headers={"Accept": "application/dicom+json"})

    assert (answer.status, found.status, found.headers["x-azdicom-source"]) == (200, 200, "local")


def test_local_side_of_diff_mode_is_seeded(emulator: Emulator) -> None:
    """Before the first exchange; then both sides have the same data, and their answers are the same."""
    seed(emulator, BLOCK)
    with proxying(emulator.base_url, Mode.DIFF) as proxy:
        answer = seed(proxy.client, BLOCK)
        proxy.client.get("/studies?PatientID=SEED-1", headers={"Accept": "application/dicom+json"})
        compared = outcomes(proxy.client, 1)

    assert answer.status == 200, answer.text
    assert compared == {"same": 1}


def test_what_stands_in_for_the_upstream_is_seeded() -> None:
    """`--offline-fallback local`."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with proxying(nobody, offline_fallback=OfflineFallback.LOCAL) as proxy:
        seed(proxy.client, BLOCK)
        found = proxy.client.get("/studies?PatientID=SEED-1", headers={"Accept": "application/dicom+json"})

    assert (found.status, found.headers["x-azdicom-source"]) == (200, "local")


def test_proxy_without_a_local_side_has_nothing_to_seed(emulator: Emulator) -> None:
    """The upstream is not the proxy's."""
    with proxying(emulator.base_url) as proxy:
        assert seed(proxy.client, BLOCK).status == 404
