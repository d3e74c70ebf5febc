"""Writes the new version of an instance that a bulk update makes: DICOM file and metadata (async §2.5)."""

from azdicom_emulator.dicom.json_data_set import DataSet
from azdicom_emulator.dicom.updated_file import write_updated
from azdicom_emulator.dicom.updated_metadata import updated_metadata
from azdicom_emulator.storage.claims import Claim
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.metadata import read_metadata
from azdicom_emulator.storage.records import OriginalVersion, StoredInstance


def write_new_version(files: FileStore, claim: Claim, changes: DataSet) -> StoredInstance:
    """Makes the version after the one that `claim` replaces; the original's files stay, and a mark beside them says so.

    What is written goes when the claim is released without the version having become current. Blocking.
    Raises OSError, MalformedFileError.
    """
    old = claim.replaced
    assert old is not None
    written = files.temporary()
    try:
        with written.open("wb") as sink:
            write_updated(files.paths(old.key, old.watermark).dicom, changes, sink)
            size_bytes = sink.tell()
        metadata = updated_metadata(read_metadata(files, old.key, old.watermark), changes)
        if old.original is None:
            files.mark_original(old.key, old.watermark)
        files.write(old.key, claim.watermark, written, metadata)
    finally:
        written.unlink(missing_ok=True)
    original = old.original or OriginalVersion(old.watermark, old.size_bytes)
    return StoredInstance(old.key, claim.watermark, old.transfer_syntax_uid, size_bytes, original)
