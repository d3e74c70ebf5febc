"""Reports of a result: console, JSON, JUnit, Markdown, HTML."""

import base64
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
from PIL import Image

from azdicom_proxy.cassette.model import Inline, RecordedResponse
from azdicom_proxy.exit_codes import UsageFailure
from azdicom_proxy.parity.model import Severity, Verdict
from azdicom_proxy.parity.pictures import pictures_of
from azdicom_proxy.parity.redaction import Redaction
from azdicom_proxy.parity.report_options import JUnitBy, ReportOptions
from azdicom_proxy.parity.reports import console, junit, markdown, page, write
from azdicom_proxy.parity.results import RunInfo
from azdicom_proxy.parity.tables import tables_of
from tests.parity.compared import JSON_HEADERS, a_difference, outcome
from tests.parity.sample_result import result_of, sample
from tests.parity.twins import Twins

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&\"'`|\u2028\x1b[31m\x00]]>{data}{style}"
MINOR = a_difference("body", "text", Severity.MINOR, text="another message")


@pytest.fixture(scope="module")
def result(pair: Twins) -> dict[str, Any]:
    """Of a real comparison."""
    return result_of(sample(pair))


def hostile() -> dict[str, Any]:
    """Every value that an upstream can choose is an attack."""
    difference = a_difference(
        f"header:{HOSTILE}", text=HOSTILE, upstream=HOSTILE, local=HOSTILE, where=HOSTILE, rule=HOSTILE
    )
    return result_of(
        [
            outcome(difference, route=f"GET /{HOSTILE}", identifier=HOSTILE, path=f"/{HOSTILE}"),
            outcome(verdict=Verdict.SKIPPED, reason=HOSTILE, route=f"GET /{HOSTILE}"),
        ],
        run=RunInfo(upstream="http://127.0.0.1", local=HOSTILE, source=HOSTILE, phi_shown=True),
    )


def test_console_has_a_line_for_each_route_then_findings_then_score_with_coverage(result: dict[str, Any]) -> None:
    """Record and replay §11, console."""
    text = click.unstyle(console.render(result))
    lines = text.splitlines()
    assert [line[0] for line in lines[1 : 1 + len(result["routes"])]] == [
        "✗" if route["breaking"] else "~" if route["minor"] else "✓" for route in result["routes"]
    ]
    assert "(0008,0060) Modality" in text
    assert 'upstream  ["MR"]' in text
    assert re.search(r"^score \d.*; coverage \d", text, re.MULTILINE)
    assert "never exercised: " in text


def test_console_shows_ten_findings_of_at_most_six_lines_unless_full() -> None:
    """Record and replay §11: the top 10 fingerprints, each ≤ 6 lines; --full lifts limits."""
    long = "x" * 500
    result = result_of([outcome(*(a_difference(f"header:X-{number}", upstream=long) for number in range(14)))])
    blocks = [block for block in click.unstyle(console.render(result)).split("\n\n") if re.match(r"[✗~] \d+\.", block)]
    assert len(blocks) == 10
    assert max(len(block.splitlines()) for block in blocks) <= 6
    assert long not in "".join(blocks)
    assert "4 more findings" in console.render(result)
    full = console.render(result, full=True)
    assert full.count(long) == 14
    assert "because: " in full


def test_console_obeys_no_control_characters_of_values() -> None:
    """A hostile value must not drive the terminal."""
    text = click.unstyle(console.render(hostile(), full=True))
    assert "\x1b" not in text
    assert "\x00" not in text


def test_json_report_is_the_result(result: dict[str, Any], tmp_path: Path) -> None:
    """Record and replay §1: `--json` is the contract, with schema 1."""
    path = tmp_path / "new" / "result.json"
    write(result, ReportOptions(json=path, is_quiet=True))
    loaded = json.loads(path.read_text())
    assert loaded == json.loads(json.dumps(result))
    assert loaded["schema"] == 1


def test_a_report_on_stdout_stands_alone(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """`--json -`: what reads it gets nothing else."""
    write(result, ReportOptions(json=Path("-")))
    assert json.loads(capsys.readouterr().out)["schema"] == 1


def test_a_report_that_cannot_be_written_is_told_in_a_line(result: dict[str, Any], tmp_path: Path) -> None:
    """Record and replay §1: exit code 2."""
    with pytest.raises(UsageFailure, match="cannot write"):
        write(result, ReportOptions(html=tmp_path, is_quiet=True))


def test_junit_has_a_suite_for_each_route_and_a_case_for_each_exchange() -> None:
    """Record and replay §11, JUnit: minor → system-out; unseeded and skipped → skipped with reason."""
    result = result_of(
        [
            outcome(a_difference(tag="00080060"), identifier="breaking"),
            outcome(MINOR, identifier="minor"),
            outcome(identifier="same"),
            outcome(verdict=Verdict.UNSEEDED, reason="never passed by", identifier="unseeded"),
            outcome(route="GET /series", identifier="other"),
        ]
    )
    suites = ElementTree.fromstring(junit.render(result))
    assert [suite.get("name") for suite in suites] == ["GET /series", "GET /studies"]
    suite = suites[1]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failure = cases["breaking"].find("failure")
    assert failure is not None
    assert failure.get("message") == "(0008,0060) Modality: another value"
    assert "upstream  MR" in (failure.text or "")
    assert "another message" in (cases["minor"].findtext("system-out") or "")
    skipped = cases["unseeded"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "unseeded: never passed by"
    assert len(cases["same"]) == 0


def test_junit_by_fingerprint_has_a_case_for_each_finding(tmp_path: Path) -> None:
    """Record and replay §11: --junit-by."""
    result = result_of([outcome(a_difference(), MINOR), outcome(a_difference())])
    path = tmp_path / "junit.xml"
    write(result, ReportOptions(junit=path, junit_by=JUnitBy.FINGERPRINT, is_quiet=True))
    cases = list(ElementTree.parse(path).iter("testcase"))
    assert [case.get("name") for case in cases] == ["dicom:[*].00080060 value", "body text"]
    assert [case[0].tag for case in cases] == ["failure", "system-out"]


def test_junit_is_xml_whatever_the_values_are() -> None:
    """XML 1.0 has no form for control characters."""
    assert ElementTree.fromstring(junit.render(hostile())).find("testsuite") is not None
    assert ElementTree.fromstring(junit.render(hostile(), by_fingerprint=True)).find("testsuite") is not None


def test_markdown_has_score_with_coverage_routes_and_findings(result: dict[str, Any]) -> None:
    """Record and replay §11, Markdown."""
    text = markdown.render(result)
    assert re.search(r"^\*\*score .*coverage .*\*\*$", text, re.MULTILINE)
    assert "| ✗ | `GET /studies` |" in text
    assert "```yaml\n- route: " in text


def test_markdown_is_added_to_the_page_of_a_ci_job(result: dict[str, Any], tmp_path: Path) -> None:
    """Record and replay §11: appended to the file named by GITHUB_STEP_SUMMARY."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    write(result, ReportOptions(step_summary=path, is_quiet=True))
    assert path.read_text() == "before\n" + markdown.render(result)


def test_markdown_lets_no_value_be_markup() -> None:
    """A hostile value must not add elements to a CI page."""
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", markdown.render(hostile()), flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    assert "<script" not in outside
    assert "<img" not in outside


class Elements(HTMLParser):
    """The elements of a page and their attributes, and the texts of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script" and self.get_starttag_text():
            self.scripts.append(data)


def elements_of(text: str) -> Elements:
    parsed = Elements()
    parsed.feed(text)
    parsed.close()
    return parsed


def test_html_is_one_file_that_loads_nothing(result: dict[str, Any]) -> None:
    """Record and replay §11: one file, no network; the policy lets nothing but its own script and style act."""
    parsed = elements_of(page.render(result))
    loading = [
        attributes[name] or "" for _, attributes in parsed.found for name in ("src", "href") if attributes.get(name)
    ]
    assert [target for target in loading if not target.startswith(("#", "data:"))] == []
    (policy,) = [attributes["content"] or "" for _, attributes in parsed.found if attributes.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_html_holds_the_result_and_no_value_can_leave_it() -> None:
    """A hostile value must not become markup or script."""
    result = hostile()
    parsed = elements_of(page.render(result))
    assert [name for name, _ in parsed.found].count("script") == 2
    assert "img" not in [name for name, _ in parsed.found]
    assert json.loads(parsed.scripts[0]) == json.loads(json.dumps(result))


def test_scripts_of_the_page_make_no_markup_of_values() -> None:
    """Values become text nodes."""
    script = elements_of(page.render(hostile())).scripts[1]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://", script)


def test_data_sets_are_set_side_by_side_with_their_changes_marked() -> None:
    """Record and replay §11: side-by-side dataset tables (tag, name, VR, upstream, local)."""
    upstream = RecordedResponse(
        200,
        "OK",
        JSON_HEADERS,
        Inline(
            json.dumps(
                [
                    {
                        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
                        "00080060": {"vr": "CS", "Value": ["MR"]},
                        "00081190": {"vr": "UR", "Value": ["http://one/"]},
                        "00400275": {"vr": "SQ", "Value": [{"00400007": {"vr": "LO", "Value": ["head"]}}]},
                    }
                ]
            ).encode()
        ),
    )
    local = RecordedResponse(
        200,
        "OK",
        JSON_HEADERS,
        Inline(
            json.dumps(
                [
                    {
                        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
                        "00080060": {"vr": "CS", "Value": ["CT"]},
                        "00081190": {"vr": "UR", "Value": ["http://two/"]},
                        "00400275": {"vr": "SQ", "Value": [{}]},
                    }
                ]
            ).encode()
        ),
    )
    (table,) = tables_of(upstream, local, ["00080060", "00400007"], Redaction(phi_shown=True))
    rows = {row["tag"]: row for row in table["rows"]}
    assert table["key"] == "1.2.3"
    assert rows["(0008,0060)"] == {
        "depth": 0,
        "tag": "(0008,0060)",
        "name": "Modality",
        "vr": "CS",
        "upstream": "MR",
        "local": "CT",
        "is_changed": True,
    }
    assert (rows["(0040,0007)"]["depth"], rows["(0040,0007)"]["local"]) == (1, None)
    # The sides' own addresses are no finding.
    assert [tag for tag, row in rows.items() if row["is_changed"]] == ["(0008,0060)", "(0040,0007)"]


def test_details_of_a_real_comparison_have_tables_and_pictures(result: dict[str, Any]) -> None:
    """Record and replay §11, of DICOM files as well as of JSON."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for name, each in result["details"].items():
        by_name.setdefault(name.rpartition("-")[0], []).append(each)
    assert set(by_name["ct-rendered"][0]["pictures"]) == {"upstream", "local", "difference"}
    for name, tags in (("ct-metadata", ["(0008,0060)", "(0010,0010)", "(0018,0050)"]), ("ct-file", ["(0008,103E)"])):
        tables = [table for each in by_name[name] for table in each["tables"]]
        assert [row["tag"] for table in tables for row in table["rows"] if row["is_changed"]] == tags
        assert min(len(table["rows"]) for table in tables) > 100


def test_a_single_pixel_is_seen_in_the_picture_of_differences() -> None:
    """Record and replay §11: side by side with a difference image; a shrunk one keeps what differs."""
    upstream, local = (Image.new("L", (1024, 1024), 40) for _ in range(2))
    local.putpixel((500, 500), 41)
    shown = pictures_of(_answer(upstream), _answer(local))
    difference = Image.open(BytesIO(base64.b64decode(shown["difference"].partition(",")[2]))).convert("L")
    assert max(difference.size) <= 320
    assert difference.getextrema() == (0, 255)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"GIF89a\xff\xff\xff\xff"])
def test_what_is_no_picture_is_left_out(content: bytes) -> None:
    """A report must not fail on what an upstream sends."""
    broken = RecordedResponse(200, "OK", (("Content-Type", "image/png"),), Inline(content))
    assert set(pictures_of(_answer(Image.new("L", (8, 8))), broken)) == {"upstream"}


def _answer(picture: Image.Image) -> RecordedResponse:
    file = BytesIO()
    picture.save(file, "PNG")
    return RecordedResponse(200, "OK", (("Content-Type", "image/png"),), Inline(file.getvalue()))
