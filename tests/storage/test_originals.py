"""The versions that bulk updates keep: what the index, its rebuilding, its sweep and its journal know of them."""

import asyncio
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from azdicom_emulator.settings import Settings
from azdicom_emulator.storage.errors import OperationActiveError
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationType
from azdicom_emulator.storage.records import StudyAttributes
from azdicom_emulator.storage.tree import versions
from tests.management.updates import a_name, an_update, original_file, update
from tests.storage.stores import KEY, claim_and_write, files_below, opened, store, updated
from tests.support.instances import an_instance, part10
from tests.support.server import running
from tests.test_reindex import reindex


def test_the_versions_of_an_instance_are_at_most_two(tmp_path: Path) -> None:
    """Service source: original and latest (async §2.5)."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            first = await store(index)
            second = await updated(index, first)
            third = await updated(index, second)

            assert await index.instances(KEY.partition, KEY.study) == [third]
            assert await index.instance(KEY) == third
            assert third.first == first
            assert third.watermarks == (third.watermark, first.watermark)
        kept = {int(Path(path).stem) for path in files_below(tmp_path / "dicom")}
        assert kept == set(third.watermarks)
        async with opened(tmp_path) as index:
            assert await index.instance(KEY) == third

    asyncio.run(scenario())


def test_a_version_replaced_by_a_store_takes_its_original_along_through_the_journal(tmp_path: Path) -> None:
    """docs/architecture.md: the journal says which version an upsert ends; after a crash too."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            latest = await updated(index, await store(index))
        index = Index.open(tmp_path)
        put = await store(index, replace=True)
        journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").glob("*.jsonl"))
        await index.close()
        async with opened(tmp_path) as reopened:
            assert await reopened.instance(KEY) == put
            assert put.original is None
        assert latest.original is not None
        assert b'"original":{"watermark":%d' % latest.original.watermark in journal
        assert {Path(path).stem for path in files_below(tmp_path / "dicom")} == {str(put.watermark)}

    asyncio.run(scenario())


def test_an_update_does_not_cross_a_re_index(tmp_path: Path) -> None:
    """Own design: a re-index walks from the newest version down, and would miss what moves up."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stored = await store(index)

            def begin(mutations: Mutations, at: datetime) -> Operation:
                with mutations.transaction():
                    operation = Operation(id="a" * 32, type=OperationType.REINDEX, created_at=at, updated_at=at)
                    return mutations.operations.add(operation)

            await index.write(begin)
            claim = await asyncio.to_thread(claim_and_write, index, KEY, replace=True)
            new = replace(stored, watermark=claim.watermark)
            with claim, pytest.raises(OperationActiveError):
                await index.update([(claim, new)], StudyAttributes(), (), lambda *_: None)
            assert await index.instance(KEY) == stored

    asyncio.run(scenario())


def test_what_is_deleted_meanwhile_stays_deleted(tmp_path: Path) -> None:
    """Service source: delete does not wait for a bulk update."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stored = await store(index)
            claim = await asyncio.to_thread(claim_and_write, index, KEY, replace=True)
            await index.delete(KEY.partition, KEY.study)
            with claim:
                new = replace(stored, watermark=claim.watermark)
                assert await index.update([(claim, new)], StudyAttributes(), (), lambda *_: None) == 0
            assert await index.instance(KEY) is None
        assert files_below(tmp_path / "dicom") == set()

    asyncio.run(scenario())


def test_the_sweep_after_a_crash_keeps_originals(tmp_path: Path) -> None:
    """docs/architecture.md, After a crash: what a row refers to stays."""

    async def scenario() -> None:
        (tmp_path / "running").touch()
        async with opened(tmp_path) as index:
            await index.swept()
            latest = await updated(index, await store(index))
            index.files.write(KEY, 99, b"orphan", b"{}")
        (tmp_path / "running").touch()
        os.utime(tmp_path / "running", (0, 0))  # all files are younger than the process that is said to have crashed
        async with opened(tmp_path) as index:
            await index.swept()
        assert {int(Path(path).stem) for path in files_below(tmp_path / "dicom")} == set(latest.watermarks)

    asyncio.run(scenario())


def test_a_marked_version_is_told_from_a_leftover(tmp_path: Path) -> None:
    """Own design: an empty file beside the original says that a later version has it."""
    files = FileStore(tmp_path)
    files.prepare()
    for watermark in (1, 2, 3):
        files.write(KEY, watermark, b"file", b"{}")
    files.mark_original(KEY, 1)

    assert {(version.watermark, version.is_original) for version in versions(files.root)} == {
        (1, True),
        (2, False),
        (3, False),
    }
    for watermark in (1, 2, 3):
        files.remove(KEY, watermark)
    assert files_below(tmp_path) == set()


def test_reindex_finds_latest_and_original_again(tmp_path: Path) -> None:
    """docs/architecture.md, The database is derived: from the files come both versions of an updated instance."""
    instance = an_instance(PatientName="Old^Name")
    with running(Settings(data_dir=tmp_path)) as emulator:
        emulator.store(instance)
        for name in ("One^Name", "Two^Name"):
            update(emulator, an_update(instance, t00100010=a_name(name)))
        latest = emulator.retrieve(instance)
    (tmp_path / "index.duckdb").unlink()

    assert reindex(tmp_path).returncode == 0

    with running(Settings(data_dir=tmp_path)) as emulator:
        assert emulator.retrieve(instance) == latest
        assert original_file(emulator, instance) == part10(instance)
        assert len(emulator.search_studies(PatientName="Two^Name")) == 1
        assert update(emulator, an_update(instance, t00100010=a_name("Three^Name")))["status"] == "succeeded"
        assert original_file(emulator, instance) == part10(instance)
