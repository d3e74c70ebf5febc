"""The change feed as the index keeps it."""

import asyncio
from datetime import timedelta
from pathlib import Path

from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.records import Change, ChangeAction, ChangeState, ChangeWindow
from tests.storage.stores import KEY, opened, sibling, store


def summary(changes: list[Change]) -> list[tuple[int, str, str]]:
    return [(change.sequence, change.action.value, change.state.value) for change in changes]


def test_create_delete_create(tmp_path: Path) -> None:
    """azure-apis §3.3, service end-to-end tests: Replaced, Replaced, Current."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            await index.delete(KEY.partition, KEY.study)
            assert summary(await index.changes(ChangeWindow())) == [(1, "Create", "Deleted"), (2, "Delete", "Deleted")]
            await store(index)
            assert summary(await index.changes(ChangeWindow())) == [
                (1, "Create", "Replaced"),
                (2, "Delete", "Replaced"),
                (3, "Create", "Current"),
            ]

    asyncio.run(scenario())


def test_a_replaced_version_is_told_with_the_current_one(tmp_path: Path) -> None:
    """azure-apis §3.2: the metadata of a Replaced row is that of the current version."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            current = await store(index, replace=True)
            changes = await index.changes(ChangeWindow())
            assert summary(changes) == [(1, "Create", "Replaced"), (2, "Create", "Current")]
            assert [change.current for change in changes] == [current, current]

    asyncio.run(scenario())


def test_a_delete_of_many_is_one_moment_in_watermark_order(tmp_path: Path) -> None:
    """azure-apis §3.3: one Delete per instance, equal timestamps, sequence breaks the tie."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            for number in range(3):
                await store(index, sibling(str(number), series=str(number)))
            await index.delete(KEY.partition, KEY.study)
            deletes = (await index.changes(ChangeWindow()))[3:]
            assert [(change.action, change.watermark) for change in deletes] == [
                (ChangeAction.DELETE, 1),
                (ChangeAction.DELETE, 2),
                (ChangeAction.DELETE, 3),
            ]
            assert len({change.at for change in deletes}) == 1
            assert {change.state for change in deletes} == {ChangeState.DELETED}

    asyncio.run(scenario())


async def _five(index: Index) -> list[Change]:
    for number in range(5):
        await store(index, sibling(str(number)))
    return await index.changes(ChangeWindow())


def test_a_window_of_sequences(tmp_path: Path) -> None:
    """azure-apis §3.1, v1: offset < sequence ≤ offset + limit; up to the largest offset that a request can name."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            changes = await _five(index)
            assert await index.changes(ChangeWindow(after=1, up_to=3, limit=10)) == changes[1:3]
            assert await index.changes(ChangeWindow(after=5, up_to=15, limit=10)) == []
            assert await index.changes(ChangeWindow(after=2**63 - 1, up_to=2**63 + 99, limit=10)) == []

    asyncio.run(scenario())


def test_a_window_of_time(tmp_path: Path) -> None:
    """azure-apis §3.1, v2: start inclusive, end exclusive, rows skipped and limited."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            changes = await _five(index)
            first, last = changes[0].at, changes[-1].at
            moment = timedelta(microseconds=1)
            assert await index.changes(ChangeWindow(start=first, end=last + moment)) == changes
            assert await index.changes(ChangeWindow(end=last)) == [c for c in changes if c.at < last]
            assert await index.changes(ChangeWindow(start=last + moment)) == []
            assert await index.changes(ChangeWindow(offset=1, limit=2)) == changes[1:3]
            assert await index.changes(ChangeWindow(offset=2**63 - 1)) == []

    asyncio.run(scenario())


def test_the_latest_change(tmp_path: Path) -> None:
    """azure-apis §3.1: v1 the highest sequence, v2 the latest timestamp; null on an empty feed."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            assert await index.latest_change(by_time=True) is None
            assert await index.latest_change(by_time=False) is None
            changes = await _five(index)
            assert await index.latest_change(by_time=True) == changes[-1]
            assert await index.latest_change(by_time=False) == changes[-1]

    asyncio.run(scenario())


def test_sequences_go_on_after_a_restart(tmp_path: Path) -> None:
    """azure-apis §3.2: strictly increasing, never reused."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            await index.delete(KEY.partition, KEY.study)
        async with opened(tmp_path) as index:
            await store(index)
            latest = await index.latest_change(by_time=False)
            assert latest is not None
            assert latest.sequence == 3

    asyncio.run(scenario())
