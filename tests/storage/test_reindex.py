"""The index made again from the files."""

import asyncio
from pathlib import Path

import pytest

from azdicom_emulator.storage.errors import DataFolderInUseError
from azdicom_emulator.storage.records import DEFAULT_PARTITION, ChangeWindow, SeriesAttributes, StudyAttributes
from azdicom_emulator.storage.reindex import ReadAttributes, rebuild
from tests.storage.stores import CONTENT, EXPLICIT_VR_LITTLE_ENDIAN, KEY, opened, row, sibling, store


def read_attributes(path: Path) -> ReadAttributes:
    """Stands for the DICOM parser: the name of the patient tells the version."""
    if path.read_bytes() != CONTENT:
        raise ValueError("not a DICOM file")
    return ReadAttributes(
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        study=StudyAttributes(patient_name=path.stem),
        series=SeriesAttributes(modality="CT"),
    )


def test_a_lost_index_is_made_again(tmp_path: Path) -> None:
    """docs/architecture.md: a damaged database is never the end of the data."""

    async def fill() -> None:
        async with opened(tmp_path) as index:
            await index.partition("other", create=True)
            for number in range(3):
                await store(index, sibling(str(number)))
            await store(index, sibling("0"), replace=True)
            await store(index, sibling("7", partition="other", series="8"))

    async def check() -> None:
        async with opened(tmp_path) as index:
            found = await index.instances(DEFAULT_PARTITION, KEY.study)
            assert [(stored.key.instance, stored.watermark) for stored in found] == [("1", 2), ("2", 3), ("0", 4)]
            assert {stored.size_bytes for stored in found} == {len(CONTENT)}
            (other,) = await index.instances("other", KEY.study)
            assert other.key == sibling("7", partition="other", series="8")
            assert await row(index, "SELECT patient_name FROM studies WHERE partition_key = 1") == ("4",)
            assert await row(index, "SELECT count(*) FROM series") == (2,)
            assert [change.watermark for change in await index.changes(ChangeWindow())] == [2, 3, 4, 5]
            assert (await store(index, sibling("9"))).watermark == 6

    asyncio.run(fill())
    (tmp_path / "index.duckdb").write_bytes(b"no database" * 1000)
    assert rebuild(tmp_path, read_attributes) == 4
    asyncio.run(check())
    assert (tmp_path / "index.duckdb.old").read_bytes().startswith(b"no database")


def test_what_the_journal_has_is_not_counted_twice(tmp_path: Path) -> None:
    """docs/architecture.md: what is in the journal has files."""

    async def fill() -> None:
        async with opened(tmp_path) as index:
            await store(index)

    async def check() -> None:
        async with opened(tmp_path) as index:
            assert len(await index.instances(DEFAULT_PARTITION, KEY.study)) == 1

    asyncio.run(fill())
    line = b'{"at":"2024-01-01T00:00:00+00:00","new":{"sto'
    (tmp_path / "journal" / "5.jsonl").write_bytes(line)
    assert rebuild(tmp_path, read_attributes) == 1
    assert list((tmp_path / "journal").iterdir()) == []
    asyncio.run(check())


def test_a_file_that_cannot_be_read_is_left_out_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """docs/architecture.md: nothing is removed by making the index again."""
    broken = tmp_path / "dicom/Microsoft.Default/1/2/3/1.dcm"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"broken")
    assert rebuild(tmp_path, read_attributes) == 0
    assert broken.exists()
    assert str(broken) in caplog.text


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    """docs/architecture.md: one process."""

    async def scenario() -> None:
        async with opened(tmp_path):
            with pytest.raises(DataFolderInUseError):
                rebuild(tmp_path, read_attributes)

    asyncio.run(scenario())
