"""What is to be scrubbed: the PHI level, the options of PS3.15 Annex E, and a project's own rules."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Phi(StrEnum):
    """What happens to data of patients. BASIC: Basic Application Level Confidentiality Profile (PS3.15 §E.2)."""

    BASIC = "basic"
    KEEP = "keep"
    SYNTHETIC_ONLY = "synthetic-only"


class Option(StrEnum):
    """Options of the profile (PS3.15 §E.3)."""

    RETAIN_UIDS = "retain-uids"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_FULL_DATES = "retain-full-dates"
    RETAIN_MODIFIED_DATES = "retain-modified-dates"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_PIXEL_DATA = "clean-pixel-data"


REFUSED_OPTION = "clean-recognizable-visual-features"
REFUSAL = f"{REFUSED_OPTION}: faces cannot be removed from pixel data here; scrub such images before they are stored"

CODES: Mapping[Option, tuple[str, str]] = {
    Option.CLEAN_PIXEL_DATA: ("113101", "Clean Pixel Data Option"),
    Option.CLEAN_GRAPHICS: ("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: ("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: ("113105", "Clean Descriptors Option"),
    Option.RETAIN_FULL_DATES: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.RETAIN_MODIFIED_DATES: ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Option.RETAIN_PATIENT_CHARACTERISTICS: ("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: ("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: ("113112", "Retain Institution Identity Option"),
}
"""PS3.16 CID 7050; the profile itself is 113100."""


class PolicyError(ValueError):
    """A rule or an option that cannot be; the text says which and what would be."""


@dataclass(frozen=True, slots=True)
class JsonRule:
    """`$..email` or `$.a.b`: members of that name anywhere, or at that path."""

    path: str
    replacement: str


@dataclass(frozen=True, slots=True)
class RegexRule:
    """places: `uri`, `header`, `body`."""

    places: frozenset[str]
    pattern: re.Pattern[str]
    replacement: str


@dataclass(frozen=True, slots=True)
class DicomRule:
    """action: a code of PS3.15 (X, Z, D, K, U); value: what D puts there."""

    action: str
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A project's own rules; they come after ours, which cannot be taken away. headers: names in lower case."""

    headers: Mapping[str, str] = field(default_factory=dict)
    json: tuple[JsonRule, ...] = ()
    regex: tuple[RegexRule, ...] = ()
    dicom: Mapping[int, DicomRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubPolicy:
    """Secrets are not in it: they always go. thin_pixels: a pattern takes the place of pixel data."""

    phi: Phi = Phi.BASIC
    options: frozenset[Option] = frozenset()
    rules: Rules = field(default_factory=Rules)
    thin_pixels: bool = False

    @property
    def scrubs_phi(self) -> bool:
        return self.phi is Phi.BASIC

    @property
    def blanks_pixels(self) -> bool:
        """Nothing is left to be blanked of pixels that were thinned."""
        return self.scrubs_phi and Option.CLEAN_PIXEL_DATA in self.options and not self.thin_pixels


def parse_options(names: Iterable[str]) -> frozenset[Option]:
    """The options called so. Raises PolicyError: unknown, or one that cannot be kept."""
    options = set()
    for name in names:
        if name == REFUSED_OPTION:
            raise PolicyError(REFUSAL)
        try:
            options.add(Option(name))
        except ValueError:
            raise PolicyError(f"unknown option {name!r}. Known: {', '.join(sorted(Option))}") from None
    return frozenset(options)


def parse_rules(mapping: Any) -> Rules:
    """The rules of a project file's `scrub:` block. Raises PolicyError."""
    if not mapping:
        return Rules()
    if not isinstance(mapping, dict):
        raise PolicyError("scrub: a mapping of headers, json, regex and dicom is expected")
    if unknown := mapping.keys() - {"headers", "json", "regex", "dicom"}:
        raise PolicyError(f"scrub: unknown key {sorted(unknown)[0]!r}. Known: dicom, headers, json, regex")
    try:
        return Rules(
            headers={str(name).lower(): str(value) for name, value in (mapping.get("headers") or {}).items()},
            json=tuple(JsonRule(str(rule["path"]), str(rule["with"])) for rule in mapping.get("json") or ()),
            regex=tuple(_regex_rule(rule) for rule in mapping.get("regex") or ()),
            dicom=dict(_dicom_rule(rule) for rule in mapping.get("dicom") or ()),
        )
    except (KeyError, TypeError, AttributeError, re.error) as error:
        raise PolicyError(f"scrub: a rule is malformed: {type(error).__name__}: {error}") from error


def _regex_rule(rule: Mapping[str, Any]) -> RegexRule:
    places = frozenset(str(place) for place in rule.get("in", ("uri", "header", "body")))
    if unknown := places - {"uri", "header", "body"}:
        raise PolicyError(f"scrub: regex: unknown place {sorted(unknown)[0]!r}. Known: body, header, uri")
    return RegexRule(places, re.compile(str(rule["find"])), str(rule["with"]))


def _dicom_rule(rule: Mapping[str, Any]) -> tuple[int, DicomRule]:
    from azdicom_emulator.dicom.tag_paths import parse_tag_path

    name = re.sub(r"[(), ]", "", str(rule["tag"]))
    tag = parse_tag_path(name)
    if tag is None:
        raise PolicyError(f"scrub: dicom: {rule['tag']!r} is no tag")
    action = str(rule.get("action", "X"))
    if action not in ("X", "Z", "D", "K", "U"):
        raise PolicyError(f"scrub: dicom: {rule['tag']}: unknown action {action!r}. Known: D, K, U, X, Z")
    value = rule.get("value")
    return tag, DicomRule(action, None if value is None else str(value))
