"""Deletes: atomic, visible at once, and in order with the stores around them."""

import asyncio
from pathlib import Path

import pytest

from azdicom_emulator.storage.records import ChangeAction, ChangeState, ChangeWindow, StudyAttributes
from tests.storage.stores import KEY, claim_and_write, files_below, new_instance, opened, row, sibling, store


@pytest.mark.parametrize(
    ("route", "left"),
    [
        pytest.param((KEY.study,), [], id="study"),
        pytest.param((KEY.study, "7"), ["3"], id="series"),
        pytest.param((KEY.study, "7", "1"), ["2", "3"], id="instance"),
        pytest.param(("9",), ["1", "2", "3"], id="unknown study"),
        pytest.param((KEY.study, "9"), ["1", "2", "3"], id="unknown series"),
        pytest.param((KEY.study, "8", "1"), ["1", "2", "3"], id="instance of another series"),
    ],
)
def test_a_delete_removes_what_its_route_names(tmp_path: Path, route: tuple[str, ...], left: list[str]) -> None:
    """azure-apis §4: study, series or instance; nothing matched: nothing deleted."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            keys = [sibling("1", series="7"), sibling("2", series="7"), sibling("3", series="8")]
            stored = [await store(index, each) for each in keys]
            deleted = await index.delete(KEY.partition, *route)
            kept = await index.instances(KEY.partition, KEY.study)
            assert [each.key.instance for each in kept] == left
            assert deleted == [each for each in stored if each not in kept]
            assert [await index.instance(each) is not None for each in keys] == [each in kept for each in stored]
            assert await index.delete(KEY.partition, *route) == []
        assert len(files_below(tmp_path / "dicom")) == 2 * len(left)

    asyncio.run(scenario())


def test_empty_parents_disappear_and_others_keep_their_values(tmp_path: Path) -> None:
    """azure-apis §4, search §5.7: no row without instances; values are not rolled back."""
    counts = "SELECT (SELECT count(*) FROM studies), (SELECT count(*) FROM series)"

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index, sibling("1", series="7"), study=StudyAttributes(patient_name="first"))
            await store(index, sibling("2", series="8"), study=StudyAttributes(patient_name="second"))
            await index.delete(KEY.partition, KEY.study, "8")
            assert await row(index, counts) == (1, 1)
            assert await row(index, "SELECT patient_name FROM studies") == ("second",)
            await index.delete(KEY.partition, KEY.study, "7", "1")
            assert await row(index, counts) == (0, 0)
            await store(index, sibling("3", series="7"), study=StudyAttributes(patient_id="P"))
            assert await row(index, "SELECT patient_name, patient_id FROM studies") == (None, "P")
        assert [path.name for path in (tmp_path / "dicom/Microsoft.Default").iterdir()] == [KEY.study]

    asyncio.run(scenario())


def test_a_delete_in_one_partition_leaves_the_others(tmp_path: Path) -> None:
    """azure-apis §5.3: full isolation."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.partition("other", create=True)
            await store(index)
            kept = await store(index, sibling(KEY.instance, partition="other"))
            assert len(await index.delete(KEY.partition, KEY.study)) == 1
            assert await index.instances("other", KEY.study) == [kept]
            assert await index.delete("nowhere", KEY.study) == []

    asyncio.run(scenario())


def test_an_instance_can_be_stored_again_right_after_its_delete(tmp_path: Path) -> None:
    """azure-apis §4: the same UIDs can be stored again at once, and the clean-up spares the new files."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            for _ in range(50):
                stored = await store(index)
                assert await index.delete(KEY.partition, KEY.study) == [stored]
            last = await store(index)
            assert await index.instance(KEY) == last
        assert files_below(tmp_path / "dicom/Microsoft.Default/1.2/1.2.3/1.2.3.4") == {"51.dcm", "51.json"}

    asyncio.run(scenario())


def test_a_store_that_ends_after_the_delete_stays(tmp_path: Path) -> None:
    """azure-apis §3.3, §4: one order for all: the delete, then the version that was acknowledged after it."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            claim = claim_and_write(index, KEY, replace=True)
            assert len(await index.delete(KEY.partition, KEY.study)) == 1
            await index.commit((claim, new_instance(claim)))
            current = await index.instance(KEY)
            assert current is not None
            assert current.watermark == claim.watermark
            changes = await index.changes(ChangeWindow())
            assert [(change.action, change.watermark, change.state) for change in changes] == [
                (ChangeAction.CREATE, 1, ChangeState.REPLACED),
                (ChangeAction.DELETE, 1, ChangeState.REPLACED),
                (ChangeAction.CREATE, 2, ChangeState.CURRENT),
            ]
        assert files_below(tmp_path / "dicom/Microsoft.Default/1.2/1.2.3/1.2.3.4") == {"2.dcm", "2.json"}

    asyncio.run(scenario())


def test_deletes_that_race_with_stores_leave_rows_files_and_feed_in_agreement(tmp_path: Path) -> None:
    """azure-apis §3.3, §4: whatever the order was, everything tells the same one."""

    async def storing(index: object, number: int) -> None:
        for _ in range(15):
            await store(index, sibling(str(number)), replace=True)  # type: ignore[arg-type]

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stores = asyncio.gather(*[storing(index, number) for number in range(4)])
            while not stores.done():
                await index.delete(KEY.partition, KEY.study)
            await stores
            current = {number: await index.instance(sibling(str(number))) for number in range(4)}
            rows = await index.instances(KEY.partition, KEY.study)
            assert sorted(stored.watermark for stored in rows) == sorted(
                stored.watermark for stored in current.values() if stored is not None
            )
            changes = await index.changes(ChangeWindow(limit=200))
            for number, stored in current.items():
                last = [change for change in changes if change.key.instance == str(number)][-1]
                assert (last.action is ChangeAction.CREATE) == (stored is not None)
                assert last.state is (ChangeState.DELETED if stored is None else ChangeState.CURRENT)
            assert [change.at for change in changes] == sorted(change.at for change in changes)
        expected = {
            f"{stored.key.instance}/{stored.watermark}.{kind}"
            for stored in current.values()
            if stored is not None
            for kind in ("dcm", "json")
        }
        assert files_below(tmp_path / "dicom/Microsoft.Default/1.2/1.2.3") == expected

    asyncio.run(scenario())
