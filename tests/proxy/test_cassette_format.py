"""The file: what plain VCR.py needs (record-replay §6.1), and that equal recordings are equal bytes (§6.5)."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.errors import CassetteError, CassetteMissingError, SideFileError
from azdicom_proxy.cassette.layout import LayoutOptions
from azdicom_proxy.cassette.model import Empty, Inline, Interaction, Multipart, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.reading import load
from tests.proxy.made_cassettes import a_retrieve, a_store, an_interaction, record, recorded, written_bytes
from tests.support.instances import an_instance

LARGE: Any = {"rows": 128, "columns": 128}


def test_a_cassette_keeps_every_rule_of_plain_vcr(tmp_path: Path) -> None:
    """record-replay §6.1, the table."""
    path = tmp_path / "all.yaml"
    small, large = an_instance(rows=4, columns=4), an_instance(**LARGE)
    record(
        path,
        a_store(small),
        a_store(large),
        a_retrieve(large),
        an_interaction(answer=[{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg"}]}}]),
        an_interaction("DELETE", "/studies/1.2.3", status=204, reason=""),
        an_interaction(
            status=404,
            reason="Nicht gefunden ✗",
            answer=b"nothing\r\nhere ",
            answer_headers=(("Content-Type", "text/plain"),),
        ),
    )

    content = path.read_bytes()
    document = yaml.safe_load(content)

    assert content.isascii()
    assert b"\r" not in content
    assert document["version"] == 1
    assert len(document["interactions"]) == 6
    for entry in document["interactions"]:
        assert entry["request"].keys() == {"method", "uri", "body", "headers"}
        assert isinstance(entry["response"]["status"]["code"], int)
        assert entry["response"]["status"]["message"].isascii()
        assert isinstance(entry["response"]["body"]["string"], str | bytes)
        for headers in (entry["request"]["headers"], entry["response"]["headers"]):
            assert all(isinstance(value, str) for values in headers.values() for value in values)
            assert not {"transfer-encoding", "content-encoding"} & {name.lower() for name in headers}


def test_json_reads_line_by_line_in_the_file(tmp_path: Path) -> None:
    """record-replay §6.3: JSON is a literal block, and Content-Length follows."""
    path = tmp_path / "search.yaml"
    record(path, an_interaction(answer=[{"00080060": {"vr": "CS", "Value": ["CT"]}}]))

    text = path.read_text("ascii")
    body = yaml.safe_load(text)["interactions"][0]["response"]["body"]["string"]

    assert '      string: |\n        [\n          {"00080060": {"vr": "CS", "Value": ["CT"]}}\n        ]\n' in text
    assert f"Content-Length:\n      - '{len(body)}'" in text
    assert "json_reformatted: true" in text


def test_raw_json_keeps_the_bytes(tmp_path: Path) -> None:
    """record-replay §6.3: `--raw-json`; what no block can hold is quoted."""
    answer = '{ "a":"é",\r\n "b": 1 } \n'.encode()
    sent = an_interaction(answer=answer, answer_headers=(("Content-Type", "application/json"),))

    (kept,) = recorded(tmp_path / "raw.yaml", sent, options=LayoutOptions(raw_json=True)).interactions

    assert content_of(kept.response.body) == answer
    assert not kept.json_reformatted
    assert (tmp_path / "raw.yaml").read_bytes().isascii()


def test_small_binaries_are_inline_and_large_ones_side_files(tmp_path: Path) -> None:
    """record-replay §6.3: 16 KiB is the limit; the side file is named by its SHA-256."""
    small = an_interaction(answer=bytes(range(256)), answer_headers=(("Content-Type", "image/jpeg"),))
    large = an_interaction(answer=bytes(range(256)) * 65, answer_headers=(("Content-Type", "image/jpeg"),))

    cassette = recorded(tmp_path / "images.yaml", small, large)
    entries = yaml.safe_load((tmp_path / "images.yaml").read_text("ascii"))["interactions"]

    assert entries[0]["response"]["body"]["string"] == bytes(range(256))
    assert base64.b64encode(bytes(range(48))).decode() in (tmp_path / "images.yaml").read_text("ascii")
    file = entries[1]["response"]["body"]["file"]
    assert (tmp_path / "images.bodies" / file).read_bytes() == bytes(range(256)) * 65
    assert file.endswith(".jpg")
    assert "images.bodies" in entries[1]["response"]["body"]["string"]
    assert content_of(cassette.interactions[1].response.body) == bytes(range(256)) * 65


def test_an_instance_stored_once_and_retrieved_twice_is_one_file(tmp_path: Path) -> None:
    """record-replay §6.3: multipart bodies are stored by part, whatever their boundaries."""
    dataset = an_instance(**LARGE)

    cassette = recorded(tmp_path / "c.yaml", a_store(dataset), a_retrieve(dataset), a_retrieve(dataset))

    files = [name for name in written_bytes(tmp_path) if name.endswith(".dcm")]
    assert len(files) == 1
    request = cassette.interactions[0].request
    assert isinstance(request.body, Multipart)
    assert request.body.boundary == "bnd"
    assert request.body.parts[0].sop == dataset.SOPInstanceUID
    assert ("Content-Type", 'multipart/related; type="application/dicom"; boundary=bnd') in request.headers


def test_a_boundary_that_occurs_in_a_part_is_not_forced_on_it(tmp_path: Path) -> None:
    """record-replay §6.3: `bnd` is checked not to occur in any part."""
    body = b"--xyz\r\nContent-Type: text/plain\r\n\r\nsome --bnd here\r\n--xyz--\r\n"
    headers = (("Content-Type", "multipart/related; boundary=xyz"),)

    (kept,) = recorded(tmp_path / "c.yaml", an_interaction("POST", headers=headers, body=body)).interactions

    assert content_of(kept.request.body) == body
    assert kept.request.headers == headers


def test_ids_count_within_their_routes(tmp_path: Path) -> None:
    """record-replay §6.2: route slug and ordinal per route; seq over all."""
    cassette = recorded(
        tmp_path / "c.yaml",
        an_interaction(path="/studies?limit=1"),
        an_interaction(path="/studies/1.2.3/series"),
        an_interaction(path="/studies?limit=2"),
        an_interaction(path="/somewhere/else"),
    )

    assert [(each.id, each.seq, each.route) for each in cassette.interactions] == [
        ("qido-studies-0001", 1, "GET /studies"),
        ("qido-study-series-0001", 2, "GET /studies/{study}/series"),
        ("qido-studies-0002", 3, "GET /studies"),
        ("get-somewhere-0001", 4, "GET /somewhere"),
    ]


def test_noise_of_the_wire_is_not_stored_unless_asked_for(tmp_path: Path) -> None:
    """record-replay §6.5: Date, Server, tracing headers never matter."""
    noisy = an_interaction(
        headers=(("Accept", "*/*"), ("User-Agent", "x/1"), ("traceparent", "00-1")),
        answer_headers=(("Date", "Mon"), ("Server", "Kestrel"), ("ETag", "1-2"), ("Transfer-Encoding", "chunked")),
    )

    (quiet,) = recorded(tmp_path / "quiet.yaml", noisy).interactions
    (loud,) = recorded(tmp_path / "loud.yaml", noisy, options=LayoutOptions(keep_headers=True)).interactions

    assert [name for name, _ in (*quiet.request.headers, *quiet.response.headers)] == ["Accept", "ETag"]
    assert [name for name, _ in loud.response.headers] == ["Date", "ETag", "Server"]


def test_the_same_recording_gives_the_same_bytes_on_another_day(tmp_path: Path) -> None:
    """record-replay §6.5, §16 check 3: no clock but the day, and that changes only with the content."""
    conversation = (a_store(an_instance(**LARGE)), an_interaction(answer=[{"00080060": {"vr": "CS"}}]))
    record(tmp_path / "one" / "c.yaml", *conversation)
    first = written_bytes(tmp_path / "one")
    record(tmp_path / "two" / "c.yaml", *conversation)

    record(tmp_path / "one" / "c.yaml", *conversation, existing=load(tmp_path / "one" / "c.yaml"), keeps_equal=True)

    assert written_bytes(tmp_path / "two") == first
    assert written_bytes(tmp_path / "one") == first
    assert set(first) == {"c.yaml", *(name for name in first if name.startswith("c.bodies/"))}


def test_what_libyaml_writes_is_what_pyyaml_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """record-replay §16 check 14: the same bytes where PyYAML was built without libyaml."""
    from azdicom_proxy.cassette import yaml_text

    record(tmp_path / "c.yaml", a_store(an_instance(rows=4, columns=4)), an_interaction(path="/studies?a=%20&b=c%2Cd"))
    document = yaml_text.load((tmp_path / "c.yaml").read_text("ascii"))

    class Pure(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Pure.add_representer(
        str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)
    )
    assert yaml.dump(document, Dumper=Pure, default_flow_style=False).encode("ascii") == yaml_text.dump(document)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("interactions: 7", "no list `interactions`", id="no list"),
        pytest.param("[]", "no list `interactions`", id="top-level list"),
        pytest.param("a: [", "not YAML", id="broken YAML"),
        pytest.param("a: !!python/object:os.system {}", "not YAML", id="dangerous tag"),
        pytest.param("interactions: [{request: {method: GET}}]", "interaction 1 is malformed", id="no response"),
    ],
)
def test_a_file_that_is_no_cassette_is_refused_by_name(tmp_path: Path, text: str, expected: str) -> None:
    """record-replay §1: exit code 4 with a text that helps."""
    path = tmp_path / "broken.yaml"
    path.write_text(text)

    with pytest.raises(CassetteError, match=expected) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_missing_cassette_says_so(tmp_path: Path) -> None:
    """record-replay §1."""
    with pytest.raises(CassetteMissingError, match="no such cassette"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("harm", ["missing", "shorter", "changed"])
def test_a_side_file_that_is_not_what_it_was_is_an_error(tmp_path: Path, harm: str) -> None:
    """record-replay §6.4: the error names interaction id, file and expected hash."""
    record(tmp_path / "c.yaml", a_retrieve(an_instance(**LARGE)))
    (file,) = (tmp_path / "c.bodies").rglob("*.dcm")
    content = file.read_bytes()
    match harm:
        case "missing":
            file.unlink()
        case "shorter":
            file.write_bytes(content[:-1])
        case "changed":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(SideFileError) as caught:
        load(tmp_path / "c.yaml", verify=True)

    assert "wado-study-0001" in str(caught.value)
    assert file.name in str(caught.value)
    assert file.stem in str(caught.value).replace(file.name, "")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "ab/../../x", "ab\\x"])
def test_a_side_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A cassette comes from a repository that somebody else wrote."""
    (tmp_path / "c.yaml").write_text(
        "interactions:\n- request: {body: null, headers: {}, method: GET, uri: 'http://h/v2/studies'}\n"
        f"  response: {{body: {{kind: file, file: '{name}', size: 1, string: ''}}, headers: {{}},\n"
        "    status: {code: 200, message: OK}}\n"
        "version: 1\n"
    )

    with pytest.raises(CassetteError, match="no name of a side file"):
        load(tmp_path / "c.yaml")


def test_repeated_headers_stay_apart_in_responses_and_are_joined_in_requests(tmp_path: Path) -> None:
    """record-replay §6.1: VCR.py keeps only the first value of a request's header."""
    interaction = Interaction(
        request=RecordedRequest("GET", "http://h/v2/studies", (("Accept", "a/b"), ("accept", "c/d"))),
        response=RecordedResponse(200, "OK", (("Warning", "299 a"), ("Warning", "299 b")), Empty()),
    )

    (kept,) = recorded(tmp_path / "c.yaml", interaction).interactions

    assert kept.request.headers == (("Accept", "a/b, c/d"),)
    assert kept.response.headers == (("Warning", "299 a"), ("Warning", "299 b"))


def test_a_body_over_the_limit_keeps_its_length_and_hash(tmp_path: Path) -> None:
    """record-replay §3: the cassette keeps only length and hash."""
    from azdicom_proxy.cassette.errors import BodyOmittedError
    from azdicom_proxy.cassette.model import Omitted

    interaction = Interaction(
        request=RecordedRequest("GET", "http://h/v2/studies/1.2.3"),
        response=RecordedResponse(200, "OK", (), Omitted(5_000_000_000, "ab" * 32)),
    )

    (kept,) = recorded(tmp_path / "c.yaml", interaction).interactions

    assert kept.response.body == Omitted(5_000_000_000, "ab" * 32)
    with pytest.raises(BodyOmittedError, match="5000000000 bytes"):
        content_of(kept.response.body)


def test_an_empty_file_is_an_empty_cassette(tmp_path: Path) -> None:
    """VCR.py treats an empty file like a missing cassette; reading it is no error here."""
    (tmp_path / "c.yaml").write_text("\n")

    assert load(tmp_path / "c.yaml").interactions == ()


def test_inline_content_survives_whatever_it_is(tmp_path: Path) -> None:
    """record-replay §6.1: text or `!!binary`, but never other bytes."""
    bodies = [b"\x00\x01", b"plain", "é".encode(), b"\xff\xfe", b" lead\n\n", b"x\r\ny", b"- a: b", b"'\"", b"\t"]
    for number, body in enumerate(bodies):
        for content_type in ("text/plain", "application/octet-stream", ""):
            headers = (("Content-Type", content_type),) if content_type else ()
            interaction = an_interaction(answer=body, answer_headers=headers)

            (kept,) = recorded(tmp_path / f"{number}.yaml", interaction).interactions

            assert kept.response.body == Inline(body)
