"""Claims: one store of an instance at a time, and none of one that exists."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from azdicom_emulator.storage.claims import Claim
from azdicom_emulator.storage.errors import InstanceExistsError, InstancePendingError, UnknownPartitionError
from azdicom_emulator.storage.index import Index
from tests.storage.stores import KEY, claim_and_write, files_below, new_instance, opened, sibling, store


def test_a_stored_instance_cannot_be_claimed(tmp_path: Path) -> None:
    """store §9: exists, state created: 45070."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stored = await store(index)
            with pytest.raises(InstanceExistsError) as refused:
                await store(index)
            assert refused.value.stored == stored
            assert files_below(tmp_path / "dicom") == {
                f"Microsoft.Default/1.2/1.2.3/1.2.3.4/1.{kind}" for kind in ("dcm", "json")
            }

    asyncio.run(scenario())


@pytest.mark.parametrize("cache_entries", [100, 0], ids=["remembered", "looked up in DuckDB"])
def test_an_instance_of_an_earlier_run_cannot_be_claimed(tmp_path: Path, cache_entries: int) -> None:
    """store §9: exists, state created: 45070."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
        async with opened(tmp_path, cache_entries=cache_entries) as index:
            with pytest.raises(InstanceExistsError):
                await store(index)
            with pytest.raises(InstanceExistsError):
                await store(index)

    asyncio.run(scenario())


def test_an_instance_that_only_the_journal_has_cannot_be_claimed(tmp_path: Path) -> None:
    """store §9: what is acknowledged exists, wherever it is kept."""

    async def scenario() -> None:
        async with opened(tmp_path, cache_entries=0) as index:
            await store(index)
            with pytest.raises(InstanceExistsError):
                await store(index)

    asyncio.run(scenario())


def test_an_instance_that_is_being_stored_is_pending(tmp_path: Path) -> None:
    """store §9: exists but still being created: 45071; once it failed, it can be stored."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            with index.claim(KEY), pytest.raises(InstancePendingError):
                index.claim(KEY)
            await store(index)

    asyncio.run(scenario())


def test_a_released_claim_leaves_no_files(tmp_path: Path) -> None:
    """store §9: storage failure while storing: nothing of the instance stays."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            with index.claim(KEY) as claim:
                index.files.write(KEY, claim.watermark, b"content", b"{}")
            assert files_below(tmp_path / "dicom") == set()
            assert list((tmp_path / "dicom").iterdir()) == []
            assert await index.instance(KEY) is None

    asyncio.run(scenario())


def test_the_same_instance_in_another_series_study_or_partition_is_another_one(tmp_path: Path) -> None:
    """store §9: same SOP instance UID in another series or study: allowed, a separate instance; azure-apis §5.3."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.partition("other", create=True)
            keys = [
                KEY,
                sibling(KEY.instance, series="9"),
                sibling(KEY.instance, study="9"),
                sibling(KEY.instance, partition="other"),
                sibling("9", series="9", study="9"),
            ]
            for each in keys:
                await store(index, each)
            assert [await index.instance(each) is not None for each in keys] == [True] * 5

    asyncio.run(scenario())


def test_only_one_of_many_concurrent_claims_succeeds(tmp_path: Path) -> None:
    """store §9: of concurrent stores of one instance one wins, the others get 45071, or 45070 when it is done."""
    rivals = 8

    def compete(index: Index) -> Claim | None:
        try:
            return claim_and_write(index, KEY)
        except (InstanceExistsError, InstancePendingError):
            return None

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            with ThreadPoolExecutor(rivals) as threads:
                for _ in range(20):
                    won = [claim for claim in threads.map(compete, [index] * rivals) if claim is not None]
                    assert len(won) == 1
                    await index.commit((won[0], new_instance(won[0])))
                    assert len(await index.delete(KEY.partition, KEY.study)) == 1

    asyncio.run(scenario())


def test_duplicates_of_a_stored_instance_all_exist_and_are_never_pending(tmp_path: Path) -> None:
    """store §9: exists, state created: 45070, also for duplicates that arrive together."""
    rivals = 8

    def compete(index: Index) -> type[Exception] | None:
        try:
            index.claim(KEY).release()
        except (InstanceExistsError, InstancePendingError) as refused:
            return type(refused)
        return None

    async def scenario() -> None:
        async with opened(tmp_path, cache_entries=0) as index:
            await store(index)
            await index.instances(KEY.partition, KEY.study)
            with ThreadPoolExecutor(rivals) as threads:
                refusals = set(threads.map(compete, [index] * rivals))
            assert refusals == {InstanceExistsError}

    asyncio.run(scenario())


def test_watermarks_are_never_used_again(tmp_path: Path) -> None:
    """store §9: one increasing sequence for the whole service, over deletes and restarts."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            first = await store(index)
            await index.delete(KEY.partition, KEY.study)
        async with opened(tmp_path) as index:
            second = await store(index)
        assert (first.watermark, second.watermark) == (1, 2)

    asyncio.run(scenario())


def test_a_partition_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """azure-apis §5.1: partitions are made on their own, before anything is stored in them."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            with pytest.raises(UnknownPartitionError):
                index.claim(sibling("1", partition="nowhere"))

    asyncio.run(scenario())
