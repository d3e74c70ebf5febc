"""What differs between two deployments that behave alike is no difference."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydicom import FileDataset
from pydicom.uid import UID

from azdicom_proxy.parity.model import Severity, Verdict
from tests.parity.cases import STORED, discard, first, ids, item_of, swap
from tests.parity.mutating import (
    Altered,
    Mutation,
    both,
    edit_body,
    edit_file,
    edit_header,
    edit_json,
    edit_part,
    edit_parts,
    edited_file,
    joined,
    set_header,
    split,
)
from tests.parity.twins import Asked, Twins, a_bulk_update, a_new_workitem, a_store, reads

NEW_ID = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Harmless:
    """asked: name of a read, or what makes a request."""

    name: str
    asked: str | Callable[[], Asked]
    mutation: Mutation

    def request(self) -> Asked:
        return reads()[self.asked] if isinstance(self.asked, str) else self.asked()


def other_boundary(text: str) -> Mutation:
    """text: as it stands in the header, quoted or not."""

    def mutation(answer: Altered) -> Altered:
        kind, _, old = (answer.header("Content-Type") or "").partition("boundary=")
        body = joined(split(answer.body, old.strip('"')), text.strip('"'))
        return set_header("Content-Type", f"{kind}boundary={text}")(replace(answer, body=body))

    return mutation


def other_id(answer: Altered) -> Altered:
    """Another operation, everywhere."""
    old = json.loads(answer.body)["id"]
    headers = tuple((name, value.replace(old, NEW_ID)) for name, value in answer.headers)
    return Altered(answer.status, headers, answer.body.replace(old.encode(), NEW_ID.encode()))


def with_preamble_text(answer: Altered) -> Altered:
    return replace(answer, body=b"to be ignored\r\n" + answer.body)


def in_reverse(document: Any) -> Any:
    """The same JSON with the keys of all objects in reverse order."""
    if isinstance(document, dict):
        return {key: in_reverse(document[key]) for key in reversed(document)}
    return [in_reverse(item) for item in document] if isinstance(document, list) else document


def escaped(body: bytes) -> bytes:
    return body.replace(b"Doe^Jane", b"\\u0044oe^Jane")


def indented(body: bytes) -> bytes:
    return json.dumps(json.loads(body), indent=4).encode()


def add(number: int, name: str) -> Mutation:
    return edit_json(lambda entries: discard([entry.update({name: entry[name] + number}) for entry in entries]))


def from_another_writer(data_set: FileDataset) -> None:
    data_set.file_meta.ImplementationClassUID = UID("1.2.3.4")
    data_set.file_meta.ImplementationVersionName = "OTHER"
    data_set.file_meta.SourceApplicationEntityTitle = "OTHER"


def with_padding(data_set: FileDataset) -> None:
    data_set.add_new(0xFFFCFFFC, "OB", b"\0" * 64)


def lower_case_part_headers(parts: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(f"X-Trace: 1\r\n{head.replace('Content-Type: ', 'content-type:')}", content) for head, content in parts]


HARMLESS = (
    Harmless("server", "studies", set_header("Server", "Microsoft-IIS/10.0")),
    Harmless("date", "studies", set_header("Date", "Mon, 01 Jan 2024 00:00:00 GMT")),
    Harmless("tracing", "studies", both(set_header("x-ms-request-id", "1"), set_header("MS-CV", "a"))),
    Harmless("names of headers", "studies", edit_header("content-type", lambda value: value)),
    Harmless("spelling of the media type", "studies", edit_header("Content-Type", lambda value: value.upper())),
    Harmless("quoted charset", "studies", edit_header("Content-Type", lambda value: value.replace("utf-8", '"utf-8"'))),
    Harmless("order of methods", "not-allowed", edit_header("Allow", lambda v: ", ".join(reversed(v.split(", "))))),
    Harmless("order of keys", "studies", edit_json(in_reverse)),
    Harmless("white space", "studies", edit_body(indented)),
    Harmless("escapes", "one-metadata", edit_body(escaped)),
    Harmless("number for a text", "one-metadata", first(lambda item: item["00280010"].update(Value=[32.0]))),
    Harmless("decimal spelling", "one-metadata", first(lambda item: item["00200032"].update(Value=[1.0, 2.50, -3.0]))),
    Harmless("decimals as text", "one-metadata", first(lambda item: item["00200032"].update(Value=["1", "2.5", "-3"]))),
    Harmless("padding", "one-metadata", first(lambda item: item["00081030"].update(Value=["CT CHEST  "]))),
    Harmless("trailing delimiters", "one-metadata", first(lambda i: i["00100010"]["Value"][0].update(Ideographic=""))),
    Harmless(
        "empty group", "one-metadata", first(lambda i: i["00100010"].update(Value=[{"Alphabetic": "Doe^Jane^^^"}]))
    ),
    Harmless("lost VR", "one-metadata", first(lambda item: item["00111010"].update(vr="UN"))),
    Harmless("order of metadata", "metadata", edit_json(swap)),
    Harmless("watermarks", "metadata", set_header("ETag", "1234-2")),
    Harmless("boundary", "study", other_boundary("another-one")),
    Harmless("quoted boundary", "study", other_boundary('"another one"')),
    Harmless("preamble", "study", with_preamble_text),
    Harmless("order of parts", "study", edit_parts(swap)),
    Harmless("headers of parts", "study", edit_parts(lower_case_part_headers)),
    Harmless("writer of a part", "study", edit_part(0, lambda content: edited_file(content, from_another_writer))),
    Harmless("writer of a file", "file", edit_file(from_another_writer)),
    Harmless("trailing padding", "file", edit_file(with_padding)),
    Harmless("preamble of a file", "file", edit_body(lambda body: b"II*\0" + body[4:])),
    Harmless(
        "order of stored instances",
        a_store,
        edit_json(lambda d: discard(d[STORED].update(Value=swap(d[STORED]["Value"])))),
    ),
    Harmless("operation", a_bulk_update, other_id),
    Harmless(
        "time of a change", "latest", edit_body(lambda body: body.replace(b'"timestamp":"20', b'"timestamp":"19'))
    ),
    Harmless("sequences", "feed", add(1000, "sequence")),
    Harmless("file path", "feed", first(lambda entry: entry.update(filePath="DICOM/Microsoft.Default/1_2.dcm"))),
    Harmless(
        "moment of a workitem", "workitem", edit_json(lambda item: discard(item["00404010"].update(Value=["20200101"])))
    ),
)


@pytest.mark.parametrize("case", HARMLESS, ids=ids(HARMLESS))
def test_variation_that_says_the_same_is_no_finding(pair: Twins, case: Harmless) -> None:
    """Record-replay §10.1 and §10.3: built-in volatile rules."""
    compared = pair.ask(case.request(), case.mutation, learns=False)
    assert [each for each in compared.differences if each.severity is not Severity.NOISE] == []
    assert compared.verdict is Verdict.SAME


def test_urls_of_another_host_of_the_service_are_its_own(pair: Twins) -> None:
    """Record-replay §10.3: base URLs and hosts are volatile; the service is asked by its public name."""
    asked = a_store()
    public = replace(asked, headers={**asked.headers, "Host": "dicom.example"})
    compared = pair.ask(public)
    url = item_of(json.loads(compared.pair.upstream.body.content), STORED)["00081190"]["Value"][0]  # type: ignore[union-attr]
    assert urlsplit(url).hostname == "dicom.example"
    assert compared.verdict is Verdict.SAME


@pytest.mark.parametrize("name", sorted(reads()))
def test_server_answers_as_its_twin(pair: Twins, name: str) -> None:
    """Record-replay §16, check 10: the emulator against itself."""
    compared = pair.ask(reads()[name], learns=False)
    assert [each for each in compared.differences if each.severity is not Severity.NOISE] == []
    assert compared.facts_upstream == compared.facts_local == compared.facts_same > 0


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(a_store, id="store"),
        pytest.param(lambda: a_store(twice=True), id="store of what is there"),
        pytest.param(lambda: a_store(wrong=True), id="store with a warning"),
        pytest.param(lambda: a_bulk_update("00080020"), id="refused update"),
        pytest.param(lambda: a_new_workitem("1.2.3.77"), id="workitem"),
    ],
)
def test_server_takes_writes_as_its_twin(pair: Twins, asked: Callable[[], Asked]) -> None:
    """Record-replay §16, check 10: the emulator against itself."""
    compared = pair.ask(asked())
    assert [each for each in compared.differences if each.severity is not Severity.NOISE] == []
    assert compared.facts_upstream == compared.facts_local == compared.facts_same > 0
