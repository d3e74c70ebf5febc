"""How far an export is: what it keeps in the index after each batch, and what it reports (async §3.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from azdicom_emulator.management.export_body import Identifier
from azdicom_emulator.management.export_settings import DestinationSettings, settings_as_work, settings_of_work


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """What to do, and how far it is done.

    identifiers: None exports all instances whose first version is not above `highest`. number: the identifier to go on
    with, after the instance whose first version is `after`.
    """

    partition: str
    identifiers: tuple[Identifier, ...] | None
    destination: DestinationSettings
    errors_url: str
    highest: int | None = None
    number: int = 0
    after: int = 0
    exported: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, work: Mapping[str, Any]) -> "ExportProgress":
        """What `as_work` gave."""
        identifiers = work["identifiers"]
        return cls(
            **{
                **work,
                "identifiers": None if identifiers is None else tuple(Identifier(*each) for each in identifiers),
                "destination": settings_of_work(work["destination"]),
            }
        )

    def as_work(self) -> Mapping[str, Any]:
        return {
            "partition": self.partition,
            "identifiers": None
            if self.identifiers is None
            else [[each.study, each.series, each.instance] for each in self.identifiers],
            "destination": settings_as_work(self.destination),
            "errors_url": self.errors_url,
            "highest": self.highest,
            "number": self.number,
            "after": self.after,
            "exported": self.exported,
            "skipped": self.skipped,
        }

    @property
    def results(self) -> Mapping[str, Any]:
        """As `Operation.results` shows them."""
        return {"exported": self.exported, "skipped": self.skipped, "errorHref": self.errors_url}

    def at(self, number: int, after: int, *, exported: int, skipped: int) -> "ExportProgress":
        """After a batch that ended there."""
        return replace(
            self, number=number, after=after, exported=self.exported + exported, skipped=self.skipped + skipped
        )
