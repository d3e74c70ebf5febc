"""What the index says after stores: instances, their order, and the values by which studies and series are searched."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator.storage.records import SeriesAttributes, StudyAttributes
from tests.storage.stores import KEY, claim_and_write, files_below, new_instance, opened, row, sibling, store


@pytest.mark.parametrize("cache_entries", [100, 0], ids=["cached", "not cached"])
def test_an_instance_is_found_at_once_and_after_a_restart(tmp_path: Path, cache_entries: int) -> None:
    """PS3.18 §10.4: what a store acknowledged can be retrieved."""

    async def scenario() -> None:
        async with opened(tmp_path, cache_entries=cache_entries) as index:
            assert await index.instance(KEY) is None
            stored = await store(index)
            assert await index.instance(KEY) == stored
        async with opened(tmp_path, cache_entries=cache_entries) as index:
            assert [await index.instance(KEY), await index.instance(KEY)] == [stored, stored]

    asyncio.run(scenario())


def test_instances_come_in_watermark_order_whatever_the_order_of_commits(tmp_path: Path) -> None:
    """search §10: the order of instances is that of their versions."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            claims = [claim_and_write(index, sibling(str(number))) for number in range(5)]
            await index.commit(*[(claim, new_instance(claim)) for claim in reversed(claims)])
            found = await index.instances(KEY.partition, KEY.study)
            assert [stored.key.instance for stored in found] == ["0", "1", "2", "3", "4"]

    asyncio.run(scenario())


def test_instances_are_those_of_the_study_or_series(tmp_path: Path) -> None:
    """PS3.18 §10.4: retrieve of a study and of a series."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.partition("other", create=True)
            first = await store(index, sibling("1", series="7"))
            second = await store(index, sibling("2", series="8"))
            await store(index, sibling("3", study="9"))
            await store(index, sibling("4", partition="other"))
            assert await index.instances(KEY.partition, KEY.study) == [first, second]
            assert await index.instances(KEY.partition, KEY.study, "8") == [second]
            assert await index.instances(KEY.partition, KEY.study, "9") == []
            assert await index.instances("nowhere", KEY.study) == []

    asyncio.run(scenario())


STUDY_ROW = "SELECT patient_id, patient_name, study_date, patient_name_words FROM studies"
SERIES_ROW = "SELECT modality, modality_folded, manufacturer_model_name FROM series"


@pytest.mark.parametrize(
    ("stores", "expected"),
    [
        pytest.param([{"patient_name": "A"}, {"patient_name": "B"}], (None, "B", None, " b"), id="the latest wins"),
        pytest.param([{"patient_name": "A"}, {}], (None, "A", None, " a"), id="an absent value keeps"),
        pytest.param([{}, {"patient_name": "A"}], (None, "A", None, " a"), id="a value fills"),
        pytest.param([{"patient_name": "A"}, {"patient_name": ""}], (None, "", None, None), id="empty name overwrites"),
        pytest.param([{"patient_id": "A"}, {"patient_id": ""}], ("A", None, None, None), id="an empty PatientID keeps"),
        pytest.param([{}, {"patient_id": ""}], ("", None, None, None), id="an empty PatientID fills"),
        pytest.param(
            [{"patient_id": ""}, {"patient_id": "A"}], ("A", None, None, None), id="PatientID wins over empty"
        ),
        pytest.param(
            [{"patient_id": "A", "study_date": "20240101"}, {"patient_id": "B"}, {"patient_id": "C"}],
            ("C", None, "20240101", None),
            id="attribute by attribute",
        ),
    ],
)
@pytest.mark.parametrize("flushed", [False, True], ids=["in one group", "one by one"])
def test_study_values(tmp_path: Path, stores: list[dict[str, str]], expected: tuple[Any, ...], flushed: bool) -> None:
    """search §5.7: latest wins, null keeps, an empty PatientID keeps."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            for number, attributes in enumerate(stores):
                await store(index, sibling(str(number)), study=StudyAttributes(**attributes))
                if flushed:
                    await row(index, STUDY_ROW)
            assert await row(index, STUDY_ROW) == expected
            assert await row(index, "SELECT count(*) FROM studies") == (1,)

    asyncio.run(scenario())


def test_study_values_are_still_known_after_a_restart(tmp_path: Path) -> None:
    """search §5.7: null keeps, also when the value is from an earlier run."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index, sibling("1"), study=StudyAttributes(patient_id="P", patient_name="A"))
        async with opened(tmp_path) as index:
            await store(index, sibling("2"), study=StudyAttributes(patient_id="", study_date="20240101"))
            assert await row(index, STUDY_ROW) == ("P", "A", "20240101", " a")
            assert await row(index, "SELECT count(*), max(study_key) FROM studies") == (1, 1)

    asyncio.run(scenario())


def test_series_values_are_those_of_the_series(tmp_path: Path) -> None:
    """search §5.7: one row per series, latest wins."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index, sibling("1"), series=SeriesAttributes(modality="CT", manufacturer_model_name="M"))
            await store(index, sibling("2", series="8"), series=SeriesAttributes(modality="MR"))
            await store(index, sibling("3"), series=SeriesAttributes(modality="PT"))
            in_order = "SELECT series_uid, modality_folded, manufacturer_model_name FROM series ORDER BY series_key"
            found = await index.read(lambda connection: connection.execute(in_order).fetchall())
            assert found == [(KEY.series, "pt", "M"), ("8", "mr", None)]

    asyncio.run(scenario())


def test_later_instances_do_not_move_a_study(tmp_path: Path) -> None:
    """search §10: the creation key of a study is from its first store, and a new one after a complete delete."""
    newest_first = "SELECT list(study_uid ORDER BY study_key DESC) FROM studies"

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index, sibling("1", study="old"))
            await store(index, sibling("1", study="new"))
            await store(index, sibling("2", study="old"))
            assert await row(index, newest_first) == (["new", "old"],)
            await index.delete(KEY.partition, "old")
            await store(index, sibling("1", study="old"))
            assert await row(index, newest_first) == (["old", "new"],)

    asyncio.run(scenario())


@pytest.mark.parametrize("flushed", [False, True], ids=["in one group", "one by one"])
def test_a_replaced_instance_has_one_version_with_files_of_its_own(tmp_path: Path, flushed: bool) -> None:
    """store §9, PUT: the instance is replaced as a whole and gets a new watermark."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            if flushed:
                assert len(await index.instances(KEY.partition, KEY.study)) == 1
            await store(index, replace=True)
            newest = await store(index, replace=True)
            assert await index.instance(KEY) == newest
            assert await index.instances(KEY.partition, KEY.study) == [newest]
        assert newest.watermark == 3
        assert files_below(tmp_path / "dicom/Microsoft.Default/1.2/1.2.3/1.2.3.4") == {"3.dcm", "3.json"}

    asyncio.run(scenario())


def test_an_upsert_of_a_new_instance_stores_it(tmp_path: Path) -> None:
    """store §9, PUT: not existing: created."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stored = await store(index, replace=True)
            assert await index.instance(KEY) == stored

    asyncio.run(scenario())


def test_stores_of_one_commit_are_all_there(tmp_path: Path) -> None:
    """PS3.18 §10.5: a request stores many instances."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            claims = [claim_and_write(index, sibling(str(number), series=str(number % 3))) for number in range(50)]
            await index.commit(*[(claim, new_instance(claim)) for claim in claims])
            assert len(await index.instances(KEY.partition, KEY.study)) == 50
            assert await row(index, "SELECT count(*) FROM series") == (3,)

    asyncio.run(scenario())
