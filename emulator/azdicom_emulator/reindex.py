"""`azdicom reindex`: makes the index of a data folder again from its DICOM files."""

import mmap
import time
from pathlib import Path

import click

from azdicom_emulator.logs import configure
from azdicom_emulator.serve import ServeError
from azdicom_emulator.serve_options import data_dir_option
from azdicom_emulator.settings import LogFormat
from azdicom_emulator.storage.errors import StorageError
from azdicom_emulator.storage.reindex import ReadAttributes, rebuild

LENIENT_VERSION = 2
"""What version 1 refused is not in the folder, and what version 2 let pass must not be lost."""


@click.command()
@data_dir_option
def reindex(data_dir: Path) -> None:
    """Make the index again from the DICOM files, when it is lost or damaged.

    Stop the server first. Studies, series and instances come back; deletions in the change feed and expiries do not.
    The former index stays beside the new one as index.duckdb.old.

    \b
    Examples:
      azdicom reindex
      azdicom reindex --data-dir /var/lib/azdicom
    """
    configure("info", LogFormat.TEXT)
    started = time.monotonic()
    if not data_dir.is_dir():
        raise ServeError(f"there is no data folder {data_dir}")
    try:
        count = rebuild(data_dir, _attributes_of)
    except StorageError as error:
        raise ServeError(str(error)) from None
    click.echo(f"indexed {count} instances in {time.monotonic() - started:.1f} s")


def _attributes_of(path: Path) -> ReadAttributes:
    """Raises ValueError when the file is not one that the server would store."""
    from azdicom_emulator.dicom.ingest import Refused, read_instance
    from azdicom_emulator.storage.attributes import series_attributes, study_attributes

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
        report = read_instance(source, api_version=LENIENT_VERSION, study=None)
    if isinstance(report, Refused):
        raise ValueError("; ".join(report.messages) or "not a DICOM file")
    return ReadAttributes(
        transfer_syntax_uid=report.transfer_syntax_uid,
        study=study_attributes(report.attributes),
        series=series_attributes(report.attributes),
    )
