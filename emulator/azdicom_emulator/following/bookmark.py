"""How far a follower of the change feed has come, in a file that outlives the process."""

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from azdicom_emulator.storage.records import Change

NAMESPACE = UUID("3f8a4d0e-6a55-4c1b-9a3e-5b0f6f3d6c21")


def change_id(change: Change) -> str:
    """A UUID that is the same whenever it is asked for, and differs from that of any other change of any feed."""
    return str(uuid5(NAMESPACE, f"{change.sequence}|{change.at.isoformat()}|{change.watermark}|{change.key.instance}"))


@dataclass(frozen=True, slots=True)
class Position:
    """The last change that is dealt with, with all before it. sequence 0, id None: none is."""

    sequence: int = 0
    change_id: str | None = None

    @classmethod
    def at(cls, change: Change | None) -> "Position":
        return cls() if change is None else cls(change.sequence, change_id(change))


class Bookmark:
    """The file of one follower. Blocking."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_suffix(".part")

    def read(self) -> Position | None:
        """None: there is none yet, or it is unreadable."""
        try:
            content = json.loads(self._path.read_bytes())
            return Position(int(content["sequence"]), content["change"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write(self, position: Position) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._part.write_text(json.dumps({"sequence": position.sequence, "change": position.change_id}))
        self._part.replace(self._path)
