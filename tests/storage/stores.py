"""Stores without HTTP: what the store transaction does with the index, in as few words as a test needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as with_changes
from datetime import datetime
from pathlib import Path
from typing import Any

from azdicom_emulator.storage.claims import Claim
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.records import (
    DEFAULT_PARTITION,
    InstanceKey,
    NewInstance,
    OriginalVersion,
    SeriesAttributes,
    StoredInstance,
    StudyAttributes,
)
from tests.support import folders

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
CONTENT = b"\0" * 128 + b"DICM"

KEY = InstanceKey(DEFAULT_PARTITION, "1.2", "1.2.3", "1.2.3.4")
"""The instance of tests that need only one."""


def sibling(
    instance: str, *, series: str = KEY.series, study: str = KEY.study, partition: str = KEY.partition
) -> InstanceKey:
    return InstanceKey(partition, study, series, instance)


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[Index]:
    index = Index.open(folder, **options)
    try:
        yield index
    finally:
        await index.close()


def new_instance(
    claim: Claim,
    *,
    study: StudyAttributes | None = None,
    series: SeriesAttributes | None = None,
    expires_at: datetime | None = None,
) -> NewInstance:
    return NewInstance(
        stored=StoredInstance(claim.key, claim.watermark, EXPLICIT_VR_LITTLE_ENDIAN, len(CONTENT)),
        study=study or StudyAttributes(),
        series=series or SeriesAttributes(),
        expires_at=expires_at,
    )


def claim_and_write(index: Index, key: InstanceKey, *, replace: bool = False) -> Claim:
    claim = index.claim(key, replace=replace)
    index.files.write(key, claim.watermark, CONTENT, b"{}")
    return claim


async def store(index: Index, key: InstanceKey = KEY, *, replace: bool = False, **attributes: Any) -> StoredInstance:
    """Stores an instance as the store transaction does; `attributes` are those of `new_instance`."""
    claim = await asyncio.to_thread(claim_and_write, index, key, replace=replace)
    new = new_instance(claim, **attributes)
    await index.commit((claim, new))
    return new.stored


async def updated(index: Index, old: StoredInstance, name: str | None = None) -> StoredInstance:
    """The version after `old`, which is current, as a bulk update makes it."""
    claim = await asyncio.to_thread(claim_and_write, index, old.key, replace=True)
    original = old.original or OriginalVersion(old.watermark, old.size_bytes)
    new = with_changes(old, watermark=claim.watermark, original=original)
    count = await index.update([(claim, new)], StudyAttributes(patient_name=name), (), lambda *_: None)
    assert count == 1
    return new


async def row(index: Index, statement: str) -> Any:
    """The first row that SQL finds once everything acknowledged is in DuckDB."""
    return await index.read(lambda connection: connection.execute(statement).fetchone())


def files_below(folder: Path) -> set[str]:
    """The files in a folder by their paths in it."""
    return {path.relative_to(folder).as_posix() for path in folders.files_below(folder)}
