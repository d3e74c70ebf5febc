"""Damaged files: cut off anywhere, bytes changed, bytes inserted. A result or NotDicomError, soon."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from azdicom_emulator.dicom.ingest import Accepted, Refused, read_instance
from azdicom_emulator.dicom.parse import NotDicomError, parse
from azdicom_emulator.dicom.reasons import FailureReason
from tests.dicom.samples import sample_files

NAMES = (
    "CT_small.dcm",
    "ExplVR_BigEnd.dcm",
    "MR_small_implicit.dcm",
    "UN_sequence.dcm",
    "chrH32.dcm",
    "eCT_Supplemental.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "nested_priv_SQ.dcm",
    "no_meta_group_length.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
    "vlut_04.dcm",
)
FILES = [path for path in sample_files() if path.name in NAMES]

# Bytes that mean something where lengths, VRs and delimiters are.
DELIMITERS = (b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0")
TELLING = (*DELIMITERS, b"\xff\xff\xff\xff", b"\0\0", b"SQ", b"UN", b"OB", b"UT")


def damaged(content: bytes, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    head = content[:20_000]
    for _ in range(15):
        yield content[: chance.randrange(len(head))]
    for _ in range(40):
        changed = bytearray(head)
        for _ in range(chance.choice((1, 3, 30))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        yield bytes(changed)
    for _ in range(40):
        changed = bytearray(head)
        for _ in range(chance.choice((1, 2, 5))):
            position = chance.randrange(len(changed))
            piece = chance.choice(TELLING)
            changed[position : position + chance.choice((0, len(piece)))] = piece
        yield bytes(changed)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in FILES])
def test_damaged_files_are_read_as_far_as_possible_or_refused(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Store §5: wrong lengths and cut-off files never stop the service; whatever is accepted has valid metadata."""
    for content in damaged(path.read_bytes(), seed=1):
        for api_version in (1, 2):
            report = read_instance(content, api_version=api_version, study=None)
            if isinstance(report, Accepted):
                json.loads(report.metadata)
            else:
                assert isinstance(report, Refused)
                assert report.reason in (FailureReason.VALIDATION, FailureReason.PROCESSING)
    assert not [record for record in caplog.records if record.exc_info]


def test_random_bytes_are_refused_or_read() -> None:
    """Noise, with and without a preamble in front."""
    chance = random.Random(1)
    for _ in range(300):
        noise = chance.randbytes(chance.randrange(2000))
        for content in (noise, bytes(128) + b"DICM" + noise, b"\x08\x00" + noise):
            try:
                parse(content)
            except NotDicomError:
                continue
