"""What extended query tags index, and how searches use it."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from azdicom_emulator.settings import Settings
from tests.conftest import EmulatorWith
from tests.management.tags import (
    TAGS,
    a_tag,
    add_tags,
    finished,
    operation_path,
    patch_tag,
    post_tags,
    tag,
    tag_errors,
    tags,
)
from tests.support.client import Emulator
from tests.support.instances import (
    an_instance,
    another_in_series,
    another_in_study,
    instance_path,
    series_path,
    study_path,
)
from tests.support.server import running

STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
CREATOR = (0x0043, "ACME", 0x01)


def found(emulator: Emulator, tag: str = STUDY, path: str = "/studies", **query: str | int) -> list[str]:
    """The UIDs of what a search finds, newest first."""
    answer = emulator.get(path, query=query)
    assert answer.status in (200, 204), answer.text
    return [each[tag]["Value"][0] for each in answer.json()] if answer.status == 200 else []


def stored_with(emulator: Emulator, **attributes: Any) -> str:
    uid: str = emulator.store(an_instance(**attributes)).StudyInstanceUID
    return uid


# A keyword, its stored value, queries that find it, queries that do not.
MATCHING = [
    ("AE", "ScheduledStudyLocationAETitle", "Ae1", ["AE1", "ae1"], ["Ae"]),
    ("AS", "PatientAge", "030Y", ["030Y", "030y"], ["031Y"]),
    ("CS", "PatientSex", "F", ["F", "f"], ["M"]),
    ("DA", "SeriesDate", "20200102", ["20200102", "20200101-20200103", "-20200102", "20200102-"], ["20200103"]),
    (
        "DT",
        "AcquisitionDateTime",
        "20200102030405.5+0100",
        ["20200102030405.500000", "2020-2021"],
        ["2020", "20200102030405"],
    ),
    ("TM", "SeriesTime", "0304", ["030400", "03:04:00", "03-04", "-0304"], ["03", "0305-"]),
    ("IS", "SeriesNumber", "07", ["7", "0007", "+7"], ["70", "-7"]),
    ("LO", "SeriesDescription", "Café", ["CAFÉ", "café"], ["cafe"]),
    ("PN", "OperatorsName", "Hall^X^Tá", ["Hall^X^Ta", "hall^x^tá"], ["Hall"]),
    ("SH", "StationName", "St 1", ["ST 1"], ["St"]),
    ("UI", "FrameOfReferenceUID", "1.2.3", ["1.2.3"], ["1.2.4", "1.2"]),
]


@pytest.mark.parametrize("when", ["re-indexed", "at store"])
@pytest.mark.parametrize(
    ("keyword", "value", "finding", "missing"),
    [pytest.param(*row[1:], id=row[0]) for row in MATCHING],
)
def test_values_match_by_their_vr(
    emulator: Emulator, when: str, keyword: str, value: str, finding: list[str], missing: list[str]
) -> None:
    """Conformance statement, Search Matching: the same for what was stored before and after the tag (search §5.5)."""
    if when == "at store":
        add_tags(emulator, a_tag(keyword))
    study = stored_with(emulator, **{keyword: value})
    stored_with(emulator, **{keyword: None})
    if when == "re-indexed":
        add_tags(emulator, a_tag(keyword))

    for query in finding:
        assert found(emulator, **{keyword: query}) == [study], query
    for query in missing:
        assert found(emulator, **{keyword: query}) == [], query


@pytest.mark.parametrize("when", ["re-indexed", "at store"])
@pytest.mark.parametrize(
    ("vr", "encoded", "finding", "missing"),
    [
        ("FD", struct.pack("<d", 1.5), ["1.5", "15e-1"], ["1.50001"]),
        ("FL", struct.pack("<f", 0.25), ["0.25"], ["0.2"]),
        ("SL", struct.pack("<l", -70000), ["-70000"], ["70000"]),
        ("SS", struct.pack("<h", -7), ["-7"], ["7"]),
        ("UL", struct.pack("<L", 4294967295), ["4294967295"], ["-1"]),
        ("US", struct.pack("<2H", 65535, 1), ["65535"], ["1"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_match_exactly(
    emulator: Emulator, when: str, vr: str, encoded: bytes, finding: list[str], missing: list[str]
) -> None:
    """Conformance statement, Search Matching; the first of several values is indexed (search §5.5)."""
    raw = {0x00430010: ("LO", b"ACME"), 0x00431001: (vr, encoded)}
    the_tag = a_tag("00431001", vr=vr, privateCreator="ACME")
    if when == "at store":
        add_tags(emulator, the_tag)
    study = stored_with(emulator, raw=raw)
    stored_with(emulator)
    if when == "re-indexed":
        add_tags(emulator, the_tag)

    for query in finding:
        assert found(emulator, **{"00431001": query}) == [study], query
    for query in missing:
        assert found(emulator, **{"00431001": query}) == [], query


def test_single_precision_is_compared_as_the_double_that_it_is(emulator: Emulator) -> None:
    """Conformance statement: exact equality. A float of 0.1 is the double 0.10000000149011612 (search §5.5)."""
    add_tags(emulator, a_tag("00431001", vr="FL", privateCreator="ACME"))
    study = stored_with(emulator, raw={0x00430010: ("LO", b"ACME"), 0x00431001: ("FL", struct.pack("<f", 0.1))})

    assert found(emulator, **{"00431001": "0.10000000149011612"}) == [study]
    assert found(emulator, **{"00431001": "0.1"}) == []


def test_names_match_fuzzily(emulator: Emulator) -> None:
    """Conformance statement, Fuzzy Matching, of any PN attribute that can be searched (search §6)."""
    add_tags(emulator, a_tag("OperatorsName"))
    study = stored_with(emulator, OperatorsName="Hall^Xavier Tá")

    assert found(emulator, OperatorsName="xav ta", fuzzymatching="true") == [study]
    assert found(emulator, OperatorsName="ta xav", fuzzymatching="true") == []


def test_wildcards_reach_extended_tags(emulator: Emulator) -> None:
    """README decision 1, search.wildcards: text filters, when the literal value finds nothing."""
    add_tags(emulator, a_tag("StationName"))
    study = stored_with(emulator, StationName="CT-ROOM")
    answer = emulator.get("/studies", query={"StationName": "ct*"})

    assert [each[STUDY]["Value"][0] for each in answer.json()] == [study]
    assert answer.headers["Warning"].startswith('299 azdicom "search.wildcards')


def test_each_level_can_be_searched_on_the_routes_that_have_it(emulator: Emulator) -> None:
    """Azure: Extended query tags, level; legality per route (search §5.1)."""
    add_tags(emulator, a_tag("PatientAge"), a_tag("SeriesDescription", "Series"), a_tag("InstanceNumber", "Instance"))
    first = emulator.store(an_instance(PatientAge="030Y", SeriesDescription="A", InstanceNumber=1))
    second = emulator.store(another_in_series(first, SeriesDescription="A", InstanceNumber=2))
    third = emulator.store(another_in_study(first, SeriesDescription="B", InstanceNumber=1))

    assert found(emulator, PatientAge="030Y") == [first.StudyInstanceUID]
    assert found(emulator, SERIES, "/series", PatientAge="030Y") == [third.SeriesInstanceUID, first.SeriesInstanceUID]
    assert found(emulator, SERIES, "/series", SeriesDescription="a") == [first.SeriesInstanceUID]
    assert found(emulator, SERIES, f"{study_path(first)}/series", SeriesDescription="B") == [third.SeriesInstanceUID]
    assert found(emulator, INSTANCE, "/instances", InstanceNumber=1) == [third.SOPInstanceUID, first.SOPInstanceUID]
    assert found(emulator, INSTANCE, f"{study_path(first)}/instances", SeriesDescription="A", InstanceNumber=2) == [
        second.SOPInstanceUID
    ]
    assert found(emulator, INSTANCE, f"{series_path(third)}/instances", InstanceNumber=1) == [third.SOPInstanceUID]
    for path, keyword in (
        ("/studies", "SeriesDescription"),
        ("/series", "InstanceNumber"),
        (f"{study_path(first)}/series", "PatientAge"),
        (f"{series_path(first)}/instances", "SeriesDescription"),
    ):
        assert emulator.get(path, query={keyword: "1"}).text.startswith(
            f"Invalid query: AttributeId {keyword} is not queryable."
        )


def test_a_filter_on_an_extended_tag_is_returned(emulator: Emulator) -> None:
    """Conformance statement: every filter is among the returned attributes (search §7.1)."""
    add_tags(emulator, a_tag("PatientAge"))
    stored_with(emulator, PatientAge="030Y")

    assert emulator.search_studies(PatientAge="030Y")[0]["00101010"] == {"vr": "AS", "Value": ["030Y"]}


def test_the_latest_value_of_a_study_wins_and_absence_clears_nothing(emulator: Emulator) -> None:
    """Service source: highest version; the same at store and by the re-index (azure-apis §1.9)."""
    first = emulator.store(an_instance(PatientAge="030Y", StationName="ONE"))
    emulator.store(another_in_study(first, PatientAge="031Y", StationName="TWO"))
    emulator.store(another_in_study(first, PatientAge=None))
    add_tags(emulator, a_tag("PatientAge"))
    assert [found(emulator, PatientAge=age) for age in ("030Y", "031Y")] == [[], [first.StudyInstanceUID]]

    emulator.store(another_in_study(first, PatientAge="032Y"))
    assert [found(emulator, PatientAge=age) for age in ("031Y", "032Y")] == [[], [first.StudyInstanceUID]]


def test_what_is_stored_while_a_tag_is_added_is_indexed_and_wins(emulator_with: EmulatorWith) -> None:
    """Service source: store indexes while the status is `adding` (azure-apis §1.9)."""
    emulator = emulator_with(operation_delay_s=0.5)
    first = emulator.store(an_instance(PatientAge="030Y"))
    answer = post_tags(emulator, [a_tag("PatientAge")])
    emulator.store(another_in_study(first, PatientAge="031Y"))
    assert emulator.get("/studies", query={"PatientAge": "031Y"}).text.startswith(
        "Invalid query: AttributeId PatientAge is not queryable."
    )
    finished(emulator, operation_path(emulator, answer))

    assert found(emulator, PatientAge="030Y") == []
    assert found(emulator, PatientAge="031Y") == [first.StudyInstanceUID]


def test_a_deleted_study_loses_its_values(emulator: Emulator) -> None:
    """Azure: Delete: a study that is stored again starts anew (azure-apis §4)."""
    add_tags(emulator, a_tag("PatientAge"), a_tag("StationName", "Series"), a_tag("InstanceNumber", "Instance"))
    values: dict[str, Any] = {"PatientAge": "030Y", "StationName": "ONE", "InstanceNumber": 5}
    first = emulator.store(an_instance(**values))
    assert emulator.delete(study_path(first)).status == 204
    again = {keyword: first.get(keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    emulator.store(an_instance(**again))

    assert found(emulator, PatientAge="030Y") == []
    assert found(emulator, SERIES, "/series", StationName="ONE") == []
    assert found(emulator, INSTANCE, "/instances", InstanceNumber=5) == []


def test_deleting_one_series_keeps_the_values_of_the_study(emulator: Emulator) -> None:
    """Service source: study values are not recomputed by a delete (azure-apis §4, search §5.7)."""
    add_tags(emulator, a_tag("PatientAge"), a_tag("StationName", "Series"))
    first = emulator.store(an_instance(PatientAge="030Y", StationName="ONE"))
    second = emulator.store(another_in_study(first, PatientAge="031Y", StationName="TWO"))
    assert emulator.delete(series_path(second)).status == 204

    assert found(emulator, PatientAge="031Y") == [first.StudyInstanceUID]
    assert found(emulator, SERIES, "/series", StationName="ONE") == [first.SeriesInstanceUID]


def test_a_replaced_instance_is_found_by_its_new_value_alone(emulator: Emulator) -> None:
    """Azure: Upsert: index values are replaced as a whole (store §9)."""
    add_tags(emulator, a_tag("InstanceNumber", "Instance"))
    first = emulator.store(an_instance(InstanceNumber=1))
    first.InstanceNumber = 2
    assert emulator.store_response(first, method="PUT").status == 200

    assert found(emulator, INSTANCE, "/instances", InstanceNumber=1) == []
    assert found(emulator, INSTANCE, "/instances", InstanceNumber=2) == [first.SOPInstanceUID]


def test_values_survive_a_restart(tmp_path: Path) -> None:
    """docs/architecture.md: what is acknowledged stays."""
    settings = Settings(data_dir=tmp_path / "data")
    with running(settings) as before:
        add_tags(before, a_tag("PatientAge"))
        study = stored_with(before, PatientAge="030Y")
    with running(settings) as after:
        assert [each["status"] for each in tags(after)] == ["ready"]
        assert found(after, PatientAge="030Y") == [study]


def test_an_invalid_value_stored_by_version_1_disables_the_tag(emulator: Emulator) -> None:
    """Service end-to-end tests: errors, search 400, PATCH, search 200 with the header (azure-apis §6)."""
    bad, good = an_instance(PatientAge="invalid"), an_instance(PatientAge="030Y")
    emulator.v1.store(bad)
    emulator.v1.store(good)
    operation = add_tags(emulator, a_tag("PatientAge"))

    assert emulator.get(operation).json()["status"] == "succeeded"
    shown = tag(emulator, "PatientAge")
    assert list(shown) == ["status", "level", "errors", "queryStatus", "path", "vr"]
    assert (shown["status"], shown["queryStatus"]) == ("ready", "disabled")
    assert shown["errors"] == {"count": 1, "href": f"{emulator.service_url}{TAGS}/00101010/errors"}
    (error,) = tag_errors(emulator, "PatientAge")
    created = error.pop("createdTime")
    assert error == {
        "partitionName": "Microsoft.Default",
        "studyInstanceUid": bad.StudyInstanceUID,
        "seriesInstanceUid": bad.SeriesInstanceUID,
        "sopInstanceUid": bad.SOPInstanceUID,
        "errorMessage": "Value length is not expected.",
    }
    assert len(created) <= 26
    assert not created.endswith("Z")

    refused = emulator.get("/studies", query={"00101010": "030Y"})
    assert (refused.status, refused.text) == (400, "Query is disabled on specified attribute '00101010'.")
    assert patch_tag(emulator, "PatientAge", {"queryStatus": "Enabled"}).json()["errors"]["count"] == 1
    answer = emulator.get("/studies", query={"PatientAge": "030Y"})
    assert answer.headers["erroneous-dicom-attributes"] == "PatientAge"
    assert [each[STUDY]["Value"][0] for each in answer.json()] == [good.StudyInstanceUID]
    nothing = emulator.get("/studies", query={"PatientAge": "099Y"})
    assert (nothing.status, nothing.headers["erroneous-dicom-attributes"]) == (204, "PatientAge")


def test_deleting_the_erroneous_instance_lowers_the_count(emulator: Emulator) -> None:
    """Service source: its errors go, the query status stays (azure-apis §1.9)."""
    stored = [emulator.v1.store(an_instance(PatientAge="invalid")) for _ in range(2)]
    add_tags(emulator, a_tag("PatientAge"))
    assert emulator.delete(instance_path(stored[0])).status == 204
    assert tag(emulator, "PatientAge")["errors"]["count"] == 1
    assert len(tag_errors(emulator, "PatientAge")) == 1
    assert emulator.delete(study_path(stored[1])).status == 204

    assert "errors" not in tag(emulator, "PatientAge")
    assert tag(emulator, "PatientAge")["queryStatus"] == "disabled"
    assert emulator.get(f"{TAGS}/PatientAge/errors").text == "[]"


NOT_A_UID = (
    "DICOM Identifier is invalid. Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)
ERRORS = [
    ("AE", "a" * 17, "Value length exceeds maximum length."),
    ("AS", "30Y", "Value length is not expected."),
    ("AS", "", "Value length is not expected."),
    ("CS", "a" * 17, "Value length exceeds maximum length."),
    ("DA", "2020", "Value cannot be parsed as a valid date."),
    ("DT", "x", "Value cannot be parsed as a valid DateTime."),
    ("IS", "x", "Value cannot be parsed as a valid integer string."),
    ("LO", "a" * 65, "Value length exceeds maximum length."),
    ("LO", "a\tb", "Value contains invalid character."),
    ("PN", "a=b=c=d", "Value contains more than 5 components."),
    ("PN", "a" * 65, "One or more group of person name exceeds maxium length of 64."),
    ("PN", "a^b^c^d^e^f", "Value contains more than 5 components."),
    ("SH", "a" * 17, "Value length exceeds maximum length."),
    ("TM", "x", "Value cannot be parsed as a valid Time."),
    (
        "UI",
        "1.a",
        NOT_A_UID,
    ),
]


@pytest.mark.parametrize(("vr", "value", "message"), ERRORS, ids=[f"{vr} {value[:12]!r}" for vr, value, _ in ERRORS])
def test_error_messages_by_vr(shared_emulator: Emulator, vr: str, value: str, message: str) -> None:
    """Service source: validation of what is indexed, message of each code (azure-apis §1.8)."""
    element = {0x00430010: ("LO", b"ACME"), 0x00431001: (vr, value.encode())}
    bad = shared_emulator.v1.store(an_instance(raw=element))
    add_tags(shared_emulator, a_tag("00431001", "Instance", vr=vr, privateCreator="ACME"))

    messages = {each["sopInstanceUid"]: each["errorMessage"] for each in tag_errors(shared_emulator, "00431001")}
    assert messages[bad.SOPInstanceUID] == message
    assert shared_emulator.delete(f"{TAGS}/00431001").status == 204
    assert shared_emulator.delete(study_path(bad)).status == 204


@pytest.mark.parametrize("vr", ["FD", "FL", "SL", "SS", "UL", "US"])
def test_an_empty_number_is_an_error(shared_emulator: Emulator, vr: str) -> None:
    """Service source: 8, 4 or 2 bytes are expected (azure-apis §1.8)."""
    bad = shared_emulator.v1.store(an_instance(raw={0x00430010: ("LO", b"ACME"), 0x00431001: (vr, b"")}))
    add_tags(shared_emulator, a_tag("00431001", vr=vr, privateCreator="ACME"))

    messages = {each["sopInstanceUid"]: each["errorMessage"] for each in tag_errors(shared_emulator, "00431001")}
    assert messages == {bad.SOPInstanceUID: "Value length is not expected."}
    assert shared_emulator.delete(f"{TAGS}/00431001").status == 204
    assert shared_emulator.delete(study_path(bad)).status == 204


def test_another_vr_in_the_file_is_an_error(emulator: Emulator) -> None:
    """Service source: code 5 (azure-apis §1.8)."""
    emulator.store(an_instance(private=[(*CREATOR, "SH", "x")]))
    add_tags(emulator, a_tag("00431001", vr="LO", privateCreator="ACME"))

    assert [each["errorMessage"] for each in tag_errors(emulator, "00431001")] == [
        "The extended query tag VR is not expected."
    ]


def test_what_version_2_dropped_causes_no_error(emulator: Emulator) -> None:
    """Service end-to-end tests: an invalid attribute is removed from metadata at store (azure-apis §1.9)."""
    answer = emulator.store_response(an_instance(PatientAge="invalid"))
    assert answer.status == 202
    add_tags(emulator, a_tag("PatientAge"))

    assert "errors" not in tag(emulator, "PatientAge")


def test_version_1_refuses_an_invalid_value_of_a_tag(emulator: Emulator) -> None:
    """Service source: extended query tags are validated like indexed attributes; no error record (store §6)."""
    add_tags(emulator, a_tag("PatientAge"), a_tag("00431001", vr="LO", privateCreator="ACME"))
    answer = emulator.v1.store_response(an_instance(PatientAge="invalid", private=[(*CREATOR, "SH", "x")]))

    assert answer.status == 409
    comments = [item["00000902"]["Value"][0] for item in answer.json()["00081198"]["Value"][0]["00741048"]["Value"]]
    age, private = comments
    assert age == (
        "DICOM100: (0010,1010) - Dicom element 'PatientAge' failed validation for VR 'AS': Value length is not 4."
    )
    assert private == (
        "DICOM100: (0043,1001:ACME) - Dicom element '00431001' failed validation for VR 'LO': The extended query tag "
        "'00431001' is expected to have VR 'LO' but has 'SH' in file."
    )
    assert "errors" not in tag(emulator, "PatientAge")


def test_version_2_stores_an_invalid_value_with_a_warning_and_does_not_index_it(emulator: Emulator) -> None:
    """Service source: 202, no error record (azure-apis §1.9)."""
    add_tags(emulator, a_tag("StationName"))
    answer = emulator.store_response(an_instance(StationName="a" * 17))

    assert answer.status == 202
    assert found(emulator, StationName="a" * 17) == []
    assert tag(emulator, "StationName")["queryStatus"] == "enabled"


@pytest.mark.parametrize(
    ("quirks", "zero", "midnight"),
    [({}, 0, 1), ({"tags.absent_numeric_is_zero": "yes"}, 1, 0)],
    ids=["no", "yes"],
)
def test_absent_numbers_and_midnight(
    emulator_with: EmulatorWith, quirks: Mapping[str, str], zero: int, midnight: int
) -> None:
    """README decision 2, tags.absent_numeric_is_zero: documentation against source (azure-apis §1.9)."""
    emulator = emulator_with(quirks=quirks)
    emulator.store(an_instance(SeriesNumber=None, SeriesTime="000000"))
    add_tags(emulator, a_tag("SeriesNumber"), a_tag("SeriesTime"))

    assert len(found(emulator, SeriesNumber=0)) == zero
    assert len(found(emulator, SeriesTime="000000")) == midnight


def test_private_tags_fail_under_the_quirk(emulator_with: EmulatorWith) -> None:
    """README decision 2, tags.private_tags: the source compares with the dictionary, which has no VR for them."""
    emulator = emulator_with(quirks={"tags.private_tags": "rejected"})
    emulator.store(an_instance(private=[(*CREATOR, "LO", "x")]))
    add_tags(emulator, a_tag("00431001", vr="LO", privateCreator="ACME"))

    assert tag(emulator, "00431001")["queryStatus"] == "disabled"
    assert emulator.v1.store_response(an_instance(private=[(*CREATOR, "LO", "y")])).status == 409


def test_indexing_covers_all_partitions(emulator_with: EmulatorWith) -> None:
    """Service source: tags are the whole service's; searches and errors are a partition's (azure-apis §1.9, §5.3)."""
    emulator = emulator_with(partitions=True)
    in_foo, in_bar = (
        Emulator(emulator.base_url, emulator.data_dir, f"v2/partitions/{name}") for name in ("foo", "bar")
    )
    dataset: Dataset = an_instance(PatientAge="030Y")
    in_foo.store(dataset)
    in_bar.store(another_in_study(dataset, PatientAge="031Y"))
    bad = Emulator(emulator.base_url, emulator.data_dir, "v1/partitions/bar").store(an_instance(PatientAge="bad"))
    add_tags(emulator, a_tag("PatientAge"))
    patch_tag(emulator, "PatientAge", {"queryStatus": "Enabled"})

    assert [len(found(each, PatientAge="030Y")) for each in (in_foo, in_bar)] == [1, 0]
    assert [len(found(each, PatientAge="031Y")) for each in (in_foo, in_bar)] == [0, 1]
    assert [(each["partitionName"], each["sopInstanceUid"]) for each in tag_errors(emulator, "PatientAge")] == [
        ("bar", bad.SOPInstanceUID)
    ]
