"""What becomes of an instance: accepted or refused, with which messages, metadata and indexed attributes."""

import json
import struct
from typing import Any

import pytest

from azdicom_emulator.dicom.identity import Identity
from azdicom_emulator.dicom.indexed import IndexedAttributes
from azdicom_emulator.dicom.ingest import Accepted, Refused, read_instance
from azdicom_emulator.dicom.reasons import FailureReason, WarningReason
from tests.dicom.encoding import IMPLICIT_LITTLE, explicit, file, implicit, item

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"

# VR and value by tag: an instance that nobody complains about.
ATTRIBUTES: dict[int, tuple[str, bytes]] = {
    0x00080016: ("UI", SOP_CLASS.encode() + b"\0"),
    0x00080018: ("UI", b"1.2.3.4.5.6\0"),
    0x00080020: ("DA", b"20240117"),
    0x00080050: ("SH", b"ACC1"),
    0x00080060: ("CS", b"CT"),
    0x00080090: ("PN", b"Referrer^Robin"),
    0x00081030: ("LO", b"CT CHEST"),
    0x00081090: ("LO", b"Model 1 "),
    0x00100010: ("PN", b"Doe^Jane"),
    0x00100020: ("LO", b"ID1 "),
    0x00100030: ("DA", b"19600101"),
    0x0020000D: ("UI", b"1.2.3\0"),
    0x0020000E: ("UI", b"1.2.3.4\0"),
    0x00400244: ("DA", b"20240117"),
}
STUDY_DATE, PATIENT_ID, STUDY_UID = 0x00080020, 0x00100020, 0x0020000D
IDENTITY = Identity(sop_class_uid=SOP_CLASS, study="1.2.3", series="1.2.3.4", instance="1.2.3.4.5.6")
NOT_LO = "DICOM100: (0010,0020) - Dicom element 'PatientID' failed validation for VR 'LO':"
MISMATCH = "DICOM100: (0020,000d) - The StudyInstanceUid in the payload does not match the specified StudyInstanceUid."
BAD_UID = (
    "failed validation for VR 'UI': DICOM Identifier is invalid. Value length should not exceed the maximum length of "
    "64 characters. Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)


def instance(changes: dict[int, tuple[str, bytes] | bytes | None] | None = None, *more: bytes) -> bytes:
    """A file. changes: values by tag, with a VR or in the usual one; None leaves the attribute out. more: elements."""
    attributes: dict[int, tuple[str, bytes]] = dict(ATTRIBUTES)
    for tag, change in (changes or {}).items():
        if change is None:
            del attributes[tag]
        else:
            attributes[tag] = change if isinstance(change, tuple) else (attributes[tag][0], change)
    return file(b"".join(explicit(tag, *attributes[tag]) for tag in sorted(attributes)) + b"".join(more))


def accepted(content: bytes, *, api_version: int = 2, **options: Any) -> Accepted:
    report = read_instance(content, **{"api_version": api_version, "study": None} | options)
    assert isinstance(report, Accepted), report
    return report


def refused(content: bytes, *, api_version: int = 2, **options: Any) -> Refused:
    report = read_instance(content, **{"api_version": api_version, "study": None} | options)
    assert isinstance(report, Refused), report
    return report


def missing(tag: str) -> str:
    return f"DICOM100: ({tag}) - The required tag '({tag})' is missing."


@pytest.mark.parametrize("api_version", [1, 2])
def test_a_valid_instance_is_accepted_without_a_word(api_version: int) -> None:
    """Store §7; §10, example 1."""
    report = accepted(instance(), api_version=api_version)

    assert report == Accepted(
        identity=IDENTITY,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        metadata=report.metadata,
        attributes=IndexedAttributes(
            patient_id="ID1",
            patient_name="Doe^Jane",
            patient_birth_date="19600101",
            accession_number="ACC1",
            referring_physician_name="Referrer^Robin",
            study_date="20240117",
            study_description="CT CHEST",
            modality="CT",
            performed_procedure_step_start_date="20240117",
            manufacturer_model_name="Model 1",
        ),
        warning=None,
        messages=(),
        has_multiple_values=False,
    )
    assert [f"{tag:08X}" for tag in ATTRIBUTES] == list(json.loads(report.metadata))


@pytest.mark.parametrize("content", [b"", b"garbage " * 100, file(b"")])
def test_an_unreadable_body_is_refused_without_identity_and_messages(content: bytes) -> None:
    """Store §5, §10: 43264 and an item that holds nothing else."""
    assert refused(content) == Refused(identity=None, reason=FailureReason.VALIDATION)


@pytest.mark.parametrize("api_version", [1, 2])
@pytest.mark.parametrize(
    ("tag", "label"),
    [
        (0x00080016, "0008,0016"),
        (0x00080018, "0008,0018"),
        (0x0020000D, "0020,000d"),
        (0x0020000E, "0020,000e"),
        (0x00100020, "0010,0020"),
    ],
)
def test_a_missing_identifier_refuses_the_instance(api_version: int, tag: int, label: str) -> None:
    """Store §6."""
    report = refused(instance({tag: None}), api_version=api_version)

    assert (report.reason, report.messages) == (FailureReason.VALIDATION, (missing(label),))


def test_only_the_first_missing_identifier_is_reported() -> None:
    """Store §6: in the order SOP class, study, series, instance, study mismatch, patient ID."""
    report = refused(instance({0x00100020: None, 0x0020000E: None, 0x0020000D: None}), study="9.9")
    assert report.messages == (missing("0020,000d"),)

    report = refused(instance({0x00100020: None}), study="9.9")
    assert report.messages == (MISMATCH,)


@pytest.mark.parametrize("value", [b"", b"1.2\\1.3", b"  ", b"\0"])
def test_an_identifier_without_exactly_one_value_is_missing(value: bytes) -> None:
    """Store §6."""
    report = refused(instance({STUDY_UID: value}))

    assert report.messages[0] == missing("0020,000d")
    assert report.identity == Identity(sop_class_uid=SOP_CLASS, study=None, series="1.2.3.4", instance="1.2.3.4.5.6")


@pytest.mark.parametrize("study", ["1.2.3", "1.2.3  "])
def test_the_study_of_the_request_is_compared_without_trailing_spaces(study: str) -> None:
    """Store §7 step 2."""
    assert accepted(instance({STUDY_UID: b"1.2.3 "}), study=study).identity.study == "1.2.3"


@pytest.mark.parametrize("reason", [FailureReason.VALIDATION, FailureReason.STUDY_MISMATCH])
def test_another_study_than_the_request_names_is_refused(reason: FailureReason) -> None:
    """Store §7 step 2, §10; the reason is a quirk."""
    report = refused(instance(), study="1.2.4", study_mismatch=reason)

    assert report == Refused(identity=IDENTITY, reason=reason, messages=(MISMATCH,))


@pytest.mark.parametrize(
    ("tag", "value", "keyword", "label"),
    [
        (0x00080016, b"abc.123 ", "SOPClassUID", "0008,0016"),
        (0x00080018, b"11| ", "SOPInstanceUID", "0008,0018"),
        (0x0020000D, b"1.2.", "StudyInstanceUID", "0020,000d"),
        (0x0020000E, b"1" * 66, "SeriesInstanceUID", "0020,000e"),
    ],
)
def test_an_invalid_identifier_refuses_the_instance(tag: int, value: bytes, keyword: str, label: str) -> None:
    """Store §8.1, row UI, and the service's end-to-end tests; the warning on the same tag is not told."""
    report = refused(instance({tag: value}))

    assert report.messages == (f"DICOM100: ({label}) - Dicom element '{keyword}' {BAD_UID}",)
    assert report.identity is not None
    assert value.decode().rstrip() in (
        report.identity.sop_class_uid,
        report.identity.study,
        report.identity.series,
        report.identity.instance,
    )


def test_a_refusal_lists_warnings_after_errors() -> None:
    """Store §7 steps 5 and 7."""
    report = refused(instance({PATIENT_ID: b"\x000123\0", STUDY_DATE: b"nonsense", 0x0020000E: b"x "}))

    labels = [message.split(" - ")[0].removeprefix("DICOM100: ") for message in report.messages]
    assert labels == ["(0020,000e)", "(0010,0020)", "(0008,0020)"]
    assert report.messages[1] == (f"{NOT_LO} Value contains invalid character.")


def test_version_2_warns_about_an_invalid_attribute_and_drops_it() -> None:
    """Store §7 steps 4, 8, 9; §10, example 2."""
    report = accepted(instance({STUDY_DATE: b"NotAValidDate "}))

    assert report.warning is WarningReason.VALIDATION
    assert report.messages == (
        (
            'DICOM100: (0008,0020) - Content "NotAValidDate" does not validate VR DA: '
            "one of the date values does not match the pattern YYYYMMDD"
        ),
    )
    assert report.attributes.study_date is None
    assert "00080020" not in json.loads(report.metadata)
    assert "00080060" in json.loads(report.metadata)


def test_version_1_refuses_an_invalid_indexed_attribute() -> None:
    """Store §7, v1; §13."""
    report = refused(instance({STUDY_DATE: b"20200230", 0x00080050: b"A" * 18}), api_version=1)

    assert report.messages == (
        (
            "DICOM100: (0008,0020) - Dicom element 'StudyDate' failed validation for VR 'DA': "
            "Value cannot be parsed as a valid date."
        ),
        (
            "DICOM100: (0008,0050) - Dicom element 'AccessionNumber' failed validation for VR 'SH': "
            "Value length exceeds maximum length of 16."
        ),
    )


def test_version_1_does_not_look_at_other_attributes() -> None:
    """Store §13: neither warning nor drop."""
    report = accepted(instance({}, explicit(0x00431001, "CS", b"lower case")), api_version=1)

    assert (report.warning, report.messages) == (None, ())
    assert json.loads(report.metadata)["00431001"]["Value"] == ["lower case"]


def test_version_1_validates_extended_query_tags() -> None:
    """Store §6: indexed like the built-in attributes."""
    content = instance({}, explicit(0x00431001, "CS", b"A" * 18))

    assert accepted(content, api_version=1)
    assert refused(content, api_version=1, query_tags={0x00431001: "CS"}).messages == (
        (
            "DICOM100: (0043,1001) - Dicom element '00431001' failed validation for VR 'CS': "
            "Value length exceeds maximum length of 16."
        ),
    )


def test_nul_padding_is_an_error_in_version_1_only() -> None:
    """Store §13."""
    content = instance({PATIENT_ID: b"ID1\0"})

    assert accepted(content).attributes.patient_id == "ID1"
    assert accepted(content).messages == ()
    assert refused(content, api_version=1).messages == (f"{NOT_LO} Value contains invalid character.",)


@pytest.mark.parametrize("value", [b"", b"    "])
def test_an_empty_patient_id_is_a_warning_in_version_2_and_refused_in_version_1(value: bytes) -> None:
    """Store §8.2 and the service's end-to-end tests."""
    report = accepted(instance({PATIENT_ID: value}))

    assert (report.warning, report.messages) == (WarningReason.VALIDATION, (missing("0010,0020"),))
    assert report.attributes.patient_id is None
    assert "00100020" not in json.loads(report.metadata)
    assert refused(instance({PATIENT_ID: value}), api_version=1).messages == (missing("0010,0020"),)


def test_several_patient_ids_are_a_warning_and_a_header_in_version_2() -> None:
    """Store §7 step 3, §12; the multiplicity is wrong, so that the attribute is dropped."""
    report = accepted(instance({PATIENT_ID: b"A\\B "}))

    assert report.has_multiple_values
    assert report.attributes.patient_id is None
    assert report.messages == (
        (
            'DICOM100: (0010,0020) - Content "(0010,0020) LO Patient ID" does not validate VR LO: '
            "Number of items 2 does not match ValueMultiplicity 1"
        ),
    )


def test_several_values_of_an_indexed_attribute_are_a_header_in_version_1() -> None:
    """Store §12, §13: only the first value is indexed."""
    content = instance({0x00081030: b"FIRST \\SECOND"})

    report = accepted(content, api_version=1)
    assert (report.has_multiple_values, report.warning) == (True, None)
    assert report.attributes.study_description == "FIRST"
    assert not accepted(content).has_multiple_values


def test_several_values_are_told_even_of_a_refused_instance() -> None:
    """Store §12: set even if that instance failed."""
    assert refused(instance({PATIENT_ID: b"A\\B ", STUDY_UID: b"x "})).has_multiple_values


def test_identifiers_are_never_dropped() -> None:
    """Store §6, §8.2: leading zeros pass the minimum and are warned about."""
    report = accepted(instance({STUDY_UID: b"1.02.3"}))

    assert report.identity.study == "1.02.3"
    assert report.messages == (
        'DICOM100: (0020,000d) - Content "1.02.3" does not validate VR UI: components must not have leading zeros',
    )
    assert "0020000D" in json.loads(report.metadata)


def test_the_sop_class_can_be_dropped() -> None:
    """Store §8.2: it is no identifier of the instance."""
    report = accepted(instance({0x00080016: b"1.02"}))

    assert report.identity == Identity(sop_class_uid=None, study="1.2.3", series="1.2.3.4", instance="1.2.3.4.5.6")
    assert "00080016" not in json.loads(report.metadata)


def test_trailing_padding_is_no_part_of_identifiers() -> None:
    """Store §9: a UID that differs by trailing spaces or NULs only is the same; metadata has the spaces."""
    report = accepted(instance({0x00080018: b"1.2.3.4.5.6  \0", 0x0020000E: b"1.2.3.4 \0\0\0"}))

    assert report.identity == IDENTITY
    assert json.loads(report.metadata)["00080018"]["Value"] == ["1.2.3.4.5.6  "]


def test_a_nested_warning_drops_the_top_level_attribute_of_the_same_tag() -> None:
    """Store §7 step 8: the nested one stays, a valid one at the top goes."""
    sequence = explicit(0x00081140, "SQ", item(explicit(0x00081030, "LO", b"a\nb ")) * 10)
    content = instance({0x00400244: None, 0x00100030: None}, explicit(0x00400275, "SQ", item(sequence)))

    report = accepted(content)

    metadata = json.loads(report.metadata)
    assert report.messages == (
        'DICOM100: (0008,1030) - Content "a\nb" does not validate VR LO: value contains invalid character',
    )
    assert report.attributes.study_description is None
    assert "00081030" not in metadata
    nested = metadata["00400275"]["Value"][0]["00081140"]["Value"]
    assert [attribute["00081030"]["Value"] for attribute in nested] == [["a\nb"]] * 10


def test_private_attributes_are_told_with_their_creator() -> None:
    """Store §8."""
    creator = explicit(0x00430010, "LO", b"MAKER ")
    known = explicit(0x00431001, "CS", b"x ")
    unknown = explicit(0x00431101, "CS", b"y ")

    labels = [message.split(" - ")[0] for message in accepted(instance({}, creator, known, unknown)).messages]

    assert labels == ["DICOM100: (0043,1001:MAKER)", "DICOM100: (0043,1101)"]


def test_an_unexpected_vr_of_a_core_attribute_refuses_the_instance() -> None:
    """Store §8.1, row any."""
    report = refused(instance({PATIENT_ID: ("SH", b"ID1 ")}))

    assert report.messages == (
        f"{NOT_LO} The extended query tag 'PatientID' is expected to have VR 'LO' but has 'SH' in file.",
    )


@pytest.mark.parametrize("api_version", [1, 2])
def test_implicit_vr_is_warned_about(api_version: int) -> None:
    """Store §5, §7 step 9: 45063 hides the reason of other warnings."""
    elements = b"".join(implicit(tag, value) for tag, (_, value) in sorted(ATTRIBUTES.items()))
    content = file(elements, IMPLICIT_LITTLE)

    report = accepted(content, api_version=api_version)

    assert report.warning is WarningReason.DATASET_DOES_NOT_MATCH_SOP_CLASS
    assert (report.identity, report.messages) == (IDENTITY, ())


def test_implicit_vr_can_be_rejected() -> None:
    """Store §14, quirk store.implicit_vr: what the documentation says."""
    elements = b"".join(implicit(tag, value) for tag, (_, value) in sorted(ATTRIBUTES.items()))

    report = refused(file(elements, IMPLICIT_LITTLE), implicit_vr="reject")

    assert report == Refused(identity=IDENTITY, reason=FailureReason.VALIDATION)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_metadata_cannot_hold_are_a_processing_failure(value: float) -> None:
    """Store §8.2, §10."""
    report = refused(instance({}, explicit(0x00431001, "FD", struct.pack("<d", value))))

    assert report == Refused(identity=IDENTITY, reason=FailureReason.PROCESSING)


def test_a_file_cut_off_before_its_identifiers_lacks_them() -> None:
    """Store §5."""
    content = instance()
    cut = content[: content.index(b"1.2.3.4\0") - 4]

    assert refused(cut).messages == (missing("0020,000e"),)


def test_a_file_cut_off_in_pixel_data_is_accepted() -> None:
    """Store §5: stored as sent."""
    assert accepted(instance({}, explicit(0x7FE00010, "OW", bytes(10), length=1000))).messages == ()


@pytest.mark.parametrize("date", [b"20240230", b"20240100", b"20240101-20240102"])
def test_a_date_that_is_none_is_not_indexed(date: bytes) -> None:
    """Full validation lets it pass (store §8.2), so that metadata has it; the index has dates only (search §5.1)."""
    report = accepted(instance({STUDY_DATE: date}))

    assert report.messages == ()
    assert report.attributes.study_date is None
    assert json.loads(report.metadata)["00080020"]["Value"] == [date.decode()]


def test_indexed_text_is_decoded() -> None:
    """Search §5.1 matches characters, not bytes."""
    utf8 = ("CS", b"ISO_IR 192")

    report = accepted(instance({0x00080005: utf8, 0x00100010: "Müller^Jürgen=山田".encode()}))

    assert report.attributes.patient_name == "Müller^Jürgen=山田"


def test_absent_attributes_are_not_indexed() -> None:
    """Store §9: None keeps what the index has."""
    kept = (0x00080016, 0x00080018, PATIENT_ID, STUDY_UID, 0x0020000E)
    content = instance({tag: None for tag in ATTRIBUTES if tag not in kept})

    assert accepted(content).attributes == IndexedAttributes(patient_id="ID1")
