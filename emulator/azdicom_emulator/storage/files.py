"""The files of instances: `dicom/{partition}/{study}/{series}/{instance}/{watermark}.dcm`, and `.json` beside it."""

# ruff: noqa: PTH102, PTH103, PTH105, PTH108, PTH120 (path objects would take longer than the system calls)

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from azdicom_emulator.storage.records import InstanceKey
from azdicom_emulator.storage.tree import ORIGINAL_MARK, instance_folder, remove_empty_folders

# A folder that is about to be used can be removed by the clean-up after a delete, again and again in theory.
_ATTEMPTS = 1_000
# What is longer takes a second read.
_USUAL_METADATA_BYTES = 64 * 1024


class Durability(StrEnum):
    """What an acknowledged store survives: the end of the process, or (`full`) also a power cut."""

    PROCESS = "process"
    FULL = "full"


class InstancePaths(NamedTuple):
    """The two files of one version of an instance."""

    dicom: Path
    metadata: Path


class FileStore:
    """Reads and writes the files of instances. All methods may be called in any thread."""

    def __init__(self, folder: Path, durability: Durability = Durability.PROCESS) -> None:
        self.root = folder / "dicom"
        self._tree = str(self.root)
        self._temporary = folder / "tmp"
        self._numbers = itertools.count(1)
        self.on_removed: Callable[[InstanceKey, int], object] | None = None
        """Called with each version whose files are gone, in the thread that removed them."""
        self._syncs = durability is Durability.FULL

    def prepare(self) -> None:
        """Makes the folders, and removes what a previous process left in `tmp`."""
        self.root.mkdir(exist_ok=True)
        self._temporary.mkdir(exist_ok=True)
        for leftover in self._temporary.iterdir():
            leftover.unlink()

    def temporary(self) -> Path:
        """A path in `{data}/tmp` that nobody else uses; nothing is there yet. `write` moves it into the tree."""
        return self._temporary / f"{os.getpid()}-{next(self._numbers)}"

    def paths(self, key: InstanceKey, watermark: int) -> InstancePaths:
        stem = f"{self._folder(key)}/{watermark}"
        return InstancePaths(Path(f"{stem}.dcm"), Path(f"{stem}.json"))

    def claim_folder(self, key: InstanceKey) -> bool:
        """Makes the folder of an instance. True: it was not there, so that no version of the instance is stored."""
        folder = self._folder(key)
        try:
            _with_folder(os.path.dirname(folder), lambda: os.mkdir(folder))
        except FileExistsError:
            return False
        return True

    def write(self, key: InstanceKey, watermark: int, source: bytes | Path, metadata: bytes) -> None:
        """Puts the files of one version in place: the DICOM file last, by a rename, so that it is whole if it is there.

        source: the bytes of the file, or a file made under `temporary()`, which is moved. Blocking.
        """
        folder = self._folder(key)
        stem = f"{folder}/{watermark}"
        _with_folder(folder, lambda: self._write_new(f"{stem}.json", metadata))
        if isinstance(source, Path):
            if self._syncs:
                _sync(source)
            os.replace(source, f"{stem}.dcm")
        else:
            self._write_new(f"{stem}.part", source)
            os.replace(f"{stem}.part", f"{stem}.dcm")
        if self._syncs:
            self._sync_folders(folder)

    def read_metadata(self, key: InstanceKey, watermark: int) -> bytes:
        """The metadata file of one version. Blocking. Raises FileNotFoundError."""
        descriptor = os.open(f"{self._folder(key)}/{watermark}.json", os.O_RDONLY)
        try:
            content = os.read(descriptor, _USUAL_METADATA_BYTES)
            if len(content) == _USUAL_METADATA_BYTES:
                content += os.read(descriptor, os.fstat(descriptor).st_size)
            return content
        finally:
            os.close(descriptor)

    def write_metadata(self, key: InstanceKey, watermark: int, metadata: bytes) -> None:
        """Puts a metadata file that went missing back beside its DICOM file."""
        stem = f"{self._folder(key)}/{watermark}"
        part = f"{stem}.json.part{next(self._numbers)}"
        self._write_new(part, metadata)
        os.replace(part, f"{stem}.json")

    def mark_original(self, key: InstanceKey, watermark: int) -> None:
        """Says beside the files of a version that they stay when a bulk update replaces it: `azdicom reindex` needs it.

        Raises FileNotFoundError: the instance has no folder any more.
        """
        with open(f"{self._folder(key)}/{watermark}{ORIGINAL_MARK}", "wb") as file:
            if self._syncs:
                os.fsync(file.fileno())

    def remove(self, key: InstanceKey, watermark: int) -> None:
        """Removes the files of one version, then the folders that are empty. Missing files are no error."""
        folder = self._folder(key)
        for suffix in (".dcm", ".json", ".part", ORIGINAL_MARK):
            with suppress(FileNotFoundError):
                os.unlink(f"{folder}/{watermark}{suffix}")
        remove_empty_folders(Path(folder), below=self.root)
        if self.on_removed is not None:
            self.on_removed(key, watermark)

    def _folder(self, key: InstanceKey) -> str:
        return instance_folder(self._tree, key)

    def _write_new(self, path: str, content: bytes) -> None:
        with open(path, "wb", buffering=0) as file:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            if self._syncs:
                os.fsync(file.fileno())

    def _sync_folders(self, folder: str) -> None:
        """Makes the names durable: those in the folder of the instance, and those of the folders up to the root."""
        current = Path(folder)
        while current != self.root.parent:
            _sync(current)
            current = current.parent


def _with_folder(folder: str, action: Callable[[], None]) -> None:
    """Runs `action`, which needs `folder`, making it as often as a clean-up removes it in between."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            action()
        except FileNotFoundError:
            if not attempts_left:
                raise
            # It can also vanish while its parents are made, which makedirs reports in either way.
            with suppress(FileNotFoundError, FileExistsError):
                os.makedirs(folder, exist_ok=True)
        else:
            return


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
