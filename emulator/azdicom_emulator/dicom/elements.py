"""What a scanned data set consists of: attributes, values, items."""

from dataclasses import dataclass
from operator import ge
from typing import TypeAlias

from azdicom_emulator.dicom.dictionary import Entry, entry_of

# Their values never leave the file: the service keeps them out of metadata and does not check them (store §8.2).
BINARY_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))

# PS3.5 §7.1.2: explicit VR elements of these VRs have two reserved bytes and a 32-bit length.
LONG_LENGTH_VRS = BINARY_VRS | {"SQ", "SV", "UC", "UR", "UT", "UV"}

NUMBER_SIZES_BYTES = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}

TEXT_VRS = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)

# A backslash is part of the text (PS3.5 §6.2): one value, whatever it holds.
SINGLE_VALUE_VRS = frozenset(("LT", "ST", "UR", "UT"))

# (0008,0005) decides how these are encoded; all other text is ASCII (PS3.5 §6.1.2.3).
CHARACTER_SET_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))

VRS = TEXT_VRS | LONG_LENGTH_VRS | NUMBER_SIZES_BYTES.keys()

# Attributes are remembered; a sender chooses their tags, so not without end.
_MAX_REMEMBERED = 50_000


class Attribute:
    """A tag with the VR that a file gives it. All elements alike share one object, so that it is a cheap key."""

    __slots__ = ("entry", "json_key", "tag", "vr")

    def __init__(self, tag: int, vr: str) -> None:
        self.tag = tag
        self.vr = vr
        self.entry: Entry | None = entry_of(tag)
        self.json_key = b'"%08X":{"vr":"%s"' % (tag, vr.encode())

    def __repr__(self) -> str:
        return f"Attribute(0x{self.tag:08X}, {self.vr!r})"


_ATTRIBUTES: dict[tuple[int, str], Attribute] = {}


def attribute_of(tag: int, vr: str) -> Attribute:
    """The attribute `tag` with `vr`, one of VRS."""
    attribute = _ATTRIBUTES.get((tag, vr))
    if attribute is None:
        attribute = Attribute(tag, vr)
        if len(_ATTRIBUTES) < _MAX_REMEMBERED:
            _ATTRIBUTES[tag, vr] = attribute
    return attribute


@dataclass(frozen=True, slots=True)
class BinaryValue:
    """A value that was skipped: where it begins in the scanned bytes, and how many of its bytes are there."""

    offset: int
    length_bytes: int


# Numbers are little endian, whatever the file's byte order; text is as in the file, padding included.
Value: TypeAlias = "bytes | list[DataSet] | BinaryValue"
Element: TypeAlias = tuple[Attribute, Value]
DataSet: TypeAlias = list[Element]


def put_in_tag_order(data_set: DataSet) -> None:
    """Sorts by tag where a file did not (PS3.5 §7.1 demands it); of elements with one tag, the last stays."""
    tags = [attribute.tag for attribute, _ in data_set]
    if any(map(ge, tags, tags[1:])):
        last_of_each = {element[0].tag: element for element in data_set}
        data_set[:] = [last_of_each[tag] for tag in sorted(last_of_each)]
