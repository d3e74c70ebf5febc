"""Partitions: one default, others by name in any case."""

import asyncio
from pathlib import Path

import pytest

from azdicom_emulator.storage.records import DEFAULT_PARTITION
from tests.storage.stores import files_below, opened, sibling, store


def test_the_default_partition_always_exists(tmp_path: Path) -> None:
    """azure-apis §5.2: key 1, name Microsoft.Default."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            first = await index.partitions()
        async with opened(tmp_path) as index:
            assert await index.partitions() == first
        assert [(partition.key, partition.name) for partition in first] == [(1, DEFAULT_PARTITION)]

    asyncio.run(scenario())


def test_a_partition_keeps_its_first_spelling(tmp_path: Path) -> None:
    """azure-apis §5.1: names compare without case; §5.3: a partition stays."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            assert await index.partition("Foo", create=False) is None
            made, *same = await asyncio.gather(*[index.partition(name, create=True) for name in ("Foo", "foo", "FOO")])
            assert made is not None
            assert (made.key, made.name) == (2, "Foo")
            assert same == [made, made]
        async with opened(tmp_path) as index:
            assert await index.partition("fOO", create=False) == made
            assert len(await index.partitions()) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        pytest.param("foo-1_a.b", "foo-1_a.b", id="as it is"),
        pytest.param(".", "%2E", id="this folder"),
        pytest.param("..", "%2E%2E", id="parent folder"),
        pytest.param(".hidden", "%2Ehidden", id="hidden"),
        pytest.param("dot.", "dot%2E", id="dot at the end"),
    ],
)
def test_a_partition_stays_inside_its_folder(tmp_path: Path, name: str, folder: str) -> None:
    """azure-apis §5.1: names may consist of dots."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.partition(name, create=True)
            stored = await store(index, sibling("1", partition=name))
            assert files_below(tmp_path / "dicom" / folder) == {"1.2/1.2.3/1/1.dcm", "1.2/1.2.3/1/1.json"}
            assert await index.instances(name, "1.2") == [stored]

    asyncio.run(scenario())
