"""The file tree: where files are, and that they come and go whole."""

import threading
from pathlib import Path

import pytest

from azdicom_emulator.storage.files import Durability, FileStore
from azdicom_emulator.storage.records import InstanceKey
from azdicom_emulator.storage.tree import folder_name
from tests.storage.stores import KEY, files_below, sibling


@pytest.fixture(params=list(Durability))
def files(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path, request.param)
    store.prepare()
    return store


def test_bytes_and_metadata_are_where_paths_says(files: FileStore, tmp_path: Path) -> None:
    """docs/architecture.md: `dicom/{partition}/{study}/{series}/{instance}/{watermark}.dcm` and `.json`."""
    files.write(KEY, 7, b"dicom", b"json")
    dicom, metadata = files.paths(KEY, 7)
    assert dicom == tmp_path / "dicom/Microsoft.Default/1.2/1.2.3/1.2.3.4/7.dcm"
    assert (dicom.read_bytes(), metadata.read_bytes()) == (b"dicom", b"json")
    assert len(files_below(tmp_path)) == 2


def test_a_spooled_file_is_moved(files: FileStore, tmp_path: Path) -> None:
    """docs/architecture.md: large parts are spooled, then renamed into place."""
    spooled, other = files.temporary(), files.temporary()
    assert spooled != other
    spooled.write_bytes(b"large")
    files.write(KEY, 1, spooled, b"{}")
    assert files.paths(KEY, 1).dicom.read_bytes() == b"large"
    assert files_below(tmp_path / "tmp") == set()


def test_only_the_first_finds_the_folder_missing(files: FileStore) -> None:
    """docs/architecture.md: a row implies a folder, so a folder that was missing proves a new instance."""
    assert files.claim_folder(KEY)
    assert not files.claim_folder(KEY)
    assert files.claim_folder(sibling("9"))


def test_removing_takes_empty_folders_along_and_nothing_else(files: FileStore, tmp_path: Path) -> None:
    """azure-apis §4: empty parents disappear."""
    for key, watermark in ((KEY, 1), (KEY, 2), (sibling("9", series="9"), 3)):
        files.write(key, watermark, b"dicom", b"json")
    files.remove(KEY, 1)
    assert {name.rpartition("/")[2] for name in files_below(tmp_path)} == {"2.dcm", "2.json", "3.dcm", "3.json"}
    files.remove(KEY, 2)
    files.remove(KEY, 2)
    assert [path.name for path in (tmp_path / "dicom/Microsoft.Default/1.2").iterdir()] == ["9"]
    files.remove(sibling("9", series="9"), 3)
    assert list((tmp_path / "dicom").iterdir()) == []


def test_writes_succeed_beside_the_clean_up_of_their_folders(files: FileStore) -> None:
    """azure-apis §4: the same UIDs can be stored again at once."""
    finished = threading.Event()

    def clean_up() -> None:
        while not finished.is_set():
            files.remove(KEY, 0)

    cleaner = threading.Thread(target=clean_up)
    cleaner.start()
    try:
        for watermark in range(1, 200):
            files.claim_folder(KEY)
            files.write(KEY, watermark, b"dicom", b"json")
            assert files.paths(KEY, watermark).dicom.exists()
            files.remove(KEY, watermark)
    finally:
        finished.set()
        cleaner.join()


@pytest.mark.parametrize("size", [0, 65_535, 65_536, 65_537, 1_000_000])
def test_metadata_are_read_whole(files: FileStore, size: int) -> None:
    """Own design: whatever their length."""
    metadata = (b"0123456789" * 100_000)[:size]
    files.write(KEY, 1, b"dicom", metadata)
    assert files.read_metadata(KEY, 1) == metadata


def test_metadata_can_be_made_again(files: FileStore, tmp_path: Path) -> None:
    """docs/architecture.md: a missing metadata file is made again from the DICOM file."""
    files.write(KEY, 1, b"dicom", b"json")
    files.paths(KEY, 1).metadata.unlink()
    files.write_metadata(KEY, 1, b"again")
    assert files.paths(KEY, 1).metadata.read_bytes() == b"again"
    assert len(files_below(tmp_path)) == 2


@pytest.mark.parametrize("name", ["..", ".", "../../etc", "a/b", "", "%2E", "a\0b", "ä", "1.2.840.", "x" * 64])
def test_no_name_leaves_its_folder(tmp_path: Path, name: str) -> None:
    """http §7: whatever an identifier holds, its files stay in the tree, apart from those of other identifiers."""
    folder = folder_name(name)
    assert "/" not in folder
    assert "\0" not in folder
    assert not folder.startswith(".")
    others = {folder_name(other) for other in ("1.2.840", "..a", "%252E", "b") if other != name}
    assert folder not in others


def test_a_missing_source_is_an_error(files: FileStore) -> None:
    """store §9: storage failure while storing."""
    with pytest.raises(FileNotFoundError):
        files.write(InstanceKey("p", "1", "2", "3"), 1, files.temporary(), b"{}")
