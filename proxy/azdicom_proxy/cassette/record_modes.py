"""Record modes, named as VCR.py names them, and what each does with a cassette that is there."""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from azdicom_proxy.cassette.errors import CassetteMissingError
from azdicom_proxy.cassette.model import Cassette
from azdicom_proxy.cassette.reading import load


class RecordMode(StrEnum):
    """ONCE: record if the file is absent, else replay. REWRITE: record anew, and keep what turns out equal."""

    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"
    NONE = "none"
    REWRITE = "rewrite"


class UnknownRecordModeError(ValueError):
    """No mode is called so; the text names those that are."""


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What to do. existing: what is replayed, or what is kept where equal; None: there is no file.

    replays: known requests are answered from `existing`. records: what is not answered is forwarded and recorded.
    keeps_equal: `existing` is not replayed, but its interactions are kept where the new ones are equal.
    """

    mode: RecordMode
    existing: Cassette | None
    replays: bool
    records: bool
    keeps_equal: bool


def parse_record_mode(name: str) -> RecordMode:
    """Raises UnknownRecordModeError."""
    try:
        return RecordMode(name)
    except ValueError:
        close = get_close_matches(name, list(RecordMode), 1)
        hint = f" Did you mean {str(close[0])!r}?" if close else ""
        raise UnknownRecordModeError(f"unknown record mode {name!r}. Known: {', '.join(RecordMode)}.{hint}") from None


def plan(mode: RecordMode, path: Path) -> RecordPlan:
    """The plan for the cassette at `path`. Raises CassetteError if it is there and cannot be read."""
    try:
        existing = load(path)
    except CassetteMissingError:
        existing = None
    replays = mode in (RecordMode.ONCE, RecordMode.NEW_EPISODES, RecordMode.NONE) and existing is not None
    records = mode in (RecordMode.NEW_EPISODES, RecordMode.ALL, RecordMode.REWRITE)
    records = records or (mode is RecordMode.ONCE and existing is None)
    return RecordPlan(mode, existing, replays, records, mode in (RecordMode.ALL, RecordMode.REWRITE))
