"""One change of a file, a frame or an image is one finding."""

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from tests.parity.cases import (
    BREAKING,
    MINOR,
    SPS,
    Case,
    as_implicit,
    as_single_part,
    darker,
    discard,
    drop_item,
    fewer_frames,
    findings,
    flipped,
    ids,
    in_syntax,
    named,
    noise,
    one_off,
    other_frame_order,
    remove_private,
    set_value,
    swap,
)
from tests.parity.mutating import (
    both,
    edit_body,
    edit_file,
    edit_header,
    edit_image,
    edit_part,
    edit_parts,
    edited_file,
    set_body,
    set_header,
)
from tests.parity.twins import Twins

RETRIEVES = (
    Case("lost part", "study", edit_parts(lambda parts: parts[1:]), BREAKING, "part[*]", "extra"),
    Case("single part", "study", as_single_part, BREAKING, "header:Content-Type", "value"),
    Case(
        "media type of a part",
        "study",
        edit_parts(lambda parts: [("Content-Type: application/octet-stream", parts[0][1]), *parts[1:]]),
        BREAKING,
        "part[*]:header:Content-Type",
        "value",
    ),
    Case(
        "parameter of a part",
        "study",
        edit_parts(
            lambda parts: [
                ("Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2", parts[0][1]),
                *parts[1:],
            ]
        ),
        BREAKING,
        "part[*]:header:Content-Type",
        "parameter",
    ),
    Case(
        "attribute of a part",
        "study",
        edit_part(0, lambda content: edited_file(content, set_value("Modality", "MR"))),
        BREAKING,
        "part[*]:dicom:00080060",
        "value",
    ),
    Case(
        "bit of a part",
        "study",
        edit_part(1, lambda content: edited_file(content, flipped)),
        BREAKING,
        "part[*]:frames[*]",
        "pixels",
    ),
    Case("flipped bit", "file", edit_file(flipped), BREAKING, "frames[*]", "pixels"),
    Case(
        "attribute of a file",
        "file",
        edit_file(set_value("PatientName", "Doe^John")),
        BREAKING,
        "dicom:00100010",
        "value",
    ),
    Case("private attribute of a file", "file", edit_file(remove_private), MINOR, "dicom:00111010", "extra"),
    Case("item of a file", "file", edit_file(drop_item), BREAKING, f"dicom:{SPS}[*]", "extra"),
    Case(
        "no pixels",
        "file",
        edit_file(lambda data_set: discard(data_set.pop("PixelData"))),
        BREAKING,
        "dicom:7FE00010",
        "extra",
    ),
    Case("file encoded otherwise", "file", edit_body(as_implicit), BREAKING, "dicom:00020010", "value"),
    Case("file compressed", "file", edit_file(in_syntax(RLELossless)), BREAKING, "dicom:00020010", "value"),
    Case(
        "file decompressed", "packed", edit_file(in_syntax(ExplicitVRLittleEndian)), BREAKING, "dicom:00020010", "value"
    ),
    Case(
        "wavelet decompressed",
        "wavelet",
        edit_file(in_syntax(ExplicitVRLittleEndian)),
        BREAKING,
        "dicom:00020010",
        "value",
    ),
    Case(
        "wrong name of the transfer syntax",
        "file",
        edit_body(named("1.2.840.10008.1.2")),
        BREAKING,
        "dicom:00020010",
        "value",
    ),
    Case(
        "transfer syntax told twice",
        "file",
        both(
            edit_body(as_implicit),
            edit_header("Content-Type", lambda value: value.replace("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")),
        ),
        BREAKING,
        "dicom:00020010",
        "value",
    ),
    Case(
        "media storage UID",
        "file",
        edit_body(lambda body: body.replace(b"5.1.4.1.1.2", b"5.1.4.1.1.4", 1)),
        BREAKING,
        "dicom:00020002",
        "value",
    ),
    Case("lost frame of a file", "movie", edit_file(fewer_frames), BREAKING, "frames[*]", "extra"),
    Case("other order of frames of a file", "movie", edit_file(other_frame_order), BREAKING, "frames", "order"),
    Case("no DICOM", "file", set_body(b"x" * 2000), BREAKING, "body", "value"),
    Case("lost frame", "frames", edit_parts(lambda parts: parts[1:]), BREAKING, "frames[*]", "extra"),
    Case("other order of frames", "frames", edit_parts(swap), BREAKING, "frames", "order"),
    Case(
        "bit of a frame",
        "frames",
        edit_part(1, lambda content: content[:8] + bytes([content[8] ^ 1]) + content[9:]),
        BREAKING,
        "frames[*]",
        "pixels",
    ),
    Case(
        "byte of a compressed frame",
        "wavelet-frame",
        edit_part(0, lambda content: content[:-9] + bytes([content[-9] ^ 255]) + content[-8:]),
        BREAKING,
        "frames[*]",
        "pixels",
    ),
)
IMAGES = (
    Case("close image", "rendered", edit_image(noise, "JPEG", quality=100), MINOR, "image", "close"),
    Case("other window", "rendered", edit_image(darker, "JPEG"), BREAKING, "image", "pixels"),
    Case("other size", "rendered", edit_image(lambda samples: samples[:-1], "JPEG"), BREAKING, "image", "size"),
    Case(
        "other bands",
        "rendered",
        edit_image(lambda samples: np.stack([samples] * 3, axis=-1), "JPEG"),
        BREAKING,
        "image",
        "bands",
    ),
    Case(
        "PNG for JPEG",
        "rendered",
        both(edit_image(lambda samples: samples, "PNG"), set_header("Content-Type", "image/png")),
        BREAKING,
        "header:Content-Type",
        "value",
    ),
    Case(
        "one sample of a PNG",
        "png",
        edit_image(one_off, "PNG"),
        BREAKING,
        "image",
        "pixels",
    ),
    Case("broken image", "rendered", set_body(b"no image"), BREAKING, "image", "value"),
)
CASES = (*RETRIEVES, *IMAGES)


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_one_change_is_one_finding(pair: Twins, case: Case) -> None:
    """Record-replay §10.2 and §16, check 10: each mutation is reported with exactly one fingerprint."""
    compared = pair.ask(case.request(), case.mutation, learns=False)
    assert (findings(compared), compared.verdict) == (case.findings, case.verdict)
