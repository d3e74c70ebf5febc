"""The metadata of stored instances: the DICOM JSON beside the file, made again from the file when it went missing."""

import mmap

from azdicom_emulator.dicom.ingest import Accepted, read_instance
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.records import InstanceKey

LENIENT_VERSION = 2
"""Only version 2 stores attributes that fail validation, and it leaves them out; for the others it changes nothing."""


def read_metadata(files: FileStore, key: InstanceKey, watermark: int) -> bytes:
    """The DICOM JSON object of one version. Blocking. Raises FileNotFoundError: the version is gone."""
    try:
        return files.read_metadata(key, watermark)
    except FileNotFoundError:
        path = files.paths(key, watermark).dicom
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            report = read_instance(source, api_version=LENIENT_VERSION, study=None)
        if not isinstance(report, Accepted):
            raise
        files.write_metadata(key, watermark, report.metadata)
        return report.metadata
