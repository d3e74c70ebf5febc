"""What an answer is held against: matchers, data sets, parts, frames, pictures, snapshots."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from azdicom_scenarios.model import Equals, Mark
from azdicom_scenarios.running import jsonpath
from azdicom_scenarios.running.images import picture, psnr_db
from azdicom_scenarios.running.matching import ABSENT, Found, unmet
from azdicom_scenarios.running.results import Outcome
from azdicom_scenarios.variables import Scope
from tests.scenarios.running_scenarios import CT, changed, misses, run_text, scenario, service
from tests.support.client import Emulator

DOCUMENT = {"a": [{"b": 1, "c": "x"}, {"b": 2, "c": "y"}], "00080060": {"vr": "CS"}, "d e": None, "n": 0.5}

PATHS: list[Any] = [
    pytest.param("$", [DOCUMENT], id="the document"),
    pytest.param("$.a[0].b", [1], id="names and indices"),
    pytest.param("$.a[-1].c", ["y"], id="from the end"),
    pytest.param("$.00080060.vr", ["CS"], id="a tag"),
    pytest.param("$['d e']", [None], id="a name in quotes"),
    pytest.param("$.a[*].b", [1, 2], id="all items"),
    pytest.param("$..c", ["x", "y"], id="descendants"),
    pytest.param("$.a[0:1].b", [1], id="a slice"),
    pytest.param("$.a[?(@.c == 'y')].b", [2], id="a filter"),
    pytest.param("$.a[?@.b<2].c", ["x"], id="a filter without parentheses"),
    pytest.param("$.nothing", [], id="nothing"),
]


@pytest.mark.parametrize(("path", "found"), PATHS)
def test_json_paths_lead_to_their_places(path: str, found: list[Any]) -> None:
    """RFC 9535."""
    assert jsonpath.parse(path).find(DOCUMENT) == found


@pytest.mark.parametrize("path", ["", "a", "$.", "$[", "$.a[x]", "$ .a"])
def test_what_is_no_json_path_is_refused(path: str) -> None:
    """RFC 9535."""
    with pytest.raises(jsonpath.JsonPathError):
        jsonpath.parse(path)


MATCHERS = [
    ("x", "x", "y"),
    ("{equals: '5'}", 5, 6),
    ("{not: x}", "y", "x"),
    ("{contains: b}", "abc", "acd"),
    ("{contains: b}", ["a", "b"], ["a"]),
    ("{matches: 'a.c'}", "abc", "abcd"),
    ("{exists: true}", "", ABSENT),
    ("{exists: false}", ABSENT, ""),
    ("{any_of: [a, b]}", "b", "c"),
    ("{all_of: [{contains: a}, {contains: b}]}", "ab", "a"),
    ("{length: 2}", [1, 2], [1]),
    ("{length: {ge: 2}}", "ab", "a"),
    ("{gt: 1, le: 3}", 3, 1),
    ("{lt: '20240201'}", "20240115", "20240301"),
    ("{approx: {value: 1, tol: 0.1}}", 1.05, 1.2),
    ("{unordered: [{any_of: [a, b]}, a]}", ["a", "b"], ["b", "b"]),
    ("{uid: true}", "1.2.840", "1.02"),
    ("{type: array}", [], {}),
]


@pytest.mark.parametrize(("written", "good", "bad"), MATCHERS, ids=[each[0] for each in MATCHERS])
def test_matchers_fit_what_they_say_and_nothing_else(tmp_path: Path, written: str, good: Any, bad: Any) -> None:
    """record-replay §12, matchers."""
    text = f"steps:\n  - {{get: /studies, expect: {{status: 204, json: {{$.x: {written}}}}}}}\n"
    expect = scenario(tmp_path, text).steps[0].expect
    assert expect is not None
    ((_, matcher),) = expect.json
    scope = Scope(seed=0, scenario_name="a")

    assert unmet(matcher, Found(good), scope) is None
    assert unmet(matcher, Found(bad), scope) is not None


def test_a_variable_keeps_its_type_and_a_number_equals_its_text() -> None:
    """record-replay §12: filled-in texts are compared with JSON numbers."""
    scope = Scope(seed=0, scenario_name="a", values={"n": "12"})
    matcher = Equals(mark=Mark("a", 1, 1), value="${n}")

    assert unmet(matcher, Found(12), scope) is None
    assert unmet(matcher, Found(True), scope) is not None


DICOM = [
    pytest.param("PatientName: Doe^Jane", True, id="a name as text"),
    pytest.param('"00100010": Doe^Jane', True, id="a tag"),
    pytest.param("PatientName: Doe^John", False, id="another name"),
    pytest.param("PatientName: {vr: PN}", True, id="a VR"),
    pytest.param('Rows: "16"', True, id="a number written as text"),
    pytest.param("PatientAddress: {exists: false}", True, id="absent"),
    pytest.param('item: {where: {SOPInstanceUID: "${ct1.i[1].sop}"}}, InstanceNumber: "2"', True, id="an item"),
    pytest.param("item: {where: {SOPInstanceUID: 1.2.3}}, InstanceNumber: {exists: true}", False, id="no such item"),
]


@pytest.mark.parametrize(("expected", "fits"), DICOM)
def test_attributes_are_found_by_keyword_and_tag(tmp_path: Path, expected: str, fits: bool) -> None:
    """record-replay §12: `expect.dicom`; metadata has a data set for each instance."""
    text = (
        CT
        + f"""
    steps:
      - get: "/studies/${{ct1.study}}/metadata"
        headers: {{Accept: application/dicom+json}}
        expect: {{status: 200, dicom: {{{expected}}}}}
"""
    )
    assert (misses(run_text(tmp_path, text)) == []) is fits


def test_parts_and_frames_of_a_retrieve_are_those_that_were_stored(tmp_path: Path) -> None:
    """record-replay §12: `expect.parts` with count, data sets and frames."""
    text = """
    fixtures:
      synthetic: [{study: us, series: [{modality: US, frames: 3, rows: 8, columns: 8}]}]
      preload: [us]
    steps:
      - get: "/studies/${us.study}"
        headers: {Accept: 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        expect:
          status: 200
          parts:
            count: 1
            each:
              headers: {Content-Type: {contains: application/dicom}}
              dicom: {StudyInstanceUID: "${us.study}", TransferSyntaxUID: 1.2.840.10008.1.2.1}
      - get: "${us.i[0].path}/frames/1,3"
        headers: {Accept: 'multipart/related; type="application/octet-stream"'}
        expect: {status: 200, parts: {count: 2, frames: {of: "us.i[0]", numbers: [1, 3]}}}
"""
    assert misses(run_text(tmp_path, text)) == []


def test_a_changed_frame_is_found(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §12: frames are compared byte for byte."""
    text = """
    fixtures: {synthetic: [{study: ct, series: [{rows: 8, columns: 8, pixels: gradient}]}], preload: [ct]}
    steps:
      - get: "${ct.i[0].path}/frames/1"
        headers: {Accept: 'multipart/related; type="application/octet-stream"'}
        expect: {parts: {frames: {of: "ct.i[0]"}}}
"""

    def flip(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        at = len(body) // 2
        return status, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] if "/frames/" in path else body

    with changed(emulator.base_url, flip) as url:
        result = run_text(tmp_path, text, service(url))

    assert [what for what, _, _ in misses(result)] == ["frame in part 1"]


def test_pictures_are_measured_and_compared(tmp_path: Path) -> None:
    """record-replay §12: `expect.image` with size and psnr."""
    text = (
        CT
        + """
    steps:
      - get: "${ct1.i[0].path}/rendered"
        headers: {Accept: image/png}
        expect: {status: 200, image: {size: 16x16}}
      - get: "${ct1.i[0].path}/rendered"
        headers: {Accept: image/png}
        expect: {image: {size: 17x16, psnr: {to: black.png, min: 40}}}
"""
    )
    Image.new("L", (16, 16)).save(tmp_path / "black.png")

    found = misses(run_text(tmp_path, text))

    assert found[0] == ("image width", "17 pixels", "16 pixels")
    assert found[1][:2] == ("image", "at least 40 dB to black.png")


def test_psnr_is_infinite_for_equal_pictures_and_falls_with_the_difference() -> None:
    """PSNR = 10 log10(255² / mean square error)."""

    def png(value: int) -> bytes:
        buffer = BytesIO()
        Image.new("L", (4, 4), value).save(buffer, "PNG")
        return buffer.getvalue()

    assert psnr_db(picture(png(10)), picture(png(10))) == float("inf")
    assert psnr_db(picture(png(0)), picture(png(255))) == 0
    with pytest.raises(ValueError, match="pixels"):
        psnr_db(picture(png(0)), picture(_wide()))


def _wide() -> bytes:
    buffer = BytesIO()
    Image.new("L", (5, 4)).save(buffer, "PNG")
    return buffer.getvalue()


def test_bodies_and_times_are_checked(tmp_path: Path) -> None:
    """record-replay §12: `body`, `max_time`, `same_as`."""
    text = (
        CT
        + """
    steps:
      - name: first
        get: "/studies/${ct1.study}/metadata"
        headers: {Accept: application/dicom+json}
        expect: {status: 200}
      - get: "/studies/${ct1.study}/metadata"
        headers: {Accept: application/dicom+json}
        expect: {same_as: first, max_time: 20s, body: {empty: false}}
      - get: "/studies/${ct1.study}/series"
        headers: {Accept: application/dicom+json}
        expect: {same_as: first, body: {empty: true}}
"""
    )
    found = [what for what, _, _ in misses(run_text(tmp_path, text))]

    assert found == ["body", "body, as of 'first'"]


def test_a_snapshot_is_written_once_and_compared_from_then_on(tmp_path: Path, emulator: Emulator) -> None:
    """record-replay §12: `snapshot`, `--update-snapshots`; what changes from run to run is no difference."""
    text = (
        CT
        + """
    steps:
      - get: "/studies/${ct1.study}/metadata"
        headers: {Accept: application/dicom+json}
        expect: {snapshot: metadata}
"""
    )

    def rename(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return status, body.replace(b"Doe^Jane", b"Doe^John")

    assert "--update-snapshots" in misses(run_text(tmp_path, text))[0][2]
    assert run_text(tmp_path, text, updates_snapshots=True).outcome is Outcome.PASSED
    assert (tmp_path / "snapshots" / "a" / "metadata.json").is_file()
    assert misses(run_text(tmp_path, text)) == []
    with changed(emulator.base_url, rename) as url:
        found = misses(run_text(tmp_path, text, service(url)))
    assert any("Doe^Jane" in expected and "Doe^John" in actual for _, expected, actual in found)


MUTATIONS: list[Any] = [
    pytest.param("status", b"", b"", 500, "200", id="another status"),
    pytest.param("dicom PatientName", b"Doe^Jane", b"Doe^John", None, "Doe^Jane", id="another name"),
    pytest.param("json $", b"[{", b"[{},{", None, "length 1", id="a result too many"),
    pytest.param("header Content-Type", b"", b"", None, "something that contains nothing-like-it", id="another type"),
]


@pytest.mark.parametrize(("what", "old", "new", "other_status", "expected"), MUTATIONS)
def test_a_service_that_answers_otherwise_fails_the_scenario_with_file_and_line(
    tmp_path: Path, emulator: Emulator, what: str, old: bytes, new: bytes, other_status: int | None, expected: str
) -> None:
    """record-replay §13.2: the failing expectation with `file:line:column`, expected and actual."""
    content_type = "nothing-like-it" if what.startswith("header") else "dicom+json"
    text = (
        CT
        + f"""
    steps:
      - get: /studies
        query: {{StudyInstanceUID: "${{ct1.study}}"}}
        headers: {{Accept: application/dicom+json}}
        expect:
          status: 200
          headers: {{Content-Type: {{contains: {content_type}}}}}
          json: {{$: {{length: 1}}}}
          dicom: {{item: {{where: {{StudyInstanceUID: "${{ct1.study}}"}}}}, PatientName: Doe^Jane}}
"""
    )

    def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if method != "GET":
            return status, body
        return other_status or status, body.replace(old, new) if old else body

    with changed(emulator.base_url, change) as url:
        result = run_text(tmp_path, text, service(url))

    miss = next(each for failure in result.failures for each in failure.mismatches)
    assert (miss.what, miss.expected) == (what, expected)
    lines = (tmp_path / "a.scenario.yaml").read_text().splitlines()
    keyword = {"dicom": "PatientName", "json": "length", "header": "contains", "status": "status"}[what.split()[0]]
    assert keyword in lines[miss.mark.line - 1]
