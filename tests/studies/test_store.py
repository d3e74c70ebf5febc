"""STOW-RS over HTTP: outcomes, bodies, content types, framing, uniqueness, upsert."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from tests.support.client import DICOM, DICOM_JSON, Emulator, Response
from tests.support.instances import an_instance, another_in_series, instance_path, part10, study_path
from tests.support.multipart import multipart_related

UID_RULE = (
    "DICOM Identifier is invalid. Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)
MISMATCH = "DICOM100: (0020,000d) - The StudyInstanceUid in the payload does not match the specified StudyInstanceUid."


def comments(answer: Response, sequence: str, item: int = 0) -> list[str]:
    """The ErrorComments of one item of ReferencedSOPSequence or FailedSOPSequence."""
    attributes = answer.json()[sequence]["Value"][item].get("00741048", {}).get("Value", [])
    return [attribute["00000902"]["Value"][0] for attribute in attributes]


def with_part_type(emulator: Emulator, *parts: tuple[str | None, bytes], root: str | None = DICOM) -> Response:
    """The answer to a multipart store whose parts have types of their own."""
    boundary = uuid.uuid4().hex
    body = b""
    for part_type, content in parts:
        header = f"Content-Type: {part_type}\r\n" if part_type is not None else ""
        body += f"--{boundary}\r\n{header}\r\n".encode() + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    type_parameter = f'; type="{root}"' if root else ""
    return emulator.post("/studies", body, content_type=f"multipart/related{type_parameter}; boundary={boundary}")


class TestOutcomes:
    """Conformance statement v2, Store response status codes; store §10."""

    def test_a_clean_instance_is_stored_with_200(self, shared_emulator: Emulator) -> None:
        """Store §10: the item has class, instance, URL and, in v2, an empty FailedAttributesSequence."""
        dataset = an_instance()

        answer = shared_emulator.store_response(dataset)

        assert answer.status == 200
        assert answer.content_type == "application/dicom+json; charset=utf-8"
        assert answer.json() == {
            "00081199": {
                "vr": "SQ",
                "Value": [
                    {
                        "00081150": {"vr": "UI", "Value": [dataset.SOPClassUID]},
                        "00081155": {"vr": "UI", "Value": [dataset.SOPInstanceUID]},
                        "00081190": {
                            "vr": "UR",
                            "Value": [f"{shared_emulator.service_url}{instance_path(dataset)}"],
                        },
                        "00741048": {"vr": "SQ"},
                    }
                ],
            }
        }

    def test_the_study_url_is_answered_where_the_study_was_in_the_path(self, shared_emulator: Emulator) -> None:
        """Store §10, RetrieveURL: the path's study, and at least one instance stored."""
        dataset = an_instance()

        answer = shared_emulator.store_response(dataset, study=str(dataset.StudyInstanceUID))

        url = f"{shared_emulator.service_url}{study_path(dataset)}"
        assert answer.json()["00081190"] == {"vr": "UR", "Value": [url]}

    def test_urls_follow_host_and_version_of_the_request(self, shared_emulator: Emulator) -> None:
        """Store §10, RetrieveURL: Host header and the version as the client wrote it."""
        dataset = an_instance()

        answer = shared_emulator.v1.store_response(dataset, headers={"Host": "dicom.example:1234"})

        (item,) = answer.json()["00081199"]["Value"]
        assert item["00081190"]["Value"] == [f"http://dicom.example:1234/v1{instance_path(dataset)}"]

    def test_version_1_has_no_failed_attributes_sequence_on_success(self, shared_emulator: Emulator) -> None:
        """Store §13."""
        answer = shared_emulator.v1.store_response(an_instance())

        assert answer.status == 200
        assert "00741048" not in answer.json()["00081199"]["Value"][0]

    def test_an_invalid_attribute_is_a_warning_and_vanishes_from_metadata(self, shared_emulator: Emulator) -> None:
        """Conformance statement v2, Store changes; store §7, §8.2: 202, WarningReason 1, ErrorComment."""
        dataset = an_instance(StudyDate="NotAValidDate")

        answer = shared_emulator.store_response(dataset)

        assert answer.status == 202
        assert answer.json()["00081199"]["Value"][0]["00081196"] == {"vr": "US", "Value": [1]}
        assert comments(answer, "00081199") == [
            'DICOM100: (0008,0020) - Content "NotAValidDate" does not validate VR DA: '
            "one of the date values does not match the pattern YYYYMMDD"
        ]
        (metadata,) = shared_emulator.metadata(instance_path(dataset))
        assert "00080020" not in metadata
        assert shared_emulator.retrieve(dataset) == part10(dataset)

    def test_version_1_refuses_an_invalid_indexed_attribute(self, shared_emulator: Emulator) -> None:
        """Store §7 v1, §13: 409, reason 43264, the short form of the message."""
        answer = shared_emulator.v1.store_response(an_instance(StudyDate="NotAValidDate"))

        assert answer.status == 409
        assert answer.failure_reasons() == [43264]
        assert comments(answer, "00081198") == [
            "DICOM100: (0008,0020) - Dicom element 'StudyDate' failed validation for VR 'DA': "
            "Value cannot be parsed as a valid date."
        ]

    @pytest.mark.parametrize(("version", "status"), [("v1", 200), ("v2", 202)])
    def test_implicit_vr_is_stored_with_a_warning(self, shared_emulator: Emulator, version: str, status: int) -> None:
        """Service end-to-end tests; store §5: reason 45063, 202 in v2 and 200 in v1."""
        emulator = shared_emulator if version == "v2" else shared_emulator.v1

        answer = emulator.store_response(an_instance(transfer_syntax=ImplicitVRLittleEndian))

        assert answer.status == status
        assert answer.json()["00081199"]["Value"][0]["00081196"] == {"vr": "US", "Value": [45063]}

    @pytest.mark.parametrize(
        ("keyword", "tag"),
        [
            ("SOPClassUID", "(0008,0016)"),
            ("StudyInstanceUID", "(0020,000d)"),
            ("SeriesInstanceUID", "(0020,000e)"),
            ("SOPInstanceUID", "(0008,0018)"),
            ("PatientID", "(0010,0020)"),
        ],
    )
    def test_a_missing_required_attribute_refuses_the_instance(
        self, shared_emulator: Emulator, keyword: str, tag: str
    ) -> None:
        """Conformance statement v2, Store required attributes; store §6."""
        attributes: dict[str, Any] = {keyword: None}

        answer = shared_emulator.store_response(an_instance(**attributes))

        assert answer.status == 409
        assert answer.failure_reasons() == [43264]
        assert comments(answer, "00081198") == [f"DICOM100: {tag} - The required tag '{tag}' is missing."]

    def test_an_empty_patient_id_is_a_warning_in_version_2(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §8.2, PatientID."""
        answer = shared_emulator.store_response(an_instance(PatientID=""))

        assert answer.status == 202
        assert comments(answer, "00081199") == ["DICOM100: (0010,0020) - The required tag '(0010,0020)' is missing."]

    def test_an_empty_patient_id_is_refused_in_version_1(self, shared_emulator: Emulator) -> None:
        """Store §6."""
        assert shared_emulator.v1.store_response(an_instance(PatientID="")).status == 409

    def test_good_and_bad_together_are_202(self, shared_emulator: Emulator) -> None:
        """Store §10: stored and failed items side by side, each in request order."""
        first, last = an_instance(), an_instance()

        answer = shared_emulator.store_response(first, b"not DICOM", last)

        assert answer.status == 202
        assert answer.stored_instances() == [first.SOPInstanceUID, last.SOPInstanceUID]
        assert answer.failure_reasons() == [43264]

    @pytest.mark.parametrize("content", [b"", b"not DICOM"], ids=["empty", "text"])
    def test_what_cannot_be_read_is_a_bare_failed_item(self, shared_emulator: Emulator, content: bytes) -> None:
        """Service end-to-end tests; store §5: no UIDs, no FailedAttributesSequence."""
        answer = shared_emulator.store_response(content)

        assert answer.status == 409
        assert answer.json() == {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [43264]}}]}}

    def test_an_instance_of_another_study_is_refused(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §10: reason 43264 with the mismatch text."""
        answer = shared_emulator.store_response(an_instance(), study="1.2.3")

        assert answer.status == 409
        assert answer.failure_reasons() == [43264]
        assert comments(answer, "00081198") == [MISMATCH]
        assert "00081190" not in answer.json()

    def test_the_mismatch_reason_of_the_docs_is_a_quirk(self, emulator_with: Callable[..., Emulator]) -> None:
        """Conformance statement v2 lists 43265; quirk `store.study_mismatch_code`."""
        emulator = emulator_with(quirks={"store.study_mismatch_code": "43265"})

        assert emulator.store_response(an_instance(), study="1.2.3").failure_reasons() == [43265]

    def test_several_values_of_an_indexed_attribute_are_warned_of_in_a_header(self, shared_emulator: Emulator) -> None:
        """Store §12: `299 {host without port}: "…"`."""
        answer = shared_emulator.store_response(an_instance(raw={0x00100020: ("LO", b"one\\two ")}))

        host = shared_emulator.address[0]
        assert answer.headers["Warning"] == (
            f'299 {host}: "One or more indexed Dicom tag(s) have multiple values, only first value is indexed."'
        )

    def test_the_warning_of_an_implicit_vr_quirk_is_a_refusal(self, emulator_with: Callable[..., Emulator]) -> None:
        """Conformance statement v2: only explicit VR; quirk `store.implicit_vr`."""
        emulator = emulator_with(quirks={"store.implicit_vr": "reject"})

        answer = emulator.store_response(an_instance(transfer_syntax=ImplicitVRLittleEndian))

        assert (answer.status, answer.failure_reasons()) == (409, [43264])


class TestHeaders:
    """Order and texts of what is checked before any instance; store §2–§4."""

    @pytest.mark.parametrize(
        "accept", ["application/dicom+json", "APPLICATION/DICOM+JSON; q=0", "*/*", "application/*", "application/json"]
    )
    def test_what_covers_dicom_json_is_accepted(self, shared_emulator: Emulator, accept: str) -> None:
        """Service unit tests; store §3."""
        assert shared_emulator.store_response(an_instance(), accept=accept).status == 200

    @pytest.mark.parametrize(
        "accept", [None, "", "application/dicom", "multipart/related", "application/dicom+json+x", "nonsense"]
    )
    def test_anything_else_is_406_without_a_body(self, shared_emulator: Emulator, accept: str | None) -> None:
        """Service unit tests; store §3: also without an Accept header."""
        dataset = an_instance()

        answer = shared_emulator.store_response(dataset, accept=accept)

        assert (answer.status, answer.content) == (406, b"")
        assert shared_emulator.get(instance_path(dataset) + "/metadata").status == 404

    def test_a_missing_accept_can_be_allowed(self, emulator_with: Callable[..., Emulator]) -> None:
        """Quirk `store.missing_accept`."""
        emulator = emulator_with(quirks={"store.missing_accept": "accept"})

        assert emulator.store_response(an_instance(), accept=None).status == 200

    @pytest.mark.parametrize("content_type", ["multipart/form", "application/json", "image/jpeg", "text/plain"])
    def test_another_content_type_is_415_without_a_body(self, shared_emulator: Emulator, content_type: str) -> None:
        """Service end-to-end tests; store §2 step 2."""
        answer = shared_emulator.post("/studies", b"x", content_type=content_type)

        assert (answer.status, answer.content, answer.content_type) == (415, b"", None)

    @pytest.mark.parametrize(
        ("content_type", "text"),
        [
            (None, "The specified content type '' is not supported."),
            (
                "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
                "The specified content type 'application/dicom; transfer-syntax=1.2.840.10008.1.2.1' is not supported.",
            ),
            (
                "multipart/related",
                "The content type 'multipart/related' is either not multipart or is missing boundary.",
            ),
            (
                'multipart/related; boundary=""',
                "The content type 'multipart/related; boundary=\"\"' is either not multipart or is missing boundary.",
            ),
        ],
        ids=["none", "parameters", "no boundary", "empty boundary"],
    )
    def test_a_content_type_that_cannot_be_read_is_415_with_a_text(
        self, shared_emulator: Emulator, content_type: str | None, text: str
    ) -> None:
        """Service source; store §4.1, §4.2."""
        answer = shared_emulator.post("/studies", b"x", content_type=content_type)

        assert (answer.status, answer.text) == (415, text)
        assert answer.content_type == "text/plain; charset=utf-8"

    def test_the_start_parameter_is_refused(self, shared_emulator: Emulator) -> None:
        """Service unit tests; store §4.1."""
        answer = shared_emulator.post("/studies", b"", content_type='multipart/related; start="<a>"; boundary=b')

        assert answer.status == 400
        assert answer.text == "The start parameter in multipart/related request is not supported."

    def test_the_study_of_the_path_must_be_a_uid(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §2 step 5, http §7."""
        answer = shared_emulator.store_response(an_instance(), study="notAStudy")

        assert answer.status == 400
        assert answer.text == f"Dicom element 'StudyInstanceUid' failed validation for VR 'UI': {UID_RULE}"

    def test_accept_is_checked_before_the_study(self, shared_emulator: Emulator) -> None:
        """Store §2: step 4 before step 5."""
        assert shared_emulator.store_response(an_instance(), study="notAStudy", accept="text/html").status == 406

    def test_an_unquoted_type_is_415_when_strict(self, strict_emulator: Emulator) -> None:
        """Service framework: the whole header must parse; store §4.1."""
        content_type = "multipart/related; type=application/dicom; boundary=b"

        answer = strict_emulator.post("/studies", b"--b--", content_type=content_type)

        assert (answer.status, answer.text) == (415, f"The specified content type '{content_type}' is not supported.")
        assert answer.headers["Warning"] is None


class TestParts:
    """The parts of a multipart body; store §4.1."""

    def test_a_single_part_body_is_one_instance(self, shared_emulator: Emulator) -> None:
        """Store §4.2."""
        dataset = an_instance()

        assert shared_emulator.post("/studies", part10(dataset), content_type=DICOM).status == 200
        assert shared_emulator.retrieve(dataset) == part10(dataset)

    def test_an_empty_single_part_body_is_409(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §4.2."""
        assert shared_emulator.post("/studies", b"", content_type=DICOM).status == 409

    def test_no_part_is_204(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §4.1."""
        content_type, body = multipart_related([])

        answer = shared_emulator.post("/studies", body, content_type=content_type)

        assert (answer.status, answer.content) == (204, b"")

    def test_a_first_part_without_type_takes_that_of_the_request(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §4.1."""
        assert with_part_type(shared_emulator, (None, part10(an_instance()))).status == 200

    @pytest.mark.parametrize(
        ("parts", "root", "named"),
        [
            ([None], None, ""),
            ([DICOM, None], DICOM, ""),
            (["application/dicom+json"], DICOM, "application/dicom+json"),
            ([DICOM, "image/jpeg"], DICOM, "image/jpeg"),
            (
                ["application/dicom; transfer-syntax=1.2.840.10008.1.2.1"],
                DICOM,
                "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
            ),
        ],
        ids=["no type", "later without", "json", "bulk data", "parameters"],
    )
    def test_a_part_of_another_type_refuses_the_request_whole(
        self, shared_emulator: Emulator, parts: list[str | None], root: str | None, named: str
    ) -> None:
        """Service unit tests; store §4.1: nothing is stored, not even the good parts before."""
        datasets = [an_instance() for _ in parts]

        answer = with_part_type(
            shared_emulator,
            *((part_type, part10(dataset)) for part_type, dataset in zip(parts, datasets, strict=True)),
            root=root,
        )

        assert (answer.status, answer.text) == (415, f"The specified content type '{named}' is not supported.")
        for dataset in datasets:
            assert shared_emulator.get(instance_path(dataset) + "/metadata").status == 404

    def test_a_framing_error_stores_nothing(self, shared_emulator: Emulator) -> None:
        """Store §2: all parts are read before any is processed."""
        dataset = an_instance()
        good = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part10(dataset) + b"\r\n"
        body = good + b"--b\r\nno colon\r\n\r\nx\r\n--b--"

        answer = shared_emulator.post("/studies", body, content_type="multipart/related; boundary=b")

        assert (answer.status, answer.text) == (400, "Invalid header line: no colon")
        assert shared_emulator.get(instance_path(dataset) + "/metadata").status == 404

    def test_a_body_that_ends_inside_a_part_keeps_the_parts_before(self, shared_emulator: Emulator) -> None:
        """Service source; store §4.1."""
        whole, cut = an_instance(), an_instance()
        content_type, body = multipart_related([part10(whole), part10(cut)])

        answer = shared_emulator.post("/studies", body[:-200], content_type=content_type)

        assert (answer.status, answer.stored_instances()) == (200, [whole.SOPInstanceUID])

    def test_a_body_over_the_limit_is_413(self, emulator_with: Callable[..., Emulator]) -> None:
        """Store §4.3: the declared length is enough."""
        emulator = emulator_with()

        answer = emulator.request(
            "POST",
            "/v2/studies",
            headers={"Accept": DICOM_JSON, "Content-Type": DICOM, "Content-Length": str(2**32 + 1)},
        )

        assert (answer.status, answer.text) == (413, "The request exceeded the allowed limit of 4294967296 bytes.")


class TestFormUpload:
    """The extension `store.form_upload`; seed-features §8."""

    FORM = (
        b'--b\r\nContent-Disposition: attachment; name="file"; filename="a.dcm"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n%b\r\n--b--\r\n"
    )

    @pytest.mark.parametrize(
        "content_type",
        [
            "multipart/related; type=application/dicom; boundary=b",
            'multipart/related; type="application/dicom"; boundary=b',
        ],
        ids=["unquoted", "quoted"],
    )
    def test_a_curl_form_upload_is_stored_and_announced(self, shared_emulator: Emulator, content_type: str) -> None:
        """Seed README; seed-features §8 triggers (a) and (b)."""
        dataset = an_instance()

        answer = shared_emulator.post("/studies", self.FORM % part10(dataset), content_type=content_type)

        assert (answer.status, answer.stored_instances()) == (200, [dataset.SOPInstanceUID])
        assert answer.headers["Warning"] == '299 azdicom "store.form_upload: the managed service would answer 415"'

    def test_it_is_refused_when_strict(self, strict_emulator: Emulator) -> None:
        """http §13: under --strict no trigger is looked at."""
        content_type = 'multipart/related; type="application/dicom"; boundary=b'

        answer = strict_emulator.post("/studies", self.FORM % part10(an_instance()), content_type=content_type)

        assert (answer.status, answer.headers["Warning"]) == (415, None)

    def test_mixed_with_a_good_part_it_is_refused(self, shared_emulator: Emulator) -> None:
        """Seed-features §8: every part must be a form field."""
        good = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part10(an_instance()) + b"\r\n"
        body = good + self.FORM % part10(an_instance())

        answer = shared_emulator.post("/studies", body, content_type="multipart/related; boundary=b")

        assert (answer.status, answer.headers["Warning"]) == (415, None)

    def test_a_clean_request_is_not_announced(self, shared_emulator: Emulator) -> None:
        """http §13: only where the answer differs."""
        assert shared_emulator.store_response(an_instance()).headers["Warning"] is None


class TestUniqueness:
    """Store §9."""

    def test_a_second_store_is_refused_and_changes_nothing(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests: 45070, without FailedAttributesSequence."""
        first = an_instance(PatientName="First")
        shared_emulator.store(first)
        second = _again(first, PatientName="Second")

        answer = shared_emulator.store_response(second)

        assert answer.status == 409
        assert answer.json() == {
            "00081198": {
                "vr": "SQ",
                "Value": [
                    {
                        "00081150": {"vr": "UI", "Value": [first.SOPClassUID]},
                        "00081155": {"vr": "UI", "Value": [first.SOPInstanceUID]},
                        "00081197": {"vr": "US", "Value": [45070]},
                    }
                ],
            }
        }
        assert shared_emulator.retrieve(first) == part10(first)

    def test_twice_in_one_request_is_stored_once(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests: 202, the second fails."""
        dataset = an_instance()

        answer = shared_emulator.store_response(dataset, dataset)

        assert (answer.status, answer.failure_reasons()) == (202, [45070])

    def test_the_same_sop_instance_uid_elsewhere_is_another_instance(self, shared_emulator: Emulator) -> None:
        """Store §9."""
        first = shared_emulator.store(an_instance())

        assert shared_emulator.store_response(an_instance(SOPInstanceUID=first.SOPInstanceUID)).status == 200

    def test_a_uid_that_differs_by_trailing_spaces_is_the_same(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §9."""
        dataset = shared_emulator.store(an_instance())
        padded = f"{dataset.SOPInstanceUID}  ".encode()

        answer = shared_emulator.store_response(_again(dataset, raw={0x00080018: ("UI", padded)}))

        assert answer.failure_reasons() == [45070]

    def test_after_a_delete_it_can_be_stored_again(self, shared_emulator: Emulator) -> None:
        """Store §9: at once."""
        dataset = shared_emulator.store(an_instance())
        assert shared_emulator.delete(instance_path(dataset)).status == 204

        assert shared_emulator.store_response(dataset).status == 200

    def test_put_replaces_what_exists(self, shared_emulator: Emulator) -> None:
        """Conformance statement v2, Upsert; store §9: 200, new data everywhere, a new version."""
        first = shared_emulator.store(an_instance(PatientName="First"))
        before = shared_emulator.get(instance_path(first) + "/metadata").headers["ETag"]
        second = _again(first, PatientName="Second")

        answer = shared_emulator.store_response(second, method="PUT")

        assert answer.status == 200
        assert shared_emulator.retrieve(first) == part10(second)
        after = shared_emulator.get(instance_path(first) + "/metadata")
        assert after.json()[0]["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Second"}]}
        assert int(after.headers["ETag"]) > int(before)
        (study,) = shared_emulator.search_studies(StudyInstanceUID=str(first.StudyInstanceUID))
        assert study["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Second"}]}

    def test_put_creates_what_does_not_exist(self, shared_emulator: Emulator) -> None:
        """Store §9."""
        dataset = an_instance()

        assert shared_emulator.store_response(dataset, method="PUT").status == 200
        assert shared_emulator.retrieve(dataset) == part10(dataset)

    def test_put_into_another_study_is_refused(self, shared_emulator: Emulator) -> None:
        """Store §1."""
        answer = shared_emulator.store_response(an_instance(), method="PUT", study="1.2.3")

        assert (answer.status, comments(answer, "00081198")) == (409, [MISMATCH])


class TestPreamble:
    """Store §5."""

    PREAMBLE = bytes(range(128))

    @pytest.mark.parametrize("quirk", ["zero-at-store", "zero-at-retrieve"])
    def test_it_comes_back_as_zeros(self, emulator_with: Callable[..., Emulator], quirk: str) -> None:
        """Conformance statement v2; quirk `store.preamble`. All other bytes are kept."""
        emulator = emulator_with(quirks={"store.preamble": quirk})
        dataset = an_instance()
        emulator.store_response(part10(dataset, preamble=self.PREAMBLE))

        assert emulator.retrieve(dataset) == part10(dataset, preamble=bytes(128))

    def test_it_can_be_kept(self, emulator_with: Callable[..., Emulator]) -> None:
        """Service source; quirk `store.preamble`."""
        emulator = emulator_with(quirks={"store.preamble": "keep"})
        dataset = an_instance()
        emulator.store_response(part10(dataset, preamble=self.PREAMBLE))

        assert emulator.retrieve(dataset) == part10(dataset, preamble=self.PREAMBLE)

    def test_it_is_zeroed_in_a_large_file_too(self, emulator_with: Callable[..., Emulator]) -> None:
        """A body that is spooled to disk takes another way."""
        emulator = emulator_with(spool_memory_bytes=1000)
        dataset = an_instance(rows=100, columns=100)
        emulator.store_response(part10(dataset, preamble=self.PREAMBLE))

        assert emulator.retrieve(dataset) == part10(dataset)


class TestExpiry:
    """async-and-events §5."""

    HOUR = {"msdicom-expiry-time-milliseconds": "3600000"}

    @staticmethod
    def sweep(emulator: Emulator) -> int:
        answer = emulator.request("POST", "/_azdicom/expire")
        assert answer.status == 200
        deleted: int = answer.json()["studiesDeleted"]
        return deleted

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_a_study_is_deleted_when_it_is_due(self, emulator: Emulator, method: str) -> None:
        """Conformance statement v2, Store with expiry: gone from retrieve, search; a Delete in the change feed."""
        headers = {
            "msdicom-expiry-time-milliseconds": "1",
            "msdicom-expiry-option": "RelativeToNow",
            "msdicom-expiry-level": "Study",
        }
        dataset = an_instance()
        assert emulator.store_response(dataset, method=method, headers=headers).status == 200

        assert self.sweep(emulator) == 1

        assert emulator.get(study_path(dataset) + "/metadata").status == 404
        assert emulator.search_studies() == []
        assert [change["action"] for change in emulator.changes()] == ["Create", "Delete"]

    def test_a_study_that_is_not_due_stays(self, emulator: Emulator) -> None:
        """The time counts from the request."""
        dataset = an_instance()
        emulator.store_response(dataset, headers=self.HOUR)

        assert self.sweep(emulator) == 0
        assert emulator.retrieve(dataset)

    def test_a_time_beyond_all_dates_is_never_due(self, emulator: Emulator) -> None:
        """async-and-events §5: any whole number above 0; Python alone refuses to convert thousands of digits."""
        dataset = an_instance()
        emulator.store_response(dataset, headers={"msdicom-expiry-time-milliseconds": "9" * 5000})

        assert self.sweep(emulator) == 0
        assert emulator.retrieve(dataset)

    def test_the_last_store_request_decides(self, emulator: Emulator) -> None:
        """A store without the headers cancels an earlier expiry."""
        dataset = an_instance()
        emulator.store_response(dataset, headers={"msdicom-expiry-time-milliseconds": "1"})
        emulator.store_response(another_in_series(dataset))

        assert self.sweep(emulator) == 0

    def test_the_sweeper_runs_by_itself(self, emulator_with: Callable[..., Emulator]) -> None:
        """Setting `expiry_interval_s`."""
        from tests.support.waiting import eventually

        emulator = emulator_with(expiry_interval_s=0.05)
        dataset = an_instance()
        emulator.store_response(dataset, headers={"msdicom-expiry-time-milliseconds": "1"})

        eventually(lambda: emulator.get(study_path(dataset) + "/metadata").status == 404)

    @pytest.mark.parametrize(
        "headers",
        [
            {"msdicom-expiry-time-milliseconds": "0"},
            {"msdicom-expiry-time-milliseconds": "-5"},
            {"msdicom-expiry-time-milliseconds": "soon"},
            {**HOUR, "msdicom-expiry-option": "Absolute"},
            {**HOUR, "msdicom-expiry-level": "Series"},
            {"msdicom-expiry-option": "RelativeToNow"},
        ],
        ids=["zero", "negative", "word", "option", "level", "no time"],
    )
    def test_bad_headers_are_refused_and_nothing_is_stored(self, emulator: Emulator, headers: dict[str, str]) -> None:
        """Undocumented; the emulator says what is wrong."""
        answer = emulator.store_response(an_instance(), headers=headers)

        assert answer.status == 400
        assert "msdicom-expiry" in answer.text
        assert emulator.search_studies() == []


def _again(dataset: Dataset, **attributes: Any) -> Dataset:
    """Another data set with the identifiers of `dataset`."""
    identifiers = {
        "StudyInstanceUID": dataset.StudyInstanceUID,
        "SeriesInstanceUID": dataset.SeriesInstanceUID,
        "SOPInstanceUID": dataset.SOPInstanceUID,
    }
    return an_instance(**identifiers | attributes)
