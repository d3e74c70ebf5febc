"""The change feed as the index keeps it."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from azdicom_emulator.storage.folder import DATABASE
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.records import (
    Change,
    ChangeAction,
    ChangeState,
    ChangeWindow,
    SeriesAttributes,
    StoredInstance,
    StudyAttributes,
)
from azdicom_emulator.storage.reindex import ReadAttributes, rebuild
from tests.storage.stores import KEY, opened, sibling, store, updated


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


async def _latest_of(index: Index) -> Change | None:
    """The latest change, which is the same by time and by sequence, and the last one of the feed."""
    latest = await index.latest_change(by_time=False)
    assert await index.latest_change(by_time=True) == latest
    assert latest == next(reversed(await index.changes(ChangeWindow())), None)
    return latest


def test_the_latest_change(tmp_path: Path) -> None:
    """azure-apis §3.1: v1 the highest sequence, v2 the latest timestamp; null on an empty feed."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            assert await _latest_of(index) is None
            stored = await store(index)
            latest = await _latest_of(index)
            assert latest is not None
            assert (latest.sequence, latest.action, latest.current) == (1, ChangeAction.CREATE, stored)
        async with opened(tmp_path) as index:
            assert await _latest_of(index) == latest

    asyncio.run(scenario())


def test_the_latest_change_after_each_kind_of_change(tmp_path: Path) -> None:
    """azure-apis §3.3: the newest row is Current, or Deleted."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            replaced = await store(index, replace=True)
            latest = await _latest_of(index)
            assert latest is not None
            assert (latest.state, latest.current) == (ChangeState.CURRENT, replaced)
            new = await updated(index, replaced)
            latest = await _latest_of(index)
            assert latest is not None
            assert (latest.action, latest.state, latest.current) == (ChangeAction.UPDATE, ChangeState.CURRENT, new)
            await index.delete(KEY.partition, KEY.study)
            latest = await _latest_of(index)
            assert latest is not None
            assert (latest.action, latest.state) == (ChangeAction.DELETE, ChangeState.DELETED)
            await index.clear()
            assert await _latest_of(index) is None

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


def test_a_change_that_fails_is_not_the_latest(tmp_path: Path) -> None:
    """docs/architecture.md: each mutation is one transaction."""

    def failing(mutations: Mutations, at: datetime) -> None:
        with mutations.transaction():
            mutations.feed.append(ChangeAction.CREATE, [(at, StoredInstance(sibling("9"), 9, "1", 1))])
            raise ValueError("on purpose")

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            before = await _latest_of(index)
            with pytest.raises(ValueError, match="on purpose"):
                await index.write(failing)
            assert await _latest_of(index) == before

    asyncio.run(scenario())


def test_a_feed_whose_times_go_back(tmp_path: Path) -> None:
    """azure-apis §3.1: v2 goes by time, then sequence, v1 by sequence. A rebuilt index has the times of the files."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    noon = start + timedelta(hours=12)
    hours = (12, 10, 11, 11)

    async def fill() -> None:
        async with opened(tmp_path) as index:
            for number, hour in enumerate(hours):
                stored = await store(index, sibling(f"{number}"))
                at = (start + timedelta(hours=hour)).timestamp()
                for path in index.files.paths(stored.key, stored.watermark):
                    os.utime(path, (at, at))

    async def check() -> None:
        async with opened(tmp_path) as index:
            assert await _sequences(index, ChangeWindow()) == [2, 3, 4, 1]
            assert await _sequences(index, ChangeWindow(start=noon - timedelta(hours=1))) == [3, 4, 1]
            assert await _sequences(index, ChangeWindow(end=noon, offset=1, limit=1)) == [3]
            assert await _sequences(index, ChangeWindow(after=1, up_to=3)) == [2, 3]
            assert await _sequences(index, ChangeWindow(after=2**63 - 1, up_to=2**63 + 99)) == []
            for by_time, sequence in ((True, 1), (False, 4)):
                latest = await index.latest_change(by_time=by_time)
                assert latest is not None
                assert latest.sequence == sequence
            await store(index, sibling("9"))
            assert await _sequences(index, ChangeWindow()) == [2, 3, 4, 1, 5]

    asyncio.run(fill())
    rebuild(
        tmp_path, lambda _: ReadAttributes(transfer_syntax_uid="1", study=StudyAttributes(), series=SeriesAttributes())
    )
    asyncio.run(check())


def test_a_clock_that_was_set_back_between_two_starts(tmp_path: Path) -> None:
    """azure-apis §3.1: v2 goes by time."""

    async def fill() -> None:
        async with opened(tmp_path) as index:
            await store(index)

    async def check() -> None:
        async with opened(tmp_path) as index:
            assert (await _latest_of(index)) is not None
            await store(index, sibling("2"))
            await store(index, sibling("3"))
            assert await _sequences(index, ChangeWindow()) == [2, 3, 1]
            by_time, by_sequence = [await index.latest_change(by_time=by_time) for by_time in (True, False)]
            assert by_time is not None
            assert by_sequence is not None
            assert (by_time.sequence, by_sequence.sequence) == (1, 3)

    asyncio.run(fill())
    with duckdb.connect(tmp_path / DATABASE) as connection:
        connection.execute("UPDATE changes SET changed_at = changed_at + INTERVAL 1 DAY")
    asyncio.run(check())


def test_a_feed_with_gaps(tmp_path: Path) -> None:
    """azure-apis §3.2: gaps are possible; v2 skips and takes rows, not numbers."""

    async def fill() -> None:
        async with opened(tmp_path) as index:
            await _five(index)

    async def check() -> None:
        async with opened(tmp_path) as index:
            assert summary(await index.changes(ChangeWindow(offset=1, limit=2))) == [
                (4000, "Create", "Current"),
                (6000, "Create", "Current"),
            ]
            assert await _sequences(index, ChangeWindow(after=2000, up_to=6000)) == [4000, 6000]
            await store(index)
            assert await _sequences(index, ChangeWindow(offset=4)) == [10000, 10001]
            assert await _latest_of(index) is not None

    asyncio.run(fill())
    with duckdb.connect(tmp_path / DATABASE) as connection:
        connection.execute("UPDATE changes SET sequence = 2000 * sequence, watermark = 2000 * watermark")
        connection.execute("UPDATE instances SET watermark = 2000 * watermark")
    asyncio.run(check())


async def _sequences(index: Index, window: ChangeWindow) -> list[int]:
    return [change.sequence for change in await index.changes(window)]
