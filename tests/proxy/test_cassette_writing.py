"""Recording: nothing is lost when it dies, one writer a cassette, re-recording changes only what changed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from azdicom_proxy.cassette import tools
from azdicom_proxy.cassette.errors import CassetteError, CassetteLockedError
from azdicom_proxy.cassette.model import Interaction, Timing
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.record_modes import RecordMode, UnknownRecordModeError, parse_record_mode, plan
from azdicom_proxy.cassette.writing import CassetteWriter
from tests.proxy.made_cassettes import (
    DICOM_JSON,
    UPSTREAM,
    a_retrieve,
    a_scrubber,
    a_store,
    an_interaction,
    record,
    written_bytes,
)
from tests.support.instances import an_instance

DYING = """
import os, sys
from pathlib import Path
from azdicom_proxy.cassette.writing import CassetteWriter
from tests.proxy.made_cassettes import a_scrubber, a_store, an_interaction
from tests.support.instances import an_instance
writer = CassetteWriter(Path(sys.argv[1]), scrubber=a_scrubber())
writer.append(an_interaction(answer=[{"a": 1}]))
writer.append(a_store(an_instance(rows=128, columns=128)))
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_recording_had_finished_is_recovered(tmp_path: Path) -> None:
    """record-replay §6.7, §16 check 11."""
    path = tmp_path / "c.yaml"
    died = subprocess.run([sys.executable, "-c", DYING, str(path)], check=False, cwd=Path(__file__).parents[2])
    assert died.returncode == -9
    assert not path.exists()

    recovered = tools.recover(path)

    assert [each.id for each in recovered.interactions] == ["qido-studies-0001", "stow-studies-0001"]
    assert load(path, verify=True).interactions == recovered.interactions
    assert set(written_bytes(tmp_path)) == {"c.yaml", *(n for n in written_bytes(tmp_path) if n.endswith(".dcm"))}


def test_a_line_that_was_cut_off_is_not_recovered(tmp_path: Path) -> None:
    """record-replay §6.7: all finished interactions, and only those."""
    path = tmp_path / "c.yaml"
    writer = CassetteWriter(path)
    writer.append(an_interaction(answer=b"\x00binary"))
    writer.abandon()
    with (tmp_path / "c.partial.jsonl").open("a") as partial:
        partial.write('{"request": {"method": "GET", "uri"')

    assert len(tools.recover(path).interactions) == 1


def test_a_recording_that_was_interrupted_goes_on_from_the_cassette(tmp_path: Path) -> None:
    """record-replay §6.7: what the cassette had comes first."""
    path = tmp_path / "c.yaml"
    record(path, an_interaction(path="/studies?limit=1"))
    writer = CassetteWriter(path, existing=load(path))
    writer.append(an_interaction(path="/studies?limit=2"))
    writer.abandon()

    recovered = tools.recover(path)

    assert [(each.id, each.seq) for each in recovered.interactions] == [
        ("qido-studies-0001", 1),
        ("qido-studies-0002", 2),
    ]


def test_a_broken_partial_file_is_refused_by_line(tmp_path: Path) -> None:
    """record-replay §1: trouble with a cassette has a text that helps."""
    (tmp_path / "c.partial.jsonl").write_text("{}\n")

    with pytest.raises(CassetteError, match="line 1 is malformed"):
        tools.recover(tmp_path / "c.yaml")


def test_a_second_writer_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    """record-replay §6.7: a lock file with the pid."""
    path = tmp_path / "c.yaml"
    first = CassetteWriter(path)

    with pytest.raises(CassetteLockedError, match="is being written by process") as caught:
        CassetteWriter(path)
    assert caught.value.pid == (tmp_path / "c.lock").read_text("ascii")

    first.append(an_interaction())
    first.close()
    CassetteWriter(path).abandon()
    assert sorted(written_bytes(tmp_path)) == ["c.yaml"]


def test_a_recording_without_interactions_writes_nothing(tmp_path: Path) -> None:
    """A cassette that is not there stays away: mode `once` would replay an empty one."""
    record(tmp_path / "c.yaml")

    assert written_bytes(tmp_path) == {}


def test_timings_are_kept_apart(tmp_path: Path) -> None:
    """record-replay §6.5: durations go to NAME.timings.json, never to the YAML."""
    record(tmp_path / "c.yaml", replace(an_interaction(), timing=Timing(5, 17_177, 9)))

    timings = json.loads((tmp_path / "c.timings.json").read_text())

    assert timings["interactions"]["qido-studies-0001"] == {"start_ms": 5, "duration_ms": 17_177, "first_byte_ms": 9}
    assert b"17177" not in (tmp_path / "c.yaml").read_bytes()


def a_tag_operation(operation: str, created: str) -> list[Interaction]:
    """Adding a query tag and asking for its operation; both carry ids and times of the service."""
    url = f"{UPSTREAM}/operations/{operation}"
    status = {"operationId": operation, "createdTime": created, "status": "succeeded", "percentComplete": 100}
    headers = (("Content-Type", "application/json"),)
    return [
        an_interaction(
            "POST",
            "/extendedquerytags",
            headers=headers,
            body=b'[{"path":"00101002","level":"Study"}]',
            status=202,
            answer=json.dumps({"id": operation, "href": url}).encode(),
            answer_headers=(*headers, ("Location", url)),
        ),
        an_interaction(path=f"/operations/{operation}", answer=json.dumps(status).encode(), answer_headers=headers),
    ]


def test_re_recording_what_is_equal_but_for_noise_changes_no_byte(tmp_path: Path) -> None:
    """record-replay §6.6, §16 check 3: operation ids, times and ETags are noise."""
    path = tmp_path / "c.yaml"
    record(
        path, *a_tag_operation("0" * 31 + "1", "2025-01-01T00:00:00Z"), an_interaction(answer_headers=(("ETag", "1"),))
    )
    before = written_bytes(tmp_path)

    again = [*a_tag_operation("a" * 32, "2026-06-06T06:06:06Z"), an_interaction(answer_headers=(("ETag", "7"),))]
    report = record(path, *again, existing=load(path), keeps_equal=True)

    assert report.summary() == "kept 3, changed 0, added 0, removed 0"
    assert written_bytes(tmp_path) == before


def test_re_recording_reports_what_changed(tmp_path: Path) -> None:
    """record-replay §6.6: kept, changed, added, removed, and the semantic difference of the changed."""
    path = tmp_path / "c.yaml"
    store = a_store(an_instance(rows=4, columns=4))
    record(path, store, an_interaction(path="/studies?limit=1", answer=[]), an_interaction(path="/studies?limit=2"))

    report = record(
        path,
        store,
        an_interaction(path="/studies?limit=1", status=400, answer=[]),
        an_interaction(path="/studies?limit=3"),
        existing=load(path),
        keeps_equal=True,
    )

    assert report.summary() == "kept 1, changed 1, added 1, removed 1"
    assert report.changes == ("qido-studies-0001: status: stored 200, now 400",)
    assert [each.response.status for each in load(path).interactions] == [200, 400, 200]


def test_a_changed_data_set_is_told_by_its_attribute(tmp_path: Path) -> None:
    """record-replay §6.6: the semantic difference."""
    path = tmp_path / "c.yaml"
    dataset = an_instance()
    record(path, a_retrieve(dataset))
    dataset.Modality = "MR"

    report = record(path, a_retrieve(dataset), existing=load(path), keeps_equal=True)

    assert report.changes == ("wado-study-0001: Modality: now 'MR', stored 'CT'",)


def test_a_side_file_that_nothing_refers_to_any_more_goes(tmp_path: Path) -> None:
    """record-replay §6.8: no orphans are left by a recorder."""
    path = tmp_path / "c.yaml"
    record(path, a_store(an_instance(rows=128, columns=128)))
    record(path, a_store(an_instance(rows=128, columns=128)), existing=load(path), keeps_equal=True)

    assert len([name for name in written_bytes(tmp_path) if name.endswith(".dcm")]) == 1


def test_token_exchanges_are_never_recorded(tmp_path: Path) -> None:
    """record-replay §9.1: exchanges with the token endpoint."""
    writer = CassetteWriter(tmp_path / "c.yaml", scrubber=a_scrubber())
    exchange = an_interaction(
        "POST", "/00000000-0000-4000-8000-000000000000/oauth2/v2.0/token", answer={"access_token": "t"}
    )

    assert writer.append(exchange) is None
    writer.close()
    assert written_bytes(tmp_path) == {}


@pytest.mark.parametrize(
    ("mode", "is_there", "expected"),
    [
        ("once", False, (False, True, False)),
        ("once", True, (True, False, False)),
        ("new_episodes", False, (False, True, False)),
        ("new_episodes", True, (True, True, False)),
        ("all", True, (False, True, True)),
        ("none", False, (False, False, False)),
        ("none", True, (True, False, False)),
        ("rewrite", True, (False, True, True)),
    ],
)
def test_record_modes_do_what_vcr_says(
    tmp_path: Path, mode: str, is_there: bool, expected: tuple[bool, bool, bool]
) -> None:
    """record-replay §2: once, new_episodes, all, none as in VCR.py, and rewrite."""
    path = tmp_path / "c.yaml"
    if is_there:
        record(path, an_interaction())

    planned = plan(parse_record_mode(mode), path)

    assert (planned.replays, planned.records, planned.keeps_equal) == expected
    assert (planned.existing is not None) == is_there


def test_a_misspelt_record_mode_is_told_the_valid_ones() -> None:
    """record-replay §2: an error that lists the valid names."""
    with pytest.raises(UnknownRecordModeError, match=r"new_episodes.*Did you mean 'new_episodes'\?") as caught:
        parse_record_mode("new_episode")
    assert all(mode in str(caught.value) for mode in RecordMode)


def test_content_types_of_dicom_json_are_compared_in_what_they_mean(tmp_path: Path) -> None:
    """record-replay §6.6: key order of JSON is no change."""
    path = tmp_path / "c.yaml"
    record(path, an_interaction(answer=b'{"a":1,"b":2}', answer_headers=(("Content-Type", DICOM_JSON),)))

    again = an_interaction(answer=b'{"b":2,"a":1}', answer_headers=(("Content-Type", DICOM_JSON),))

    assert record(path, again, existing=load(path), keeps_equal=True).kept == 1
