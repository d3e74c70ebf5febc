"""`azdicom reindex` on a folder whose database is gone."""

import subprocess
from pathlib import Path

from azdicom_emulator.settings import Settings
from tests.support.instances import an_instance, another_in_series, instance_path, part10, study_path
from tests.support.process import COMMAND
from tests.support.server import running


def reindex(data_dir: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run((*COMMAND, "reindex", f"--data-dir={data_dir}"), capture_output=True, text=True, check=False)


def test_the_index_comes_back_from_the_files(tmp_path: Path) -> None:
    """The database is derived: all that was stored is found again, also what was stored with warnings."""
    first = an_instance(PatientName="Found^Again")
    second = another_in_series(first, PatientName="Found^Again", StudyDate="bad date")
    with running(Settings(data_dir=tmp_path)) as emulator:
        emulator.store_response(first, second)
    (tmp_path / "index.duckdb").unlink()

    done = reindex(tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("indexed 2 instances")
    with running(Settings(data_dir=tmp_path)) as emulator:
        (study,) = emulator.search_studies(PatientName="found^again")
        assert study["0020000D"]["Value"] == [first.StudyInstanceUID]
        assert emulator.retrieve(instance_path(second)) == part10(second)
        assert len(emulator.metadata(study_path(first))) == 2


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """One clear line and exit code 2."""
    with running(Settings(data_dir=tmp_path)):
        done = reindex(tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A typing error must not make an empty index."""
    done = reindex(tmp_path / "nowhere")

    assert done.returncode == 2
    assert not (tmp_path / "nowhere").exists()
