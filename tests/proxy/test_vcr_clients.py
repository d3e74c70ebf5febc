"""Plain VCR.py replays our cassettes through the common clients, and we read whatever VCR.py wrote."""

import asyncio
import gzip
import io
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import vcr
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request

from azdicom_proxy import vcr as azdicom_vcr
from azdicom_proxy.cassette import tools
from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.errors import SideFileError
from azdicom_proxy.cassette.reading import load
from tests.proxy.made_cassettes import (
    DICOM_JSON,
    PLACEHOLDER,
    a_retrieve,
    a_store,
    an_interaction,
    record,
    recorded,
    written_bytes,
)
from tests.support.instances import an_instance, part10
from tests.support.multipart import multipart_related, parts_of

MATCH_ON = ["method", "path", "query"]
"""What the documentation tells users of VCR.py to use: the recorded host is a placeholder."""

Get = Callable[[str], tuple[int, str, bytes]]


def _requests(url: str) -> tuple[int, str, bytes]:
    response = requests.get(url, timeout=5)
    return response.status_code, response.headers["Content-Type"], response.content


def _urllib(url: str) -> tuple[int, str, bytes]:
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.status, response.headers["Content-Type"], response.read()


def _httpx(url: str) -> tuple[int, str, bytes]:
    with httpx.Client() as client:
        response = client.get(url)
    return response.status_code, response.headers["Content-Type"], response.content


def _httpx_async(url: str) -> tuple[int, str, bytes]:
    async def get() -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(url)

    response = asyncio.run(get())
    return response.status_code, response.headers["Content-Type"], response.content


def _aiohttp(url: str) -> tuple[int, str, bytes]:
    async def get() -> tuple[int, str, bytes]:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, response.headers["Content-Type"], await response.read()

    return asyncio.run(get())


CLIENTS: dict[str, Get] = {
    "requests": _requests,
    "urllib": _urllib,
    "httpx": _httpx,
    "httpx-async": _httpx_async,
    "aiohttp": _aiohttp,
}


@contextmanager
def played_by(my_vcr: vcr.VCR, path: Path) -> Iterator[None]:
    with my_vcr.use_cassette(str(path), record_mode="none", match_on=MATCH_ON):
        yield


@pytest.mark.parametrize("get", CLIENTS.values(), ids=CLIENTS)
def test_plain_vcr_replays_an_inline_cassette(tmp_path: Path, get: Get) -> None:
    """record-replay §16 check 1: unmodified VCR.py, nothing registered."""
    dataset = an_instance(rows=128, columns=128)
    source = recorded(
        tmp_path / "c.yaml", a_retrieve(dataset), an_interaction(path="/studies?limit=1", answer=[{"a": "é"}])
    )
    tools.inline(source, tmp_path / "inline.yaml")

    with played_by(vcr.VCR(), tmp_path / "inline.yaml"):
        status, content_type, body = get(f"{PLACEHOLDER}/studies/{dataset.StudyInstanceUID}")
        found = get(f"{PLACEHOLDER}/studies?limit=1")

    assert status == 200
    assert [part.content for part in parts_of(content_type, body)] == [part10(dataset)]
    assert (found[0], found[1], json.loads(found[2])) == (200, DICOM_JSON, [{"a": "é"}])
    assert not (tmp_path / "inline.bodies").exists()


@pytest.mark.parametrize("get", CLIENTS.values(), ids=CLIENTS)
def test_the_hook_reads_side_files(tmp_path: Path, get: Get) -> None:
    """record-replay §6.4: VCR.py applies before_record_response while it loads."""
    dataset = an_instance(rows=128, columns=128)
    record(tmp_path / "c.yaml", a_retrieve(dataset))
    my_vcr = vcr.VCR(before_record_response=azdicom_vcr.load_bodies(tmp_path / "c.bodies"))

    with played_by(my_vcr, tmp_path / "c.yaml"):
        _, content_type, body = get(f"{PLACEHOLDER}/studies/{dataset.StudyInstanceUID}")

    assert [part.content for part in parts_of(content_type, body)] == [part10(dataset)]


@pytest.mark.parametrize("get", CLIENTS.values(), ids=CLIENTS)
def test_the_persister_reads_side_files(tmp_path: Path, get: Get) -> None:
    """record-replay §6.4: load_cassette returns requests and responses with bodies resolved."""
    dataset = an_instance(rows=128, columns=128)
    record(tmp_path / "c.yaml", a_retrieve(dataset))
    my_vcr = vcr.VCR()
    my_vcr.register_persister(azdicom_vcr.Persister)

    with played_by(my_vcr, tmp_path / "c.yaml"):
        _, content_type, body = get(f"{PLACEHOLDER}/studies/{dataset.StudyInstanceUID}")

    assert [part.content for part in parts_of(content_type, body)] == [part10(dataset)]


def test_the_hook_names_the_interaction_whose_side_file_was_changed(tmp_path: Path) -> None:
    """record-replay §6.4: interaction id, file and expected hash."""
    record(tmp_path / "c.yaml", a_retrieve(an_instance(rows=128, columns=128)))
    (file,) = (tmp_path / "c.bodies").rglob("*.dcm")
    file.write_bytes(b"other")
    my_vcr = vcr.VCR(before_record_response=azdicom_vcr.load_bodies(tmp_path / "c.bodies"))

    with pytest.raises(SideFileError, match=rf"wado-study-0001: side file {file.name} was changed.*{file.stem}"):
        my_vcr.use_cassette(str(tmp_path / "c.yaml"), record_mode="none").__enter__()


def test_the_matcher_compares_data_sets(tmp_path: Path) -> None:
    """record-replay §6.4, §7.2: another boundary matches, another tag does not."""
    dataset = an_instance()
    record(tmp_path / "c.yaml", a_store(dataset, boundary="one"))
    my_vcr = vcr.VCR()
    my_vcr.register_persister(azdicom_vcr.Persister)
    my_vcr.register_matcher("dicom", azdicom_vcr.dicom_matcher)
    options: Any = {"record_mode": "none", "match_on": ["method", "path", "query", "dicom"]}

    content_type, body = multipart_related([part10(dataset)], boundary="another")
    with my_vcr.use_cassette(str(tmp_path / "c.yaml"), **options):
        response = requests.post(f"{PLACEHOLDER}/studies", data=body, headers={"Content-Type": content_type}, timeout=5)
    assert response.status_code == 200

    dataset.StudyDescription = "ANOTHER"
    content_type, body = multipart_related([part10(dataset)])
    with (
        my_vcr.use_cassette(str(tmp_path / "c.yaml"), **options),
        pytest.raises(CannotOverwriteExistingCassetteException, match="StudyDescription: request 'ANOTHER'"),
    ):
        requests.post(f"{PLACEHOLDER}/studies", data=body, headers={"Content-Type": content_type}, timeout=5)


def test_what_the_persister_writes_it_and_we_read(tmp_path: Path) -> None:
    """record-replay §6.4: save_cassette writes our layout, without secrets."""
    content = bytes(range(256)) * 100
    responses = [
        {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Content-Type": ["image/png"]},
            "body": {"string": content},
        },
        {"status": {"code": 200, "message": None}, "headers": {}, "body": {"string": None}},
    ]
    calls = [
        Request("GET", f"{PLACEHOLDER}/studies/1.2/rendered", None, {"Authorization": "Bearer planted-token-1"}),
        Request("POST", f"{PLACEHOLDER}/workitems", io.BytesIO(b'{"a":1}'), {"Content-Type": DICOM_JSON}),
    ]
    path = tmp_path / "sub" / "c.yaml"

    azdicom_vcr.Persister.save_cassette(path, {"requests": calls, "responses": responses}, None)  # type: ignore[attr-defined]

    loaded_requests, loaded_responses = azdicom_vcr.Persister.load_cassette(path, None)  # type: ignore[attr-defined]
    assert [request.uri for request in loaded_requests] == [call.uri for call in calls]
    assert json.loads(loaded_requests[1].body) == {"a": 1}
    assert loaded_responses[0]["body"]["string"] == content
    assert [each.id for each in load(path).interactions] == ["wado-study-rendered-0001", "ups-create-0001"]
    assert not [name for name, written in written_bytes(tmp_path).items() if b"planted-token" in written]


VCR_FILES = {
    "bare-header-strings": """
interactions:
- request: {body: null, headers: {Accept: '*/*'}, method: GET, uri: 'http://h/v2/studies'}
  response: {body: {string: hello}, headers: {Content-Type: text/plain}, status: {code: 200, message: OK}}
version: 1
""",
    "missing-message": """
interactions:
- request: {body: '', headers: {Accept: ['*/*']}, method: GET, uri: 'http://h/v2/studies'}
  response: {body: {string: hello}, headers: {Content-Type: [text/plain]}, status: {code: 200}}
version: 1
""",
    "null-message": """
interactions:
- request: {body: null, headers: {}, method: GET, uri: 'http://h/v2/studies'}
  response:
    body: {string: !!binary aGVsbG8=}
    headers: {Content-Type: [text/plain]}
    status: {code: 200, message: null}
version: 1
""",
    "file-and-iterator-bodies": """
interactions:
- request:
    body: !!python/object/new:_io.BytesIO
      state: !!python/tuple [!!binary aGVsbG8=, 0, null]
    headers: {}
    method: POST
    uri: http://h/v2/studies
  response: {body: {string: hello}, headers: {Content-Type: [text/plain]}, status: {code: 200, message: OK}}
- request:
    body: !!python/object/apply:builtins.iter
      args: [[!!binary aGU=, !!binary bGxv]]
    headers: {}
    method: POST
    uri: http://h/v2/studies
  response: {body: {string: hello}, headers: {Content-Type: [text/plain]}, status: {code: 200, message: OK}}
metadata: {anything: here}
version: 1
""",
    "json-named-yaml": json.dumps(
        {
            "version": 1,
            "interactions": [
                {
                    "request": {
                        "method": "GET",
                        "uri": "http://h/v2/studies",
                        "body": None,
                        "headers": {"X": ["\U0001f600"]},
                    },
                    "response": {
                        "status": {"code": 200, "message": "OK"},
                        "headers": {"Content-Type": ["text/plain"]},
                        "body": {"string": "hello"},
                    },
                }
            ],
        },
        indent=4,
    ),
}


@pytest.mark.parametrize("text", VCR_FILES.values(), ids=VCR_FILES)
def test_we_read_what_vcr_wrote(tmp_path: Path, text: str) -> None:
    """record-replay §16 check 2."""
    (tmp_path / "c.yaml").write_text(text, "utf-8")

    cassette = load(tmp_path / "c.yaml")

    assert cassette.metadata is None
    for interaction in cassette.interactions:
        assert interaction.response.status == 200
        assert content_of(interaction.response.body) == b"hello"
        assert ("Content-Type", "text/plain") in interaction.response.headers
        assert content_of(interaction.request.body) in (b"", b"hello")
        assert interaction.id.startswith(("qido-studies-", "stow-studies-"))


def test_a_null_string_is_an_empty_body(tmp_path: Path) -> None:
    """record-replay §6.1: `string: null` reads as empty."""
    (tmp_path / "c.yaml").write_text(
        "interactions:\n- request: {body: null, headers: {}, method: DELETE, uri: 'http://h/v2/studies/1.2'}\n"
        "  response: {body: {string: null}, headers: {}, status: {code: 204, message: ''}}\nversion: 1\n"
    )

    (interaction,) = load(tmp_path / "c.yaml").interactions

    assert content_of(interaction.response.body) == b""


def test_gzip_bodies_that_vcr_recorded_are_decoded(tmp_path: Path) -> None:
    """record-replay §16 check 2: bodies are decoded, Content-Length corrected, the coding noted."""
    serializer = vcr.serializers.yamlserializer
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Encoding": ["gzip"], "Content-Type": [DICOM_JSON], "Content-Length": ["29"]},
        "body": {"string": gzip.compress(b'[{"a": 1}]', mtime=0)},
    }
    request = Request("GET", "http://h/v2/studies", None, {})
    text = vcr.serialize.serialize({"requests": [request], "responses": [response]}, serializer)
    (tmp_path / "c.yaml").write_text(text)

    (interaction,) = load(tmp_path / "c.yaml").interactions

    assert content_of(interaction.response.body) == b'[{"a": 1}]'
    assert dict(interaction.response.headers) == {"Content-Type": DICOM_JSON, "Content-Length": "10"}
    assert interaction.response_coding == "gzip"


def test_a_cassette_survives_a_resave_by_vcr(tmp_path: Path) -> None:
    """record-replay §6.1: a re-save by VCR.py drops our keys; what it keeps we still read."""
    record(tmp_path / "c.yaml", an_interaction(answer=[{"a": 1}]), an_interaction("DELETE", "/studies/1.2", status=204))
    requests_, responses = vcr.serialize.deserialize((tmp_path / "c.yaml").read_text(), vcr.serializers.yamlserializer)
    saved = vcr.serialize.serialize({"requests": requests_, "responses": responses}, vcr.serializers.yamlserializer)
    (tmp_path / "saved.yaml").write_text(saved)

    before, after = load(tmp_path / "c.yaml"), load(tmp_path / "saved.yaml")

    assert after.metadata is None
    assert [each.id for each in after.interactions] == [each.id for each in before.interactions]
    assert [each.request for each in after.interactions] == [each.request for each in before.interactions]
    assert [each.response for each in after.interactions] == [each.response for each in before.interactions]
