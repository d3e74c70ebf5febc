"""Reading cassettes, ours and those that VCR.py wrote."""

from dataclasses import replace
from pathlib import Path

import yaml

from azdicom_proxy.cassette import yaml_text
from azdicom_proxy.cassette.document import MalformedError, from_document
from azdicom_proxy.cassette.errors import CassetteError, CassetteMissingError, SideFileError
from azdicom_proxy.cassette.model import Cassette, Interaction
from azdicom_proxy.cassette.naming import named
from azdicom_proxy.cassette.side_files import SideFiles, bodies_folder, files_of, problem_of


def load(path: Path, *, verify: bool = False) -> Cassette:
    """The cassette at `path`; interactions without id, route or seq get them.

    Side files must be there with their sizes; verify: and with their hashes, which reads them all.
    Raises CassetteMissingError, SideFileError, CassetteError.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise CassetteMissingError(path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CassetteError(path, f"cannot be read: {error}") from error
    cassette = parse(text, path)
    for interaction in cassette.interactions:
        _require_side_files(path, interaction, verify=verify)
    return cassette


def parse(text: str, path: Path) -> Cassette:
    """The cassette that is `text`; its side files are beside `path` and not looked at. Raises CassetteError."""
    if not text.strip():
        return Cassette(path=path)
    try:
        document = yaml_text.load(text)
    except yaml.YAMLError as error:
        raise CassetteError(path, f"is not YAML: {' '.join(str(error).split())}") from error
    folder = bodies_folder(path)
    recorder = document.get("recorder") if isinstance(document, dict) else None
    if isinstance(recorder, dict) and isinstance(recorder.get("bodies"), str):
        folder = path.parent / Path(recorder["bodies"]).name
    try:
        cassette = from_document(document, path, SideFiles(folder))
    except MalformedError as error:
        raise CassetteError(path, str(error)) from error
    return replace(cassette, interactions=named(cassette.interactions))


def _require_side_files(path: Path, interaction: Interaction, *, verify: bool) -> None:
    for file in (*files_of(interaction.request.body), *files_of(interaction.response.body)):
        try:
            problem = None if file.path.stat().st_size == file.size_bytes and not verify else problem_of(file)
        except FileNotFoundError:
            problem = problem_of(file)
        if problem is not None:
            raise SideFileError(path, f"{interaction.id}: {problem}")
