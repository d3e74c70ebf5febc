"""The data dictionary (PS3.6): what pydicom knows of public attributes, remembered by tag."""

from dataclasses import dataclass

UNBOUNDED = 2**31 - 1

# fo-dicom's dictionary, which the service uses, allows three names (store §8.2, value multiplicity).
_MULTIPLICITY_OVERRIDES = {0x00100010: "1-3"}

# The groups of pydicom's dictionary of repeating attributes.
_REPEATING_HIGH_BYTES = frozenset((0x50, 0x60, 0x7F))
_REPEATING_GROUPS = frozenset((0x0020, 0x0028, 0x1000, 0x1010))


@dataclass(frozen=True, slots=True)
class Entry:
    """A public attribute. `vr` may name several, as in `US or SS`; `multiplicity` is the standard's, as in `1-n`."""

    vr: str
    multiplicity: str
    name: str
    keyword: str
    minimum_values: int
    maximum_values: int


class _Entries(dict[int, Entry | None]):
    """Entries by tag, filled on use: pydicom takes 0.2 s to import, so nobody imports it before the first data set."""

    def __missing__(self, tag: int) -> Entry | None:
        from pydicom.datadict import dictionary_has_tag, get_entry

        # What is not known is not remembered, since a sender may try all of 2^32 tags; so it must be told quickly.
        if is_private(tag) or not (dictionary_has_tag(tag) or _may_repeat(tag)):
            return None
        try:
            vr, multiplicity, name, _, keyword = get_entry(tag)
        except KeyError:
            return None
        multiplicity = _MULTIPLICITY_OVERRIDES.get(tag, multiplicity)
        minimum, maximum = _bounds(multiplicity)
        entry = self[tag] = Entry(vr, multiplicity, name, keyword, minimum, maximum)
        return entry


def _may_repeat(tag: int) -> bool:
    """Whether the tag is in a group that has repeating attributes (PS3.5 §7.6 and retired ones)."""
    return tag >> 24 in _REPEATING_HIGH_BYTES or tag >> 16 in _REPEATING_GROUPS


def _bounds(multiplicity: str) -> tuple[int, int]:
    """Fewest and most values: `2-2n` is (2, unbounded); the step is not checked by the service (store §8.2)."""
    first, _, last = multiplicity.partition("-")
    if not last:
        return int(first), int(first)
    return int(first), UNBOUNDED if last.endswith("n") else int(last)


_ENTRIES = _Entries()


def entry_of(tag: int) -> Entry | None:
    """The dictionary's entry, repeating groups (50xx, 60xx) included; None for private and unknown tags."""
    return _ENTRIES[tag]


def is_private(tag: int) -> bool:
    return tag & 0x0001_0000 != 0


def keyword_of(tag: int) -> str:
    """The keyword, or 8 upper-case hex digits for a tag that has none."""
    entry = entry_of(tag)
    return entry.keyword if entry else f"{tag:08X}"
