"""`azdicom cassette …`: what each tool finds, writes and exits with (record-replay §6.8, §1)."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from azdicom_emulator.cli import main
from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.checks import Limits, check
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.scrub.policy import Phi
from tests.proxy.made_cassettes import (
    a_retrieve,
    a_scrubber,
    a_store,
    an_interaction,
    record,
    recorded,
    written_bytes,
)
from tests.support.instances import an_instance

Run = Callable[..., Result]


@pytest.fixture
def azdicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `azdicom cassette …` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZDICOM_SCRUB_KEY", bytes(range(32)).hex())
    return lambda *arguments: CliRunner().invoke(main, ["cassette", *map(str, arguments)])


def a_cassette(path: Path, *, phi: Phi = Phi.KEEP) -> Path:
    dataset = an_instance(rows=128, columns=128, StudyInstanceUID="1.2.3.4.5.6")
    result = {"0020000D": {"vr": "UI", "Value": [dataset.StudyInstanceUID]}}
    search = an_interaction(path="/studies?limit=1", answer=[result])
    record(path, a_store(dataset), search, a_retrieve(dataset), scrubber=a_scrubber(phi))
    return path


def test_show_lists_interactions(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.8: id, method, path, status, body kind, size, SOP count."""
    shown = azdicom("show", a_cassette(tmp_path / "c.yaml"))

    lines = shown.stdout.splitlines()
    assert shown.exit_code == 0
    assert lines[0].split() == ["id", "method", "status", "request", "response", "SOP", "path"]
    assert lines[1].split()[:4] == ["stow-studies-0001", "POST", "200", "multipart"]
    assert lines[2].split()[-3:] == [lines[2].split()[-3], "0", "/v2/studies?limit=1"]
    assert lines[3].split()[-2:] == ["1", "/v2/studies/1.2.3.4.5.6"]


def test_show_prints_bodies_and_data_sets(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.8: `--id`, `--body`, `--dicom`."""
    path = a_cassette(tmp_path / "c.yaml")

    body = azdicom("show", path, "--id", "qido-studies-0001", "--body").stdout
    dicom = azdicom("show", path, "--id", "wado-study-0001", "--dicom").stdout
    wrong = azdicom("show", path, "--id", "nothing")
    as_json = json.loads(azdicom("show", path, "--json", "-").stdout)

    assert '"0020000D": {"vr": "UI", "Value": ["1.2.3.4.5.6"]}' in body
    assert "GET https://workspace-dicom" in body
    assert "(0010,0010) Patient's Name" in dicom
    assert wrong.exit_code == 2
    assert "It has: stow-studies-0001" in wrong.stderr
    assert as_json["schema"] == 1
    assert as_json["interactions"][0]["id"] == "stow-studies-0001"


def test_a_missing_cassette_exits_4(azdicom: Run) -> None:
    """record-replay §1."""
    for command in (("show",), ("check",), ("stats",), ("inline", "-o", "x.yaml"), ("recover",)):
        done = azdicom(command[0], "none.yaml", *command[1:])

        assert done.exit_code == 4, command
        assert "no such cassette" in done.stderr


def test_check_of_a_scrubbed_cassette_finds_nothing(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §9.4: proof by self-replay."""
    checked = azdicom("check", a_cassette(tmp_path / "c.yaml", phi=Phi.BASIC), "--max-age", "9999w", "--strict")

    assert checked.exit_code == 0, checked.output
    assert checked.stdout == ""


def broken(path: Path, harm: str) -> None:
    """Does `harm` to the cassette."""
    document = yaml.safe_load(path.read_text())
    interactions = document["interactions"]
    first, search = interactions[0], interactions[1]
    match harm:
        case "not ascii":
            path.write_bytes(path.read_bytes() + "# ü\n".encode())
            return
        case "request key":
            first["request"]["id"] = "x"
        case "header number":
            first["response"]["headers"]["Content-Length"] = [5]
        case "header string":
            first["request"]["headers"]["Accept"] = "a/b"
        case "no message":
            first["response"]["status"]["message"] = None
        case "no string":
            del search["response"]["body"]["string"]
        case "coding":
            first["response"]["headers"]["Transfer-Encoding"] = ["chunked"]
        case "twice":
            search["recorder"]["id"] = first["recorder"]["id"]
        case "no version":
            del document["version"]
        case "bearer":
            first["request"]["headers"]["Authorization"] = ["Bearer abcdefghijkl"]
        case "jwt":
            search["response"]["body"]["string"] = '{"t": "eyJhbGciOiJ9.eyJzdWIiOiJ9.c2lnbmF0"}'
        case "host":
            first["request"]["uri"] = "https://clinic-dicom.dicom.azurehealthcareapis.com/v2/studies"
        case "name":
            value = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Smith^John"}]}}
            search["response"]["body"]["string"] = json.dumps([value])
        case "birth":
            search["response"]["body"]["string"] = '[{"00100030": {"vr": "DA", "Value": ["19610203"]}}]'
        case "e-mail":
            search["response"]["body"]["string"] = '{"contact": "jane.roe@clinic.org"}'
        case "phone":
            search["response"]["body"]["string"] = '{"contact": "+49 30 1234567"}'
        case "orphan":
            (path.parent / "c.bodies" / "ab").mkdir()
            (path.parent / "c.bodies" / "ab" / ("ab" * 32 + ".bin")).write_bytes(b"x")
        case "changed file":
            (file,) = (path.parent / "c.bodies").rglob("*.dcm")
            file.write_bytes(b"x" + file.read_bytes()[1:])
    path.write_text(yaml.safe_dump(document))


HARMS = {
    "not ascii": "error[format] not ASCII",
    "request key": "error[format] stow-studies-0001: request has the keys body, headers, id, method, uri",
    "header number": "error[format] stow-studies-0001: response header Content-Length",
    "header string": "error[format] stow-studies-0001: request header Accept",
    "no message": "error[format] stow-studies-0001: response.status.message",
    "no string": "error[format] qido-studies-0001: response.body has no `string`",
    "coding": "error[format] stow-studies-0001: response header Transfer-Encoding",
    "twice": "error[format] stow-studies-0001: the id occurs twice",
    "no version": "error[format] interactions: `version: 1` is missing",
    "bearer": "error[secret] stow-studies-0001: header Authorization holds its value",
    "jwt": "error[secret] qido-studies-0001: response body holds a credential: JWT",
    "host": "error[secret] stow-studies-0001: uri holds a credential: host clinic-dicom",
    "name": "error[phi] qido-studies-0001: response PatientName: the name of a person",
    "birth": "error[phi] qido-studies-0001: response PatientBirthDate: a date of birth",
    "e-mail": "error[phi] qido-studies-0001: response contact: an e-mail address",
    "phone": "error[phi] qido-studies-0001: response contact: a telephone number",
    "orphan": "warning[orphan] c.bodies/ab/abab",
    "changed file": "error[side-file] stow-studies-0001: side file",
}


@pytest.mark.parametrize(("harm", "expected"), HARMS.items(), ids=HARMS)
def test_check_finds_what_is_wrong(azdicom: Run, tmp_path: Path, harm: str, expected: str) -> None:
    """record-replay §6.8: format, hashes, orphans, secrets, data of people; exit code 4."""
    path = a_cassette(tmp_path / "c.yaml", phi=Phi.BASIC)
    broken(path, harm)

    checked = azdicom("check", path, "--max-age", "9999w")
    strictly = azdicom("check", path, "--max-age", "9999w", "--strict")

    assert f"c.yaml: {expected}" in checked.stdout
    assert checked.exit_code == (0 if expected.startswith("warning") else 4)
    assert strictly.exit_code == 4


def test_check_finds_a_request_that_does_not_find_itself(tmp_path: Path) -> None:
    """record-replay §6.8: what breaks replay is found here."""
    path = tmp_path / "c.yaml"
    record(path, an_interaction(status=200), an_interaction(status=503))
    assert check(path, Limits(max_age=None)) == []

    document = yaml.safe_load(path.read_text())
    first, second = document["interactions"]
    first["recorder"]["seq"], second["recorder"]["seq"] = 2, 1
    path.write_text(yaml.safe_dump(document))

    assert [str(finding) for finding in check(path, Limits(max_age=None))] == [
        "error[replay] qido-studies-0001: is answered by qido-studies-0002",
        "error[replay] qido-studies-0002: is answered by qido-studies-0001",
    ]


def test_names_are_allowed_where_they_are_made_up(azdicom: Run, tmp_path: Path) -> None:
    """`--allow-phi`: example data."""
    path = a_cassette(tmp_path / "c.yaml")

    assert azdicom("check", path).exit_code == 4
    assert azdicom("check", path, "--allow-phi", "--max-age", "9999w", "--strict").exit_code == 0


def test_budgets_and_age_are_checked(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.8: `--max-yaml`, `--max-bodies`, `--max-age`; age only warns."""
    path = a_cassette(tmp_path / "c.yaml", phi=Phi.BASIC)

    small = azdicom("check", path, "--max-yaml", "1KB", "--max-bodies", "16KiB", "--max-age", "9999w")
    old = check(path, Limits(), today=date(2025, 10, 1))
    young = check(path, Limits(), today=date(2025, 6, 1))
    wrong = azdicom("check", path, "--max-yaml", "1 parsec")

    assert small.exit_code == 4
    assert "of YAML, 1000 are allowed" in small.stdout
    assert "of side files, 16384 are allowed" in small.stdout
    assert [str(finding) for finding in old] == [
        "warning[age] recorded on 2025-05-04: does the service still answer so?"
    ]
    assert young == []
    assert (wrong.exit_code, "no size such as" in wrong.stderr) == (2, True)


def test_check_writes_json(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §1: only `--json` is a contract; it carries `schema`."""
    path = a_cassette(tmp_path / "c.yaml")

    azdicom("check", path, "--json", "found.json")

    document = json.loads((tmp_path / "found.json").read_text())
    assert document["schema"] == 1
    assert {finding["rule"] for finding in document["cassettes"][0]["findings"]} >= {"phi"}


def test_inline_needs_no_side_files(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.4."""
    path = a_cassette(tmp_path / "c.yaml")

    done = azdicom("inline", path, "-o", "inline.yaml")

    assert done.exit_code == 0
    before, after = load(path), load(tmp_path / "inline.yaml")
    assert [content_of(each.response.body) for each in after.interactions] == [
        content_of(each.response.body) for each in before.interactions
    ]
    assert not (tmp_path / "inline.bodies").exists()
    assert [each.id for each in after.interactions] == [each.id for each in before.interactions]


def test_split_and_merge(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.8: by route or study, and back."""
    path = a_cassette(tmp_path / "c.yaml")

    by_route = azdicom("split", path, "-o", "routes")
    by_study = azdicom("split", path, "--by", "study", "-o", "studies")
    merged = azdicom("merge", *sorted((tmp_path / "routes").glob("*.yaml")), "-o", "merged.yaml")

    assert (by_route.exit_code, by_study.exit_code, merged.exit_code) == (0, 0, 0)
    assert sorted(each.stem for each in (tmp_path / "routes").glob("*.yaml")) == [
        "qido-studies",
        "stow-studies",
        "wado-study",
    ]
    assert sorted(each.stem for each in (tmp_path / "studies").glob("*.yaml")) == ["1.2.3.4.5.6", "other"]
    together = load(tmp_path / "merged.yaml", verify=True)
    assert [each.seq for each in together.interactions] == [1, 2, 3]
    assert {each.id for each in together.interactions} == {each.id for each in load(path).interactions}


def test_prune_removes_what_a_run_did_not_use(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.8: `prune --unused RUN.json`, side files included."""
    path = a_cassette(tmp_path / "c.yaml")
    (tmp_path / "run.json").write_text(json.dumps({"plays": {"qido-studies-0001": 2, "stow-studies-0001": 0}}))
    (tmp_path / "bad.json").write_text("[]")

    done = azdicom("prune", path, "--unused", "run.json")
    wrong = azdicom("prune", path, "--unused", "bad.json")

    assert done.stdout == "2 interactions removed\n"
    assert [each.id for each in load(path).interactions] == ["qido-studies-0001"]
    assert not (tmp_path / "c.bodies").exists()
    assert wrong.exit_code == 2


def test_scrub_takes_out_what_was_recorded(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.8, §9: of a cassette that another tool wrote."""
    (tmp_path / "c.yaml").write_text(
        "interactions:\n- request: {body: null, headers: {Authorization: [Bearer planted-token-7]}, method: GET,\n"
        "    uri: 'https://ward7.example.org/v2/studies?PatientName=Quibbleton'}\n"
        "  response: {body: {string: 'no Quibbleton'}, headers: {Content-Type: [text/plain]},\n"
        "    status: {code: 404, message: Not Found}}\nversion: 1\n"
    )

    done = azdicom("scrub", "c.yaml", "--host", "ward7.example.org")
    again = azdicom("scrub", "c.yaml", "--host", "ward7.example.org")

    assert done.exit_code == 0
    assert "1  authorization" in done.stdout
    content = b"".join(written_bytes(tmp_path).values()).lower()
    assert not [word for word in (b"planted", b"quibbleton", b"ward7") if word in content]
    assert again.exit_code == 0
    assert b"".join(written_bytes(tmp_path).values()).lower() == content


def test_scrubbing_again_leaves_replacements(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §9: one original has one replacement, also when a cassette grew after it was scrubbed."""
    path = a_cassette(tmp_path / "c.yaml", phi=Phi.BASIC)
    before = load(path)

    assert azdicom("scrub", path).exit_code == 0

    assert [each.request for each in load(path).interactions] == [each.request for each in before.interactions]
    assert [each.response for each in load(path).interactions] == [each.response for each in before.interactions]


def test_scrub_refuses_what_it_cannot_do(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §9.2."""
    path = a_cassette(tmp_path / "c.yaml")
    (tmp_path / "rules.yaml").write_text("scrub: {header: {x-clinic: CLINIC}}\n")

    faces = azdicom("scrub", path, "--option", "clean-recognizable-visual-features")
    rules = azdicom("scrub", path, "--rules", "rules.yaml")
    synthetic = azdicom("scrub", path, "--phi", "synthetic-only")

    assert (faces.exit_code, "cannot be removed" in faces.stderr) == (2, True)
    assert (rules.exit_code, "unknown key 'header'" in rules.stderr) == (2, True)
    assert (synthetic.exit_code, "was not generated by this tool" in synthetic.stderr) == (4, True)


def test_stats_count(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.8."""
    path = a_cassette(tmp_path / "c.yaml")

    counted = json.loads(azdicom("stats", path, "--json", "-").stdout)
    text = azdicom("stats", path).stdout

    assert counted["interactions"] == 3
    assert counted["routes"] == {"GET /studies": 1, "GET /studies/{study}": 1, "POST /studies": 1}
    assert counted["statuses"] == {"200": 3}
    assert counted["side_files"] == 1
    assert counted["yaml_bytes"] == path.stat().st_size
    assert "GET /studies/{study}" in text


def test_recover_takes_either_name(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.7."""
    from azdicom_proxy.cassette.writing import CassetteWriter

    writer = CassetteWriter(tmp_path / "c.yaml")
    writer.append(an_interaction())
    writer.abandon()

    done = azdicom("recover", "c.partial.jsonl")

    assert done.stdout == "c.yaml: 1 interactions\n"
    assert sorted(written_bytes(tmp_path)) == ["c.yaml"]


def test_a_cassette_that_is_being_written_is_left_alone(azdicom: Run, tmp_path: Path) -> None:
    """record-replay §6.7: refuse two writers."""
    from azdicom_proxy.cassette.writing import CassetteWriter

    path = a_cassette(tmp_path / "c.yaml")
    writer = CassetteWriter(path)

    done = azdicom("scrub", path)
    writer.abandon()

    assert done.exit_code == 4
    assert "is being written by process" in done.stderr
    assert recorded(path, an_interaction()).interactions
