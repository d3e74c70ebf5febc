"""Exports to a folder of this machine, an extension (async §3.4)."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from azdicom_emulator.settings import Settings
from tests.conftest import EmulatorWith
from tests.management.exports import an_export, errors_in, exported, post_export
from tests.management.tags import finished, operation_path
from tests.support.folders import files_below
from tests.support.instances import an_instance, part10
from tests.support.server import running


def test_files_arrive_below_the_folder(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §3.4: destination `localdirectory`, with the layout of a container."""
    emulator = emulator_with(export_folder=tmp_path / "exports")
    instance = emulator.store(an_instance())
    body = an_export({"path": "for/them"}, instance.StudyInstanceUID, "1.2.3", to="localDirectory")

    started = post_export(emulator, body)
    done = finished(emulator, operation_path(emulator, started))

    folder = tmp_path / "exports" / "for" / "them" / done["operationId"]
    path = f"{instance.StudyInstanceUID}/{instance.SeriesInstanceUID}/{instance.SOPInstanceUID}.dcm"
    assert (folder / "results" / path).read_bytes() == part10(instance)
    assert len(files_below(folder)) == 2
    assert (done["status"], done["results"]["exported"], done["results"]["skipped"]) == ("succeeded", 1, 1)
    assert Path(unquote(urlsplit(done["results"]["errorHref"]).path)) == folder / "errors.log"
    assert [entry["identifier"] for entry in errors_in((folder / "errors.log").read_bytes())] == ["1.2.3"]
    announced = '299 azdicom "export.local_directory: the managed service would answer 400"'
    assert announced in started.headers.get_all("Warning", [])


def test_the_folder_itself_is_the_default(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: `path` may be left out."""
    emulator = emulator_with(export_folder=tmp_path / "exports")
    emulator.store_all([an_instance() for _ in range(3)])

    done = exported(emulator, an_export({}, of_all=True, to="localdirectory"))

    assert len(files_below(tmp_path / "exports" / done["operationId"] / "results")) == 3


def test_links_do_not_lead_out(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §3.4: a client must not write where the operator did not allow it."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "link").symlink_to(tmp_path)
    emulator = emulator_with(export_folder=tmp_path / "exports")

    answer = post_export(emulator, an_export({"path": "link"}, "1.2", to="localdirectory"))

    assert answer.status == 400


def test_a_folder_that_cannot_be_written_is_refused(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: in the words of the service for a container."""
    (tmp_path / "exports").write_text("a file")
    emulator = emulator_with(export_folder=tmp_path / "exports")

    answer = post_export(emulator, an_export({}, "1.2", to="localdirectory"))

    assert (answer.status, answer.text) == (400, "Failed to write to the folder for exports.")


@pytest.mark.parametrize(
    "settings", [{}, {"strict": True, "export_folder": "exports"}], ids=["no folder any more", "strict"]
)
def test_an_export_that_may_not_go_on_fails(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Own design: a server that is started again without the folder does not write there."""
    folder, data = tmp_path / "exports", tmp_path / "data"
    with running(Settings(data_dir=data, export_folder=folder, operation_delay_s=60)) as emulator:
        emulator.store(an_instance())
        answer = post_export(emulator, an_export({}, of_all=True, to="localdirectory"))
        operation = operation_path(emulator, answer)
    if "export_folder" in settings:
        settings = settings | {"export_folder": folder}
    with running(Settings(data_dir=data, **settings)) as emulator:
        assert finished(emulator, operation)["status"] == "failed"
    assert [path.name for path in files_below(folder)] == ["errors.log"]
