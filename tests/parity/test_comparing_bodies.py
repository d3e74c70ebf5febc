"""Bodies are compared wherever they lie: in memory, in files, or as recipes of a cassette."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from azdicom_proxy.cassette.bodies import content_of, header, split_multipart
from azdicom_proxy.cassette.model import Body, Empty, Inline, RecordedRequest, RecordedResponse, SpooledFile
from azdicom_proxy.parity.compare import compare
from azdicom_proxy.parity.comparing.images import psnr
from azdicom_proxy.parity.comparing.messages import template
from azdicom_proxy.parity.comparing.terms import SideTerms, base_of
from azdicom_proxy.parity.comparing.values import normal
from azdicom_proxy.parity.model import Pair, Severity, Verdict
from tests.parity.cases import BREAKING, findings, flipped
from tests.parity.mutating import edited_file
from tests.support.instances import an_instance, part10
from tests.support.multipart import multipart_related

SERVICE = "https://service.example/v2"
ANY = SideTerms(frozenset(), "v2")


def in_memory(content: bytes, _headers: Any, _folder: Path) -> Body:
    return Inline(content)


def in_file(content: bytes, _headers: Any, folder: Path) -> Body:
    path = folder / f"{len(list(folder.iterdir()))}"
    path.write_bytes(content)
    return SpooledFile(path, len(content), "")


def in_stretch_of_a_file(content: bytes, _headers: Any, folder: Path) -> Body:
    path = folder / f"{len(list(folder.iterdir()))}"
    path.write_bytes(b"before" + content + b"after")
    return SpooledFile(path, len(content), "", 6)


def as_recipe(content: bytes, headers: Any, folder: Path) -> Body:
    body = in_file(content, headers, folder)
    assert isinstance(body, SpooledFile)
    recipe = split_multipart(header(headers, "content-type") or "", body)
    assert recipe is not None
    return recipe


KEEPERS = (in_memory, in_file, in_stretch_of_a_file, as_recipe)


def answer(
    content: bytes, content_type: str, keep: Callable[[bytes, Any, Path], Body], folder: Path
) -> RecordedResponse:
    headers = (("Content-Type", content_type),)
    return RecordedResponse(200, "OK", headers, keep(content, headers, folder))


def a_pair(path: str, upstream: RecordedResponse, local: RecordedResponse) -> Pair:
    return Pair(
        id="1",
        route=f"GET {path}",
        request=RecordedRequest("GET", f"{SERVICE}{path}"),
        upstream=upstream,
        local=local,
    )


@pytest.mark.parametrize("ours", KEEPERS, ids=lambda keeper: f"upstream {keeper.__name__}")
@pytest.mark.parametrize("theirs", KEEPERS, ids=lambda keeper: f"local {keeper.__name__}")
def test_parts_are_the_same_wherever_they_are_kept(ours: Any, theirs: Any, tmp_path: Path) -> None:
    """Record-replay §10.1: parts keyed by SOP UID; one bit of the second is one finding, at its frame."""
    files = [part10(an_instance()) for _ in range(2)]
    changed = [files[0], edited_file(files[1], flipped)]
    upstream, same, other = (multipart_related(each) for each in (files, reversed(files), changed))
    first = answer(upstream[1], upstream[0], ours, tmp_path)
    equal = compare(a_pair("/studies/1", first, answer(same[1], same[0], theirs, tmp_path)))
    assert (equal.verdict, findings(equal)) == (Verdict.SAME, set())
    unequal = compare(a_pair("/studies/1", first, answer(other[1], other[0], theirs, tmp_path)))
    assert findings(unequal) == {(BREAKING, "part[*]:frames[*]", "pixels")}
    assert unequal.facts_same == unequal.facts_upstream - 1 == unequal.facts_local - 1


def test_missing_part_is_missing_with_all_that_it_states(tmp_path: Path) -> None:
    """Record-replay §10.6: facts of the upstream that the local side does not reproduce lower the recall."""
    files = [part10(an_instance()) for _ in range(2)]
    both, one = multipart_related(files), multipart_related(files[:1])
    compared = compare(
        a_pair("/studies/1", answer(both[1], both[0], in_memory, tmp_path), answer(one[1], one[0], in_memory, tmp_path))
    )
    assert findings(compared) == {(BREAKING, "part[*]", "missing")}
    assert compared.facts_local == compared.facts_same
    assert compared.facts_upstream > compared.facts_local + 20


def test_answers_without_bodies_are_the_same() -> None:
    """Record-replay §10.1: presence of a body."""
    none = RecordedResponse(204, "No Content", (), Empty())
    assert compare(a_pair("/studies", none, replace(none))).verdict is Verdict.SAME


PARTITIONS = [
    {"partitionKey": 1, "partitionName": "Microsoft.Default", "createdDate": "2024-01-01T00:00:00+00:00"},
    {"partitionKey": 2, "partitionName": "ward", "createdDate": "2024-02-03T04:05:06.789+00:00"},
]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"partitionKey": 7, "createdDate": "2025-01-01T00:00:00+00:00"}, set(), id="key and date"),
        pytest.param({"partitionName": "other"}, {(BREAKING, "json:$[*].partitionName", "value")}, id="name"),
        pytest.param({"createdDate": "2025-01-01"}, {(BREAKING, "json:$[*].createdDate", "shape")}, id="shape"),
    ],
)
def test_partitions_are_compared_by_name(changes: dict[str, Any], expected: set[Any], tmp_path: Path) -> None:
    """Record-replay §10.1 and §10.3: keys and dates are each side's own."""
    documents = (PARTITIONS, [PARTITIONS[0], PARTITIONS[1] | changes])
    ours, theirs = (answer(json.dumps(each).encode(), "application/json", in_memory, tmp_path) for each in documents)
    assert findings(compare(a_pair("/partitions", ours, theirs))) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "is_same"),
    [
        pytest.param({"vr": "DS", "Value": ["1"]}, {"vr": "DS", "Value": [1.0]}, True, id="decimal"),
        pytest.param({"vr": "IS", "Value": ["+7 "]}, {"vr": "IS", "Value": [7]}, True, id="integer"),
        pytest.param({"vr": "FL", "Value": [0.1]}, {"vr": "FL", "Value": [0.10000000149]}, True, id="single"),
        pytest.param({"vr": "FD", "Value": [0.1]}, {"vr": "FD", "Value": [0.10000000149]}, False, id="double"),
        pytest.param({"vr": "LO"}, {"vr": "LO", "Value": [None]}, True, id="empty"),
        pytest.param({"vr": "LO", "Value": ["a", None]}, {"vr": "LO", "Value": ["a"]}, False, id="empty second"),
        pytest.param({"vr": "DA", "Value": ["20240101"]}, {"vr": "DA", "Value": ["2024.01.01"]}, False, id="date"),
        pytest.param({"vr": "UI", "Value": ["1.2\0"]}, {"vr": "UI", "Value": ["1.2"]}, True, id="padded UID"),
        pytest.param({"vr": "OB", "InlineBinary": "AAE="}, {"vr": "OB", "InlineBinary": "AAI="}, False, id="binary"),
        pytest.param(
            {"vr": "UR", "Value": [f"{SERVICE}/studies/1.2"]},
            {"vr": "UR", "Value": ["http://127.0.0.1:8080/v2/studies/1.2"]},
            True,
            id="URL of the other side",
        ),
        pytest.param(
            {"vr": "OW", "BulkDataURI": f"{SERVICE}/studies/1/series/2/instances/3/bulkdata/7FE00010"},
            {"vr": "OW", "BulkDataURI": "http://local/v2/studies/1/series/2/instances/3/bulkdata/4"},
            True,
            id="bulk data by route",
        ),
    ],
)
def test_values_are_equal_by_their_vr(ours: dict[str, Any], theirs: dict[str, Any], is_same: bool) -> None:
    """Record-replay §10.1; PS3.18 Annex F."""
    assert (normal(ours, ANY) == normal(theirs, ANY)) is is_same


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"{SERVICE}/studies/1.2", "{base}/studies/1.2"),
        ("https://SERVICE.example:443/v2/studies/1.2", "{base}/studies/1.2"),
        ("https://service.example/v1/studies/1.2", "{base}/v1/studies/1.2"),
        ("https://other.example/v2/studies/1.2", "https://other.example/v2/studies/1.2"),
        (f"{SERVICE}/operations/0123456789abcdef0123456789abcdef", "{base}/operations/{operation}"),
        ("http://[", "http://["),
        ("https://service.example/elsewhere", "https://service.example/elsewhere"),
    ],
)
def test_own_urls_begin_with_the_base(url: str, shown: str) -> None:
    """Record-replay §10.3: base URLs and hosts are volatile, what they name is not."""
    assert SideTerms(base_of(f"{SERVICE}/studies"), "v2").url(url) == shown


def test_template_of_a_message_has_no_values() -> None:
    """Record-replay §10.1: numbers, UIDs and quoted values replaced."""
    assert template("Study '1.2.3' of 12 MB  failed at 1.2.840.1.") == template("Study 'x' of 7 MB failed at 2.25.99.")


def test_psnr_threshold_is_the_callers(tmp_path: Path) -> None:
    """Record-replay §10.1: PSNR of 40 dB and more is minor, settable."""
    from io import BytesIO

    from PIL import Image

    contents = []
    for value in (100, 102):
        sink = BytesIO()
        Image.new("L", (16, 16), value).save(sink, "JPEG", quality=100)
        contents.append(sink.getvalue())
    ours, theirs = (answer(each, "image/jpeg", in_memory, tmp_path) for each in contents)
    pair = a_pair("/studies/1/series/2/instances/3/rendered", ours, theirs)
    ratio = psnr(*(Image.open(BytesIO(content_of(each.body))) for each in (ours, theirs)))
    assert compare(pair, close_psnr_db=ratio - 1).verdict is Verdict.MINOR
    assert compare(pair, close_psnr_db=ratio + 1).verdict is Verdict.BREAKING
    assert {each.severity for each in compare(pair).differences} == {Severity.MINOR}
