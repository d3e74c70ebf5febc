"""WADO-RS over HTTP, rule by rule: what the tests of each resource do not already say."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.support.client import DICOM, DICOM_JSON, MULTIPART_DICOM, STORED, Emulator
from tests.support.instances import (
    an_instance,
    another_in_series,
    instance_path,
    part10,
    read,
    series_path,
    study_path,
)

OCTETS = "application/octet-stream"
MULTIPART_OCTETS = f'multipart/related; type="{OCTETS}"'
JP2 = 'multipart/related; type="image/jp2"'
NOT_ACCEPTABLE = "The request headers are not acceptable"
SERVICE_CLASS_UID = "1.3.6.1.4.1.311.129"


class TestResources:
    """Retrieve §1."""

    @pytest.mark.parametrize(
        "resource",
        [
            "/rendered",
            "/series/1.3/rendered",
            "/thumbnail",
            "/bulkdata",
            "/pixeldata",
            "/series/1.3/instances/1.4/thumbnail",
            "/series/1.3/instances/1.4/pixeldata",
            "/series/1.3/instances/1.4/frames",
        ],
    )
    def test_what_the_service_does_not_have_is_404_without_a_body(
        self, shared_emulator: Emulator, resource: str
    ) -> None:
        """Service source: no such routes."""
        answer = shared_emulator.get(f"/studies/1.2{resource}", accept="*/*")

        assert (answer.status, answer.content) == (404, b"")

    @pytest.mark.parametrize("resource", ["", "/metadata", "/frames/1", "/rendered"])
    def test_query_parameters_are_ignored_except_angle_brackets(self, shared_emulator: Emulator, resource: str) -> None:
        """Service source."""
        dataset = shared_emulator.store(an_instance())
        path = instance_path(dataset) + resource
        accept = {"/metadata": DICOM_JSON, "/rendered": "image/png"}.get(resource, "*/*")

        assert shared_emulator.get(f"{path}?viewport=1,1&x=y", accept=accept).status == 200
        answer = shared_emulator.get(f"{path}?x=%3Cy", accept=accept)
        assert (answer.status, answer.text) == (400, "The query string included invalid characters.")

    @pytest.mark.parametrize("value", ["true", "True", "false", "x"])
    def test_without_bulk_update_the_original_is_the_latest(self, shared_emulator: Emulator, value: str) -> None:
        """Retrieve §11: for instances that have no original, others as they are."""
        dataset = shared_emulator.store(an_instance())
        headers = {"msdicom-request-original": value}

        for resource, accept in (
            ("", DICOM + STORED),
            ("/metadata", DICOM_JSON),
            ("/frames/1", OCTETS),
            ("/rendered", "image/png"),
        ):
            path = instance_path(dataset) + resource
            plain = shared_emulator.get(path, accept=accept)
            answer = shared_emulator.get(path, accept=accept, headers=headers)
            assert (answer.status, answer.content, answer.headers["ETag"]) == (
                200,
                plain.content,
                plain.headers["ETag"],
            )


class TestOrderOfChecks:
    """Retrieve §2."""

    def test_quality_comes_before_accept_and_accept_before_the_look_up(self, shared_emulator: Emulator) -> None:
        """Retrieve §2 steps 5 and 7."""
        path = "/studies/1.2/series/1.3/instances/1.4/rendered"

        assert shared_emulator.get(f"{path}?quality=0", accept="text/html").status == 400
        assert shared_emulator.get(path, accept="text/html").status == 406
        assert shared_emulator.get(path, accept="image/png").status == 404

    def test_a_bad_frame_list_comes_before_a_bad_uid(self, shared_emulator: Emulator) -> None:
        """Retrieve §2 step 1 before step 4."""
        answer = shared_emulator.get("/studies/x/series/1.3/instances/1.4/frames/a", accept="*/*")

        assert "'frames' is invalid" in answer.text

    def test_too_many_frames_for_a_single_part_come_before_the_look_up(self, shared_emulator: Emulator) -> None:
        """Retrieve §2 step 6 before step 7."""
        assert shared_emulator.get("/studies/1.2/series/1.3/instances/1.4/frames/1,2", accept=OCTETS).status == 400

    def test_an_unknown_study_comes_before_several_instances(self, shared_emulator: Emulator) -> None:
        """Retrieve §2 step 7 before step 8."""
        assert shared_emulator.get("/studies/1.2.77", accept=MULTIPART_DICOM).status == 404


class TestAccept:
    """Retrieve §4.4, over HTTP: the rows that are refused."""

    @pytest.mark.parametrize(
        "accept",
        [
            DICOM,
            DICOM + STORED,
            MULTIPART_OCTETS,
            "multipart/related",
            f"{MULTIPART_DICOM}; transfer-syntax=1.2.840.10008.1.2.4.100",
            f"{MULTIPART_DICOM}; transfer-syntax={ImplicitVRLittleEndian}",
            "application/*",
        ],
    )
    @pytest.mark.parametrize("path_of", [study_path, series_path], ids=["study", "series"])
    def test_study_and_series(self, shared_emulator: Emulator, path_of: Callable[[Dataset], str], accept: str) -> None:
        """Service end-to-end tests; retrieve §4.4."""
        dataset = shared_emulator.store(an_instance())

        answer = shared_emulator.get(path_of(dataset), accept=accept)

        assert (answer.status, answer.text) == (406, NOT_ACCEPTABLE)
        assert answer.content_type == "text/plain; charset=utf-8"
        assert answer.headers["azdicom-hint"]

    @pytest.mark.parametrize(
        "accept",
        [
            f"{JP2}{STORED}",
            f"{MULTIPART_OCTETS}; transfer-syntax={JPEG2000Lossless}",
            f"{OCTETS}; transfer-syntax={JPEG2000Lossless}",
            "image/jp2",
            "image/jpeg",
            'multipart/related; type="image/jpeg"',
            'multipart/related; type="image/jls"',
            'multipart/related; type="image/dicom-rle"',
            'multipart/related; type="video/mp4"',
            DICOM,
            MULTIPART_DICOM,
            None,
        ],
    )
    def test_frames(self, shared_emulator: Emulator, accept: str | None) -> None:
        """Service source and end-to-end tests; retrieve §4.4."""
        dataset = shared_emulator.store(an_instance())

        answer = shared_emulator.get(instance_path(dataset) + "/frames/1", accept=accept)

        assert (answer.status, answer.text) == (406, NOT_ACCEPTABLE)

    def test_the_media_type_is_echoed_as_the_client_spelled_it(self, shared_emulator: Emulator) -> None:
        """Service source; retrieve §4.3 step 6."""
        dataset = shared_emulator.store(an_instance())

        answer = shared_emulator.get(instance_path(dataset), accept="Application/DICOM; Transfer-Syntax=*")

        assert answer.content_type == f"Application/DICOM; transfer-syntax={ExplicitVRLittleEndian}"

    def test_several_lines_are_one_list(self, shared_emulator: Emulator) -> None:
        """Retrieve §4.1: each line is read by itself; what does not parse is skipped."""
        dataset = shared_emulator.store(an_instance(transfer_syntax=RLELossless))

        answer = shared_emulator.get(
            instance_path(dataset), accept="text/html;;, nonsense", headers={"accept": DICOM + STORED}
        )

        assert answer.content == part10(dataset)


class TestBytes:
    """Retrieve §6."""

    def test_a_transcoded_file_says_who_wrote_it(self, shared_emulator: Emulator) -> None:
        """Retrieve §6.3: the service's implementation class; the data set is the same but for its pixels."""
        dataset = shared_emulator.store(an_instance(transfer_syntax=RLELossless, private=[(0x11, "C", 1, "LO", "x")]))

        content = read(shared_emulator.get(instance_path(dataset), accept=DICOM).content)

        assert content.file_meta.ImplementationClassUID == SERVICE_CLASS_UID
        original = read(part10(dataset))
        del original.PixelData, content.PixelData
        assert content == original

    def test_headers_of_the_answer(self, shared_emulator: Emulator) -> None:
        """Retrieve §13: what is there and what is not."""
        dataset = shared_emulator.store(an_instance())
        for resource, accept in (
            ("", "*/*"),
            ("/frames/1", "*/*"),
            ("/rendered", "image/png"),
            ("/metadata", DICOM_JSON),
        ):
            answer = shared_emulator.get(instance_path(dataset) + resource, accept=accept)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["api-supported-versions"]
            assert (answer.headers["Warning"], answer.headers["Content-Location"]) == (None, None)
            assert (answer.headers["ETag"] is not None) is (resource == "/metadata")

    def test_version_1_is_the_same(self, shared_emulator: Emulator) -> None:
        """Retrieve, scope: single frames as well."""
        dataset = shared_emulator.store(an_instance(frames=2))
        for resource, accept in (
            ("", DICOM),
            ("/frames/2", OCTETS),
            ("/rendered", "image/png"),
            ("/metadata", DICOM_JSON),
        ):
            path = instance_path(dataset) + resource
            assert (
                shared_emulator.v1.get(path, accept=accept).content == shared_emulator.get(path, accept=accept).content
            )


class TestFrames:
    """Retrieve §7: how pixel data is cut into frames."""

    FRAGMENTS = [bytes([number]) * 10 for number in range(1, 7)]

    def compressed(
        self, emulator: Emulator, frames: int, *, offsets: list[int] | None, extended: bool = False
    ) -> Dataset:
        """A stored image of six fragments. offsets: where frames begin, counted in fragments; None: no table."""
        dataset = an_instance(frames=frames, transfer_syntax=RLELossless)
        starts = [18 * first for first in offsets or []]
        table = struct.pack(f"<{len(starts)}I", *starts) if not extended else b""
        items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in (table, *self.FRAGMENTS))
        dataset.PixelData = items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        if extended:
            dataset.ExtendedOffsetTable = struct.pack(f"<{len(starts)}Q", *starts)
            dataset.ExtendedOffsetTableLengths = struct.pack(f"<{len(starts)}Q", *(20 for _ in starts))
        return emulator.store(dataset)

    def stored_frame(self, emulator: Emulator, dataset: Dataset, frame_number: int) -> bytes:
        answer = emulator.get(f"{instance_path(dataset)}/frames/{frame_number}", accept=OCTETS + STORED)
        assert answer.status == 200, answer.text
        return answer.content

    @pytest.mark.parametrize("offsets", [None, [0, 1, 2, 3, 4, 5], [0, 3]], ids=["none", "right", "wrong"])
    def test_as_many_fragments_as_frames_are_the_frames(
        self, shared_emulator: Emulator, offsets: list[int] | None
    ) -> None:
        """Service end-to-end tests with pathology samples: the offset table is not looked at."""
        dataset = self.compressed(shared_emulator, 6, offsets=offsets)

        for number in (1, 3, 6):
            assert self.stored_frame(shared_emulator, dataset, number) == self.FRAGMENTS[number - 1]

    @pytest.mark.parametrize("offsets", [None, [0]], ids=["without table", "with table"])
    def test_one_frame_is_all_fragments_joined(self, shared_emulator: Emulator, offsets: list[int] | None) -> None:
        """Service source."""
        dataset = self.compressed(shared_emulator, 1, offsets=offsets)

        assert self.stored_frame(shared_emulator, dataset, 1) == b"".join(self.FRAGMENTS)

    @pytest.mark.parametrize("extended", [False, True], ids=["basic", "extended"])
    def test_frames_of_several_fragments_go_by_the_offset_table(
        self, shared_emulator: Emulator, extended: bool
    ) -> None:
        """PS3.5 §A.4; PS3.3 §C.7.6.3.1.8 for the extended table."""
        dataset = self.compressed(shared_emulator, 3, offsets=[0, 2, 5], extended=extended)

        assert self.stored_frame(shared_emulator, dataset, 2) == b"".join(self.FRAGMENTS[2:5])
        assert self.stored_frame(shared_emulator, dataset, 3) == self.FRAGMENTS[5]

    def test_frames_of_several_fragments_without_a_table_are_not_found(self, shared_emulator: Emulator) -> None:
        """Retrieve §7: there is no defined answer."""
        dataset = self.compressed(shared_emulator, 3, offsets=None)

        answer = shared_emulator.get(f"{instance_path(dataset)}/frames/1", accept=OCTETS + STORED)

        assert (answer.status, answer.text) == (404, "The specified frame cannot be found.")

    def test_the_padding_byte_of_an_odd_fragment_is_kept(self, shared_emulator: Emulator) -> None:
        """Retrieve §7."""
        dataset = an_instance(transfer_syntax=RLELossless)
        dataset.PixelData = encapsulate([b"odd"])
        shared_emulator.store(dataset)

        assert self.stored_frame(shared_emulator, dataset, 1) == b"odd\0"

    @pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
    def test_pixels_that_are_not_described_have_no_frames(self, shared_emulator: Emulator, keyword: str) -> None:
        """Service unit tests: Rows, Columns, BitsAllocated and PixelData must all be present."""
        dataset = shared_emulator.store(an_instance(**{keyword: None}))

        answer = shared_emulator.get(f"{instance_path(dataset)}/frames/1", accept="*/*")

        assert (answer.status, answer.text) == (404, "The specified frame cannot be found.")

    def test_single_bit_frames_begin_inside_bytes(self, shared_emulator: Emulator) -> None:
        """PS3.5 §8.1.1: frames of 5 × 5 bits; each is sent from its own first byte on."""
        bits = np.arange(75) % 3 == 0
        dataset = an_instance(
            frames=3, rows=5, columns=5, BitsAllocated=1, BitsStored=1, HighBit=0, has_pixel_data=False
        )
        dataset.add_new("PixelData", "OB", np.packbits(bits, bitorder="little").tobytes())
        shared_emulator.store(dataset)

        parts = shared_emulator.get(f"{instance_path(dataset)}/frames/1,2,3", accept="*/*").parts()

        for number, part in enumerate(parts):
            found = np.unpackbits(np.frombuffer(part.content, "u1"), bitorder="little")[:25]
            assert (found == bits[number * 25 : number * 25 + 25]).all()

    @pytest.mark.parametrize("frames", ["1%2C2", "%201%20,%202%20", "+1,2"])
    def test_the_list_may_be_escaped_and_spaced(self, shared_emulator: Emulator, frames: str) -> None:
        """Service end-to-end tests."""
        dataset = shared_emulator.store(an_instance(frames=2))

        assert len(shared_emulator.get(f"{instance_path(dataset)}/frames/{frames}", accept="*/*").parts()) == 2


class TestMetadata:
    """Retrieve §8."""

    def test_an_etag_matches_in_any_case_and_a_store_after_delete_has_another(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; retrieve §8.4: a new watermark for every re-store."""
        dataset = shared_emulator.store(an_instance())
        path = instance_path(dataset) + "/metadata"
        before = shared_emulator.get(path).headers["ETag"]
        shared_emulator.delete(instance_path(dataset))
        shared_emulator.store(dataset)

        after = shared_emulator.get(path, headers={"If-None-Match": before})

        assert after.status == 200
        assert int(after.headers["ETag"]) > int(before)

    @pytest.mark.parametrize("resource", ["", "/frames/1", "/rendered"])
    def test_other_resources_ignore_if_none_match(self, shared_emulator: Emulator, resource: str) -> None:
        """Retrieve §8.4."""
        dataset = shared_emulator.store(an_instance())
        etag = shared_emulator.get(instance_path(dataset) + "/metadata").headers["ETag"]
        accept = "image/png" if resource == "/rendered" else "*/*"

        answer = shared_emulator.get(instance_path(dataset) + resource, accept=accept, headers={"If-None-Match": etag})

        assert answer.status == 200

    def test_numbers_and_empty_values_over_http(self, shared_emulator: Emulator) -> None:
        """PS3.18 F.2; retrieve §8.3: one attribute of each kind, as the service writes it."""
        dataset = an_instance(
            AccessionNumber="",
            PixelSpacing=["0.50", "+1.5"],
            InstanceNumber=" 7 ",
            ImageComments="",
            OtherPatientNames=["A^B=C", ""],
            FrameIncrementPointer=0x00181063,
        )
        shared_emulator.store(dataset)

        (found,) = shared_emulator.metadata(instance_path(dataset))

        assert found["00080050"] == {"vr": "SH"}
        assert found["00280030"] == {"vr": "DS", "Value": [0.5, 1.5]}
        assert found["00200013"] == {"vr": "IS", "Value": [7]}
        assert found["00204000"] == {"vr": "LT", "Value": [None]}
        assert found["00101001"] == {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "C"}, None]}
        assert found["00280009"] == {"vr": "AT", "Value": ["00181063"]}
        assert found["00280010"] == {"vr": "US", "Value": [32]}
        assert list(found) == sorted(found)


class TestTranscoding:
    """Retrieve §9."""

    @pytest.mark.parametrize(
        "syntax",
        [
            ImplicitVRLittleEndian,
            ExplicitVRLittleEndian,
            ExplicitVRBigEndian,
            DeflatedExplicitVRLittleEndian,
            RLELossless,
            JPEG2000Lossless,
            JPEGLSLossless,
        ],
        ids=lambda uid: uid.name,
    )
    @pytest.mark.parametrize("samples", [1, 3], ids=["grey", "colour"])
    @pytest.mark.parametrize("target", [ExplicitVRLittleEndian, JPEG2000Lossless], ids=["native", "JPEG 2000"])
    def test_lossless_sources_keep_their_pixels(
        self, shared_emulator: Emulator, syntax: str, samples: int, target: str
    ) -> None:
        """Conformance statement v2, Retrieve, transfer syntaxes: 16-bit grey and 8-bit colour, several frames."""
        dataset = an_instance(transfer_syntax=syntax, samples=samples, frames=2, rows=40, columns=48)
        shared_emulator.store_response(dataset)
        pixels = read(part10(dataset)).pixel_array

        content = shared_emulator.get(instance_path(dataset), accept=f"{DICOM}; transfer-syntax={target}").content

        assert read(content).file_meta.TransferSyntaxUID == target
        assert (read(content).pixel_array == pixels).all()

    def test_a_file_without_pixels_is_only_rewritten(self, shared_emulator: Emulator) -> None:
        """Retrieve §9: always works."""
        dataset = an_instance(has_pixel_data=False, transfer_syntax=ExplicitVRBigEndian)
        shared_emulator.store(dataset)

        for target in (ExplicitVRLittleEndian, JPEG2000Lossless):
            answer = shared_emulator.get(instance_path(dataset), accept=f"{DICOM}; transfer-syntax={target}")
            content = read(answer.content)
            assert content.file_meta.TransferSyntaxUID == target
            assert content.PatientName == dataset.PatientName


class TestRendered:
    """Retrieve §10."""

    @pytest.mark.parametrize("quality", ["1_0", "٣", "", "99999999999", "1.0"])
    def test_quality_is_ascii_digits_of_32_bits(self, shared_emulator: Emulator, quality: str) -> None:
        """Service framework: Int32."""
        answer = shared_emulator.get(
            "/studies/1.2/series/1.3/instances/1.4/rendered", accept=None, query={"quality": quality}
        )

        assert answer.status == 400

    @pytest.mark.parametrize("frame", ["x", "1-2", "1,2", "0", "-1"])
    def test_one_frame_can_be_rendered(self, shared_emulator: Emulator, frame: str) -> None:
        """Retrieve §10: one number, at least 1."""
        dataset = shared_emulator.store(an_instance(frames=2))

        assert shared_emulator.get(f"{instance_path(dataset)}/frames/{frame}/rendered", accept=None).status == 400

    def test_a_second_instance_does_not_matter(self, shared_emulator: Emulator) -> None:
        """Retrieve §10: rendered resources are of one instance."""
        first = shared_emulator.store(an_instance())
        shared_emulator.store(another_in_series(first))

        assert shared_emulator.get(f"{instance_path(first)}/rendered", accept="image/png").status == 200
