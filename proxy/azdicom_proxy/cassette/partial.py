"""`NAME.partial.jsonl`: each finished interaction as it happens, so that nothing is lost when a recording dies."""

import base64
import json
import os
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from azdicom_proxy.cassette.document import MalformedError, interaction_from_mapping, interaction_to_mapping
from azdicom_proxy.cassette.errors import CassetteError, CassetteMissingError
from azdicom_proxy.cassette.model import Interaction
from azdicom_proxy.cassette.side_files import SideFiles

FSYNC_EVERY_S = 1.0
_BYTES_KEY = "$base64"


def partial_path(cassette: Path) -> Path:
    return cassette.with_suffix(".partial.jsonl")


class PartialFile:
    """Appends interactions; what is appended is on the disk a second later."""

    def __init__(self, path: Path, side_files: SideFiles) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._side_files = side_files
        self._file = path.open("w", encoding="ascii", newline="\n")
        self._lock = Lock()
        self._is_dirty = False
        self._stopping = Event()
        self._thread = Thread(target=self._sync_until_stopped, name="cassette-fsync", daemon=True)
        self._thread.start()

    def append(self, interaction: Interaction) -> None:
        line = json.dumps(_encoded(interaction_to_mapping(interaction, self._side_files)), sort_keys=True)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
            self._is_dirty = True

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._sync()
        self._file.close()

    def _sync_until_stopped(self) -> None:
        while not self._stopping.wait(FSYNC_EVERY_S):
            self._sync()

    def _sync(self) -> None:
        with self._lock:
            is_dirty, self._is_dirty = self._is_dirty, False
        if is_dirty:
            os.fsync(self._file.fileno())


def read_partial(path: Path, side_files: SideFiles) -> tuple[Interaction, ...]:
    """The interactions of a partial file; a last line that was cut off is left out.

    Raises CassetteMissingError, CassetteError.
    """
    try:
        lines = path.read_text("ascii").split("\n")
    except FileNotFoundError:
        raise CassetteMissingError(path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CassetteError(path, f"cannot be read: {error}") from error
    interactions = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            interactions.append(interaction_from_mapping(_decoded(json.loads(line)), number, side_files))
        except (KeyError, TypeError, ValueError, AttributeError, MalformedError) as error:
            raise CassetteError(path, f"line {number} is malformed: {error}") from error
    return tuple(interactions)


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return {_BYTES_KEY: base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {key: _encoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_BYTES_KEY}:
            return base64.b64decode(value[_BYTES_KEY])
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value
