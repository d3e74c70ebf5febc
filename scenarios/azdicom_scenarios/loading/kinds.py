"""Kinds of values that a key of a scenario takes: what the schema's table is made of."""

from dataclasses import dataclass
from enum import Enum


class Scalar(Enum):
    """A single value. summary: for people; example: for editors and messages; rule: of the finding when it is wrong."""

    TEXT = ("a text", "wrong-type")
    NAME = ("a name of letters, digits, `_` and `-`", "wrong-type")
    BOOLEAN = ("`true` or `false`", "wrong-type")
    COUNT = ("a whole number, 1 or more", "wrong-type")
    COUNT_OR_VARIABLE = ("a whole number, 1 or more, or a `${…}`", "wrong-type")
    NUMBER = ("a number", "wrong-type")
    NUMBER_OR_VARIABLE = ("a number, or a `${…}`", "wrong-type")
    DURATION = ("a duration such as `200ms`, `10s`, `2m` or `1h`", "bad-duration")
    STATUS = ("a status code or a class such as `2xx`", "wrong-type")
    TAG_PATH = ("a keyword, a tag of 8 hex digits, or a path such as `RequestAttributesSequence[0].StudyID`", "bad-tag")
    JSONPATH = ("a JSONPath such as `$[0].00100020.Value[0]`", "bad-jsonpath")
    REGEX = ("a regular expression", "wrong-type")
    CONDITION = ("a condition of `==`, `!=`, `in`, `and`, `or`, `not`", "wrong-type")
    DATE = ("a day, `YYYY-MM-DD`", "wrong-type")
    SIZE = ("a size in pixels, `WIDTHxHEIGHT`", "wrong-type")
    DEFECT = ("`truncate:BYTES`, `no-final-boundary` or `wrong-boundary`", "wrong-type")
    SHA256 = ("64 hex digits", "wrong-type")
    SETTING = ("the name of a setting of `azdicom serve`, `_` for `-`", "unknown-key")
    DICOM = ("a value of a DICOM attribute", "wrong-type")

    def __init__(self, summary: str, rule: str) -> None:
        self.summary = summary
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Several:
    """A list. or_one: a single one may stand without the list."""

    of: "Kind"
    or_one: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping with names of the user's own; is_single: of exactly one."""

    key: Scalar
    value: "Kind"
    is_single: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """A mapping with the keys of an object of the schema. shorthand: what may stand there instead."""

    name: str
    shorthand: "Kind | None" = None


class Free(Enum):
    """JSON: any JSON value, plain scalars read as JSON reads them. WORDS: any nesting of texts."""

    JSON = "any JSON value"
    WORDS = "a text, a list of texts, or the items of a sequence"


class Flavour(Enum):
    """What the literals of a matcher are: JSON values, texts of a DICOM attribute, or texts."""

    JSON = "json"
    DICOM = "dicom"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value to compare with, of the flavour of the matcher it is in."""


@dataclass(frozen=True, slots=True)
class MatcherKind:
    """A matcher, or a literal that stands for `equals`. flavour: None is that of the matcher it is in."""

    flavour: Flavour | None = None


Kind = Scalar | Choice | Several | Table | Ref | Free | Literal | MatcherKind


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    kind: Kind
    summary: str
    is_required: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Keys of which exactly one must be there; is_optional: or none."""

    names: tuple[str, ...]
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with known keys. others: names of the user's own that may stand beside them."""

    title: str
    keys: tuple[Key, ...]
    groups: tuple[Group, ...] = ()
    others: Table | None = None

    def key(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys)
