"""The columns in which the index has the current version of an instance, and the value made of them."""

from azdicom_emulator.storage.records import InstanceKey, OriginalVersion, StoredInstance

VERSION_COLUMNS = "watermark, transfer_syntax_uid, size_bytes, original_watermark, original_size_bytes"


def stored_instance(
    key: InstanceKey,
    watermark: int,
    transfer_syntax_uid: str,
    size_bytes: int,
    original_watermark: int | None,
    original_size_bytes: int | None,
) -> StoredInstance:
    """Takes what VERSION_COLUMNS selects."""
    original = None
    if original_watermark is not None and original_size_bytes is not None:
        original = OriginalVersion(original_watermark, original_size_bytes)
    return StoredInstance(key, watermark, transfer_syntax_uid, size_bytes, original)
