"""The writer thread: groups, order, bounds, and failures that lose nothing."""

import asyncio
import os
from pathlib import Path
from threading import Event

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from azdicom_emulator.storage import writer
from azdicom_emulator.storage.errors import OverloadedError
from azdicom_emulator.storage.files import Durability
from tests.storage.stores import KEY, claim_and_write, files_below, new_instance, opened, row, sibling, store
from tests.support.waiting import eventually


def test_a_query_sees_what_was_acknowledged_before_it(tmp_path: Path) -> None:
    """docs/architecture.md: every read waits until the pending lines are applied."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            for number in range(20):
                await store(index, sibling(str(number)))
                assert await row(index, "SELECT count(*) FROM instances") == (number + 1,)

    asyncio.run(scenario())


def test_the_journal_is_applied_without_being_asked(tmp_path: Path) -> None:
    """docs/architecture.md: applied every 0.2 s."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            assert len(files_below(tmp_path / "journal")) == 1
            eventually(lambda: not files_below(tmp_path / "journal"), within_s=5)

    asyncio.run(scenario())


def test_a_query_that_fails_tells_its_caller_and_no_other(tmp_path: Path) -> None:
    """docs/architecture.md: reader threads."""

    def wrong(connection: DuckDBPyConnection) -> None:
        connection.execute("SELECT nothing FROM nowhere")

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            with pytest.raises(duckdb.CatalogException):
                await index.read(wrong)
            assert await row(index, "SELECT 1") == (1,)

    asyncio.run(scenario())


def test_a_mutation_that_fails_is_rolled_back(tmp_path: Path) -> None:
    """docs/architecture.md: each mutation is one transaction."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stored = await store(index)
            assert await row(index, "SELECT count(*) FROM instances") == (1,)
            await index.read(lambda connection: connection.execute("ALTER TABLE changes RENAME TO hidden"))
            with pytest.raises(duckdb.CatalogException):
                await index.delete(KEY.partition, KEY.study)
            await index.read(lambda connection: connection.execute("ALTER TABLE hidden RENAME TO changes"))
            assert await index.instances(KEY.partition, KEY.study) == [stored]
            assert await index.delete(KEY.partition, KEY.study) == [stored]

    asyncio.run(scenario())


def test_stores_wait_in_the_journal_while_the_index_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """docs/architecture.md: acknowledged stores stay in the journal until DuckDB has them."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.read(lambda connection: connection.execute("ALTER TABLE changes RENAME TO hidden"))
            first = await store(index, sibling("1"))
            with pytest.raises(duckdb.CatalogException):
                await index.instances(KEY.partition, KEY.study)
            second = await store(index, sibling("2"))
            assert await index.instance(sibling("2")) == second
            await asyncio.wrap_future(
                index._readers.submit(lambda c: c.execute("ALTER TABLE hidden RENAME TO changes"))
            )
            assert await index.instances(KEY.partition, KEY.study) == [first, second]
            assert "stay in the journal" in caplog.text

    asyncio.run(scenario())


def test_claims_are_refused_while_too_many_entries_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/architecture.md: each hand-over has a bound; when all are full, the server answers 503."""
    monkeypatch.setattr(writer, "MAX_ENTRIES", 2)

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            free = Event()
            blocked = index._writer.submit(lambda _, __: free.wait(10))
            await store(index, sibling("1"))
            await store(index, sibling("2"))
            with pytest.raises(OverloadedError):
                claim_and_write(index, sibling("3"))
            free.set()
            assert await asyncio.wrap_future(blocked)
            assert len(await index.instances(KEY.partition, KEY.study)) == 2
            await store(index, sibling("3"))

    asyncio.run(scenario())


def test_a_commit_that_cannot_be_written_stores_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """store §9: storage failure while storing: nothing of the instance stays, and it can be stored again."""

    def half_a_write(file: int, content: bytes) -> None:
        os.write(file, content[: len(content) // 2])
        raise OSError("no space left")

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            first = await store(index, sibling("1"))
            claim = claim_and_write(index, sibling("2"))
            with monkeypatch.context() as patched:
                patched.setattr("azdicom_emulator.storage.journal._write_all", half_a_write)
                with pytest.raises(OSError, match="no space"):
                    await index.commit((claim, new_instance(claim)))
            assert await index.instance(sibling("2")) is None
            second = await store(index, sibling("2"))
            assert await index.instances(KEY.partition, KEY.study) == [first, second]

    asyncio.run(scenario())


def test_concurrent_commits_are_all_durable_when_acknowledged(tmp_path: Path) -> None:
    """docs/architecture.md: `--durability full`: many stores share one sync."""

    async def scenario() -> None:
        async with opened(tmp_path, durability=Durability.FULL) as index:
            await asyncio.gather(*[store(index, sibling(str(number))) for number in range(20)])
            assert len(await index.instances(KEY.partition, KEY.study)) == 20

    asyncio.run(scenario())


def test_a_closed_index_refuses_work(tmp_path: Path) -> None:
    """docs/architecture.md: closing ends the writer."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            pass
        with pytest.raises(RuntimeError, match="closed"):
            await index.delete(KEY.partition, KEY.study)

    asyncio.run(scenario())
