"""What storage refuses.

StorageError
├─ DataFolderInUseError       another process has the folder
├─ DataFolderNotWritableError
├─ IndexNewerError            made by a newer version of this software
├─ IndexUnreadableError       damaged; can be made again from the files
├─ InstanceExistsError        store §10, reason 45070
├─ InstancePendingError       store §10, reason 45071
├─ UnknownPartitionError
└─ OverloadedError            a queue is full: try again later
"""

from pathlib import Path

from azdicom_emulator.storage.records import InstanceKey, StoredInstance


class StorageError(Exception):
    """Everything that storage refuses by design; a failure of the disk stays an OSError."""


class DataFolderInUseError(StorageError):
    def __init__(self, folder: Path) -> None:
        super().__init__(f"The data folder {folder} is in use by another process. Stop it, or choose another folder.")
        self.folder = folder


class DataFolderNotWritableError(StorageError):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"The data folder {folder} cannot be written: {reason}.")
        self.folder = folder


class IndexNewerError(StorageError):
    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"The index has schema version {found}; this software knows versions up to {known}. "
            "Use the newer software, or another data folder."
        )


class IndexUnreadableError(StorageError):
    def __init__(self, database: Path, reason: str) -> None:
        super().__init__(
            f"The index {database} cannot be opened: {reason}. `azdicom reindex` makes it again from the DICOM files."
        )


class InstanceExistsError(StorageError):
    def __init__(self, stored: StoredInstance) -> None:
        super().__init__(f"instance {stored.key.instance} exists")
        self.stored = stored


class InstancePendingError(StorageError):
    def __init__(self, key: InstanceKey) -> None:
        super().__init__(f"instance {key.instance} is being stored")
        self.key = key


class UnknownPartitionError(StorageError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no partition {name}")


class OverloadedError(StorageError):
    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("too much work is waiting for the index")
        self.retry_after_s = retry_after_s
