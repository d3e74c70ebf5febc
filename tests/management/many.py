"""A data folder with many instances, made through the index: a server would take a minute to store them."""

import asyncio
from pathlib import Path

from azdicom_emulator.dicom.ingest import Accepted, read_instance
from azdicom_emulator.storage.claims import Claim
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.records import (
    DEFAULT_PARTITION,
    InstanceKey,
    NewInstance,
    SeriesAttributes,
    StoredInstance,
    StudyAttributes,
)
from tests.support.instances import an_instance, part10

ROOT = "1.2.826.0.1.3680043.8.498"
COMMITTED_TOGETHER = 500
AGES = 100
SYNTAX = "1.2.840.10008.1.2.1"
CONTENT = b"\0" * 128 + b"DICM"


def make_studies(folder: Path, count: int, *, bad_every: int) -> None:
    """Studies of one instance each, `PatientAge` from 000Y to 099Y in turn; of every `bad_every`-th it is `bad`."""
    asyncio.run(_make(folder, count, bad_every))


def study_uid(number: int) -> str:
    return f"{ROOT}.{number}"


async def _make(folder: Path, count: int, bad_every: int) -> None:
    dataset = an_instance(
        StudyInstanceUID="0.1", SeriesInstanceUID="0.2", SOPInstanceUID="0.3", PatientAge="@AGE", has_pixel_data=False
    )
    read = read_instance(part10(dataset), api_version=1, study=None)
    assert isinstance(read, Accepted)
    index = Index.open(folder)
    try:
        for start in range(0, count, COMMITTED_TOGETHER):
            numbers = range(start, min(count, start + COMMITTED_TOGETHER))
            await index.commit(*[_written(index, number, read.metadata, bad_every) for number in numbers])
            await index.read(lambda cursor: cursor.execute("SELECT 1"))  # so that the journal does not grow
    finally:
        await index.close()


def _written(index: Index, number: int, template: bytes, bad_every: int) -> tuple[Claim, NewInstance]:
    study = study_uid(number)
    key = InstanceKey(DEFAULT_PARTITION, study, f"{study}.1", f"{study}.1.1")
    age = "bad" if number % bad_every == 0 else f"{number % AGES:03d}Y"
    metadata = template.replace(b"@AGE", age.encode())
    for placeholder, uid in (("0.1", key.study), ("0.2", key.series), ("0.3", key.instance)):
        metadata = metadata.replace(f'"{placeholder}"'.encode(), f'"{uid}"'.encode())
    claim = index.claim(key)
    index.files.write(key, claim.watermark, CONTENT, metadata)
    return claim, NewInstance(
        stored=StoredInstance(key, claim.watermark, SYNTAX, len(CONTENT)),
        study=StudyAttributes(patient_id=f"P{number}", study_date="20240101"),
        series=SeriesAttributes(modality="CT"),
    )
