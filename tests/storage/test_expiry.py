"""Expiry of studies: the last store decides."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.storage.stores import KEY, opened, sibling, store

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("stores", "expires"),
    [
        pytest.param([NOW], True, id="at its time"),
        pytest.param([SOON], False, id="not before its time"),
        pytest.param([None], False, id="never"),
        pytest.param([NOW, None], False, id="cancelled by a store without expiry"),
        pytest.param([None, NOW], True, id="set by a later store"),
        pytest.param([NOW, SOON], False, id="put off by a later store"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True], ids=["in one run", "over restarts"])
def test_the_last_store_of_a_study_decides(
    tmp_path: Path, stores: list[datetime | None], expires: bool, restarted: bool
) -> None:
    """store §9, Expiry: the last store request for the study decides."""

    async def scenario() -> None:
        index_folder = tmp_path
        if restarted:
            for number, expires_at in enumerate(stores):
                async with opened(index_folder) as index:
                    await store(index, sibling(str(number)), expires_at=expires_at)
        async with opened(index_folder) as index:
            if not restarted:
                for number, expires_at in enumerate(stores):
                    await store(index, sibling(str(number)), expires_at=expires_at)
            assert await index.expired(NOW) == ([(KEY.partition, KEY.study)] if expires else [])

    asyncio.run(scenario())


def test_an_expiry_belongs_to_one_study_and_goes_with_it(tmp_path: Path) -> None:
    """store §9, Expiry: all instances of the study are deleted together; a study stored anew starts without."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index, sibling("1", study="later"), expires_at=NOW - timedelta(hours=1))
            await store(index, sibling("1", study="first"), expires_at=NOW - timedelta(hours=2))
            await store(index, sibling("1", study="stays"))
            assert await index.expired(NOW) == [(KEY.partition, "first"), (KEY.partition, "later")]
            for partition, study in await index.expired(NOW):
                assert len(await index.delete(partition, study)) == 1
            await store(index, sibling("1", study="first"))
            assert await index.expired(NOW) == []

    asyncio.run(scenario())


def test_an_expiry_can_be_set_and_cancelled_without_a_store(tmp_path: Path) -> None:
    """store §9, Expiry."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            await index.set_expiry(KEY.partition, KEY.study, NOW)
            await index.set_expiry(KEY.partition, "unknown", NOW)
            assert await index.expired(NOW) == [(KEY.partition, KEY.study)]
            await index.set_expiry(KEY.partition, KEY.study, None)
            assert await index.expired(NOW) == []
            await index.set_expiry(KEY.partition, KEY.study, NOW)
            await store(index, sibling("2"))
            assert await index.expired(NOW) == []

    asyncio.run(scenario())
