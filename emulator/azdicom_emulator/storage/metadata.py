"""The metadata of stored instances: the DICOM JSON beside the file, made again from the file when it went missing."""

import mmap
from collections.abc import Sequence

from azdicom_emulator.dicom.ingest import Accepted, read_instance
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.records import StoredInstance

LENIENT_VERSION = 2
"""Only version 2 stores attributes that fail validation, and it leaves them out; for the others it changes nothing."""


def read_metadata(files: FileStore, instances: Sequence[StoredInstance]) -> list[bytes]:
    """One DICOM JSON object for each of `instances`. Blocking. Raises FileNotFoundError: the instance is gone."""
    return [_read(files, instance) for instance in instances]


def _read(files: FileStore, instance: StoredInstance) -> bytes:
    paths = files.paths(instance.key, instance.watermark)
    try:
        return paths.metadata.read_bytes()
    except FileNotFoundError:
        with paths.dicom.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            report = read_instance(source, api_version=LENIENT_VERSION, study=None)
        if not isinstance(report, Accepted):
            raise
        files.write_metadata(instance.key, instance.watermark, report.metadata)
        return report.metadata
