"""The data folder: one process at a time, in a version that this software knows."""

import asyncio
from pathlib import Path

import duckdb
import pytest

from azdicom_emulator.storage.errors import (
    DataFolderInUseError,
    DataFolderNotWritableError,
    IndexNewerError,
    IndexUnreadableError,
)
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.schema import STEPS
from tests.storage.stores import KEY, files_below, opened, store


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    """docs/architecture.md: the data folder."""

    async def scenario() -> None:
        async with opened(tmp_path / "new" / "data"):
            assert (tmp_path / "new" / "data").is_dir()

    asyncio.run(scenario())


def test_a_folder_belongs_to_one_index_until_it_is_closed(tmp_path: Path) -> None:
    """docs/architecture.md: one process."""

    async def scenario() -> None:
        async with opened(tmp_path):
            with pytest.raises(DataFolderInUseError, match=str(tmp_path)):
                Index.open(tmp_path)
        async with opened(tmp_path):
            pass

    asyncio.run(scenario())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """docs/architecture.md: the data folder."""
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderNotWritableError, match=str(tmp_path / "file")):
        Index.open(tmp_path / "file" / "data")
    with pytest.raises(DataFolderNotWritableError, match=str(tmp_path / "file")):
        Index.open(tmp_path / "file")


def test_a_folder_whose_parts_cannot_be_made_is_named_and_free_again(tmp_path: Path) -> None:
    """docs/architecture.md: the data folder."""
    (tmp_path / "tmp").touch()
    with pytest.raises(DataFolderNotWritableError, match=str(tmp_path)):
        Index.open(tmp_path)
    (tmp_path / "tmp").unlink()

    async def scenario() -> None:
        async with opened(tmp_path):
            pass

    asyncio.run(scenario())


def test_an_index_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    """docs/architecture.md: opening a newer index says so and stops."""
    asyncio.run(_store_one(tmp_path))
    with duckdb.connect(tmp_path / "index.duckdb") as connection:
        connection.execute("INSERT INTO schema_version VALUES (?)", [len(STEPS) + 1])
    with pytest.raises(IndexNewerError, match=str(len(STEPS) + 1)):
        Index.open(tmp_path)
    with pytest.raises(IndexNewerError):
        Index.open(tmp_path)
    assert len(files_below(tmp_path / "dicom")) == 2


def test_a_damaged_index_is_named_with_its_remedy(tmp_path: Path) -> None:
    """docs/architecture.md: a damaged database is never the end of the data."""
    (tmp_path / "index.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(IndexUnreadableError, match="azdicom reindex"):
        Index.open(tmp_path)


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_an_index_of_each_version_opens(tmp_path: Path, version: int) -> None:
    """docs/architecture.md: opening an older index migrates it."""
    with duckdb.connect(tmp_path / "index.duckdb") as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        for number, step in enumerate(STEPS[:version], start=1):
            connection.execute(f"{step}; INSERT INTO schema_version VALUES ({number})")

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stored = await store(index)
            assert await index.instances(KEY.partition, KEY.study) == [stored]
        with duckdb.connect(tmp_path / "index.duckdb") as connection:
            assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (len(STEPS),)

    asyncio.run(scenario())


def test_spooled_files_of_an_earlier_process_are_removed(tmp_path: Path) -> None:
    """docs/architecture.md: large parts are spooled to `{data}/tmp`."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            index.files.temporary().write_bytes(b"left over")
        async with opened(tmp_path):
            assert files_below(tmp_path / "tmp") == set()

    asyncio.run(scenario())


def test_a_closed_folder_has_no_journal(tmp_path: Path) -> None:
    """docs/architecture.md: closing brings everything into DuckDB."""
    asyncio.run(_store_one(tmp_path))
    assert files_below(tmp_path / "journal") == set()
    with duckdb.connect(tmp_path / "index.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM instances").fetchone() == (1,)


async def _store_one(folder: Path) -> None:
    async with opened(folder) as index:
        await store(index)
