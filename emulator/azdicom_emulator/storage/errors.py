"""What storage refuses.

StorageError
├─ DataFolderInUseError       another process has the folder
├─ DataFolderNotWritableError
├─ IndexNewerError            made by a newer version of this software
├─ IndexUnreadableError       damaged; can be made again from the files
├─ InstanceExistsError        store §10, reason 45070
├─ InstancePendingError       store §10, reason 45071
├─ UnknownPartitionError
├─ PartitionsNeededError      the folder has partitions, the server is to have none
├─ OperationActiveError       one operation of a type at a time
├─ QueryTagsExistError
├─ TooManyQueryTagsError
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


class PartitionsNeededError(StorageError):
    """The service's own message (azure-apis §5)."""

    def __init__(self) -> None:
        super().__init__("Data partitions feature cannot be disabled while existing data has already been partitioned.")


class OperationActiveError(StorageError):
    def __init__(self, operation_id: str) -> None:
        super().__init__(f"operation {operation_id} is not done")
        self.operation_id = operation_id


class QueryTagsExistError(StorageError):
    def __init__(self) -> None:
        super().__init__("a query tag exists")


class TooManyQueryTagsError(StorageError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} extended query tags")
        self.limit = limit


class OverloadedError(StorageError):
    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("too much work is waiting for the index")
        self.retry_after_s = retry_after_s
