"""Collects the differences of one pair, and counts the facts that each side states."""

from dataclasses import dataclass, field

from azdicom_proxy.parity.comparing.terms import Terms
from azdicom_proxy.parity.model import Difference, Severity

VOLATILE = "volatile"
"""The rule for values that differ from run to run by their nature (docs/parity.md)."""
MAX_VALUE_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Place:
    """at: where in an answer, with indices and identities generalised; where: the same with the real ones."""

    at: str
    where: str

    @classmethod
    def of(cls, text: str) -> "Place":
        return cls(text, text)

    def item(self, name: str | int) -> "Place":
        """An item of the array here."""
        return Place(f"{self.at}[*]", f"{self.where}[{name}]")

    def key(self, name: str) -> "Place":
        """A member of the object here."""
        separator = "" if self.at.endswith(":") else "."
        return Place(f"{self.at}{separator}{name}", f"{self.where}{separator}{name}")

    def within(self, prefix: str) -> "Place":
        """What follows is about a body inside this one: `part[*]` and `dicom:` give `part[*]:dicom:`."""
        return Place(f"{self.at}:{prefix}", f"{self.where}:{prefix}") if self.at else Place.of(prefix)


@dataclass(slots=True)
class Findings:
    """terms: how values of the two sides are brought to the same terms.

    close_psnr_db: from here on two images of a lossy format are close.
    """

    terms: Terms
    close_psnr_db: float = 40.0
    differences: list[Difference] = field(default_factory=list)
    facts_upstream: int = 0
    facts_local: int = 0
    facts_same: int = 0

    def same(self, facts: int = 1) -> None:
        """Both sides state the same."""
        self.facts_upstream += facts
        self.facts_local += facts
        self.facts_same += facts

    def report(
        self,
        severity: Severity,
        place: Place,
        kind: str,
        text: str,
        *,
        upstream: str | None = None,
        local: str | None = None,
        tag: str | None = None,
        rule: str | None = None,
        facts: int = 1,
    ) -> None:
        """facts: how many the side that alone has something states here; of a value that differs, both state them."""
        self.facts_upstream += 0 if kind == "extra" else facts
        self.facts_local += 0 if kind == "missing" else facts
        if severity is Severity.NOISE and kind not in ("missing", "extra"):
            self.facts_same += facts
        self.differences.append(
            Difference(
                severity=severity,
                at=place.at,
                kind=kind,
                text=text,
                where=place.where,
                upstream=_cut(upstream),
                local=_cut(local),
                tag=tag,
                rule=rule,
            )
        )

    def scratch(self) -> "Findings":
        """Another collection with the same terms, to try whether two things belong together."""
        return Findings(self.terms, self.close_psnr_db)

    def take(self, other: "Findings") -> None:
        """All that `other` has collected."""
        self.differences += other.differences
        self.facts_upstream += other.facts_upstream
        self.facts_local += other.facts_local
        self.facts_same += other.facts_same

    @property
    def fingerprints(self) -> set[tuple[str, str]]:
        """Of the differences that are no noise."""
        return {(each.at, each.kind) for each in self.differences if each.severity is not Severity.NOISE}


def _cut(value: str | None) -> str | None:
    if value is None or len(value) <= MAX_VALUE_CHARACTERS:
        return value
    half = MAX_VALUE_CHARACTERS // 2
    return f"{value[:half]}…{value[-half:]}"
