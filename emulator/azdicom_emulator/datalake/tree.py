"""The folders of a data lake view: a file for each version in the store, made and removed one at a time."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from azdicom_emulator.datalake.names import file_name, watermark_of
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.records import InstanceKey
from azdicom_emulator.storage.tree import folder_name, versions

log = logging.getLogger(__name__)

HEALTH_CHECK = "healthCheck"


class LakeTree:
    """`{folder}/AHDS/{workspace}/dicom/{service}/{partition}/{name}`. All methods block; any thread may call them."""

    def __init__(self, folder: Path, workspace: str, service: str) -> None:
        self._service = folder / "AHDS" / workspace / "dicom" / service

    def prepare(self) -> None:
        """Raises OSError: the folder cannot be made."""
        (self._service / HEALTH_CHECK).mkdir(parents=True, exist_ok=True)

    def path(self, partition: str, watermark: int) -> Path:
        return self._service / folder_name(partition) / file_name(watermark)

    def add(self, files: FileStore, key: InstanceKey, watermark: int) -> None:
        """A hard link where there can be one, else a symbolic link, else a copy; nothing if the file is gone."""
        source, target = files.paths(key, watermark).dicom, self.path(key.partition, watermark)
        target.parent.mkdir(exist_ok=True)
        for put in (os.link, _symbolic_link, _copy):
            try:
                put(source, target)
            except (FileExistsError, FileNotFoundError):
                return
            except OSError as error:
                log.debug("%s of %s: %s", put.__name__, source, error)
            else:
                return
        raise OSError(f"cannot put a file at {target}")

    def remove(self, key: InstanceKey, watermark: int) -> None:
        """What fails is left to the next rebuild: the store has removed its own file already."""
        with suppress(OSError):
            self.path(key.partition, watermark).unlink()

    def rebuild(self, files: FileStore) -> tuple[int, int]:
        """Adds what is missing and removes what is too much; how many of each. Other files stay."""
        before = set(self._all())
        wanted = set()
        added = 0
        for version in versions(files.root):
            path = self.path(version.key.partition, version.watermark)
            wanted.add(path)
            if path not in before and files.paths(version.key, version.watermark).dicom.exists():
                self.add(files, version.key, version.watermark)
                added += 1
        for path in before - wanted:
            path.unlink(missing_ok=True)
        return added, len(before - wanted)

    def write_health_check(self) -> None:
        """Raises OSError."""
        path = self._service / HEALTH_CHECK / "health.txt"
        part = path.with_suffix(".part")
        part.write_text(f"{datetime.now(UTC).isoformat()}\n")
        part.replace(path)

    def _all(self) -> Iterator[Path]:
        for partition in self._service.iterdir():
            if partition.name != HEALTH_CHECK and partition.is_dir():
                yield from (path for path in partition.iterdir() if watermark_of(path.name) is not None)


def _symbolic_link(source: Path, target: Path) -> None:
    target.symlink_to(source.resolve(strict=True))


def _copy(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    shutil.copyfile(source, part)
    part.replace(target)
