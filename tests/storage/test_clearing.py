"""Everything deleted at once, beside stores that are under way."""

import asyncio
from pathlib import Path

from azdicom_emulator.storage.clearing import TABLES
from tests.storage.stores import KEY, claim_and_write, files_below, new_instance, opened, row, sibling, store


def test_nothing_is_left_but_the_default_partition(tmp_path: Path) -> None:
    """Own design: what can be found, what is on the disk, and what is found after a restart."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.partition("other", create=True)
            await store(index)
            await store(index, sibling("1", partition="other"))
            await index.delete(KEY.partition, KEY.study)

            await index.clear()

            assert await index.instance(KEY) is None
            assert await index.instances(KEY.partition, KEY.study) == []
            assert await index.latest_change(by_time=False) is None
            assert [partition.name for partition in await index.partitions()] == [KEY.partition]
        assert files_below(tmp_path / "dicom") == set()
        async with opened(tmp_path) as index:
            assert await index.instances(KEY.partition, KEY.study) == []
            assert [partition.name for partition in await index.partitions()] == [KEY.partition]
            assert (await row(index, "SELECT count(*) FROM studies"))[0] == 0

    asyncio.run(scenario())


def test_every_table_of_the_schema_is_emptied(tmp_path: Path) -> None:
    """Own design: one that a later step of the schema adds as well."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            (names,) = await row(index, "SELECT list(table_name) FROM duckdb_tables() WHERE NOT internal")
            assert set(names) == {*TABLES, "partitions", "schema_version"}

    asyncio.run(scenario())


def test_a_store_under_way_comes_after_it(tmp_path: Path) -> None:
    """As with a delete. Its partition, gone meanwhile, is made again."""

    async def scenario() -> None:
        key = sibling("1", partition="other")
        async with opened(tmp_path) as index:
            await index.partition("other", create=True)
            claim = await asyncio.to_thread(claim_and_write, index, key)
            await index.clear()

            await index.commit((claim, new_instance(claim)))

            (found,) = await index.instances("other", key.study)
            assert found.key == key
            assert index.files.paths(key, found.watermark).dicom.exists()

    asyncio.run(scenario())


def test_versions_go_on_rising(tmp_path: Path) -> None:
    """Own design: the removal of a former version's files, a moment later, must not meet a new one of its number."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            first = await store(index)
            await index.clear()
            second = await store(index)

            assert second.watermark > first.watermark
            assert await index.instance(KEY) == second
            change = await index.latest_change(by_time=False)
            assert change is not None
            assert change.sequence == 1

    asyncio.run(scenario())
