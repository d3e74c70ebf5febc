"""The data lake view: the stored files under the names of the managed service (async §4)."""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from azdicom_emulator.datalake.names import file_name, watermark_of, xxh64_of_short
from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.folders import files_below
from tests.support.instances import an_instance, part10, study_path
from tests.support.process import serving
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"message digest", 0x066ED728FCEEB3BE),
        (b"abcdefghijklmnopqrstuvwxyz", 0xCFE1F278FA89835C),
    ],
    ids=["empty", "1", "3", "14", "26"],
)
def test_hash_is_xxh64(content: bytes, expected: int) -> None:
    """xxHash fast digest algorithm; the values of the reference implementation."""
    assert xxh64_of_short(content) == expected


def test_name_begins_with_three_digits_of_the_hash() -> None:
    """Service source: `{three digits}_{watermark}.dcm`."""
    for watermark in (1, 42, 2**62):
        name = file_name(watermark)
        assert re.fullmatch(rf"\d{{3}}_{watermark}\.dcm", name)
        assert watermark_of(name) == watermark
    assert watermark_of("notes.txt") is None
    assert watermark_of("999_1.dcm") is None


def service(folder: Path, workspace: str = "azdicom", name: str = "dicom") -> Path:
    return folder / "AHDS" / workspace / "dicom" / name


def contents(folder: Path) -> list[bytes]:
    found = []
    for path in files_below(service(folder)):
        with suppress(FileNotFoundError):  # removed between the two looks
            found += [path.read_bytes()] if path.suffix == ".dcm" else []
    return sorted(found)


def shows(folder: Path, *expected: bytes) -> None:
    eventually(lambda: contents(folder) == sorted(expected), what="the view")


def test_files_are_where_the_managed_service_has_them(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §4: `AHDS/{workspace}/dicom/{service}/{partition}`, and a file below healthCheck."""
    lake = tmp_path / "lake"
    emulator = emulator_with(data_lake_view=lake, workspace="ward", service_name="images", partitions=True)
    dataset = an_instance()
    assert replace(emulator, version="v2/partitions/a").store_response(dataset).status == 200

    path = service(lake, "ward", "images") / "a" / file_name(1)
    eventually(path.exists, what="the file")

    assert path.read_bytes() == part10(dataset)
    eventually(lambda: files_below(service(lake, "ward", "images") / "healthCheck"), what="the health file")


def test_view_follows_stores_replacements_and_deletes(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: what is in the store is in the view, a moment later."""
    lake = tmp_path / "lake"
    emulator = emulator_with(data_lake_view=lake)
    dataset, other = emulator.store(an_instance()), emulator.store(an_instance())
    shows(lake, part10(dataset), part10(other))

    dataset.PatientID = "CHANGED"
    assert upsert(emulator, part10(dataset)) == 200
    shows(lake, part10(dataset), part10(other))

    assert emulator.delete(study_path(other)).status == 204
    shows(lake, part10(dataset))
    assert emulator.request("POST", "/_azdicom/reset").status == 204
    shows(lake)


def upsert(emulator: Emulator, content: bytes) -> int:
    headers = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}
    return emulator.request("PUT", "/v2/studies", headers=headers, body=content).status


def test_start_brings_the_view_up_to_date(tmp_path: Path) -> None:
    """Own design: what was stored without the view is added, what is gone is removed, other files stay."""
    lake = tmp_path / "lake"
    with serving(tmp_path / "data", tmp_path) as server:
        dataset = server.emulator.store(an_instance())
        assert server.stop() == 0
    partition = service(lake) / "Microsoft.Default"
    partition.mkdir(parents=True)
    (partition / file_name(99)).write_bytes(b"gone")
    (partition / "notes.txt").write_text("mine")

    with serving(tmp_path / "data", tmp_path, f"--data-lake-view={lake}"):
        shows(lake, part10(dataset))

    assert (partition / "notes.txt").read_text() == "mine"


def test_files_are_links_that_need_no_space(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: hard links where the file system has them."""
    emulator = emulator_with(data_lake_view=tmp_path / "lake")
    emulator.store(an_instance())
    path = service(tmp_path / "lake") / "Microsoft.Default" / file_name(1)

    eventually(path.exists, what="the file")

    (stored,) = [file for file in files_below(emulator.data_dir / "dicom") if file.suffix == ".dcm"]
    assert path.samefile(stored)
