"""How a transfer syntax lays out element headers, and what each header means to the scanner."""

import struct
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from azdicom_emulator.dicom.dictionary import entry_of, is_private
from azdicom_emulator.dicom.elements import (
    BINARY_VRS,
    LONG_LENGTH_VRS,
    NUMBER_SIZES_BYTES,
    VRS,
    Attribute,
    attribute_of,
)

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
GE_PRIVATE_IMPLICIT_VR = "1.2.840.113619.5.2"  # its headers are little endian, its pixels big endian
DEFLATED = frozenset((DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))

# Headers are remembered; a sender chooses their tags, so not without end.
_MAX_REMEMBERED = 20_000

_DELIMITATION_GROUP = 0xFFFE
_FILE_META_GROUP = 0x0002
_PIXEL_REPRESENTATION = 0x00280103


class Action(Enum):
    """What the scanner does with an element."""

    KEEP = auto()
    SWAP = auto()  # keep, in little endian
    SKIP = auto()  # not part of the data set
    BINARY = auto()
    SEQUENCE = auto()
    DOUBTFUL_SEQUENCE = auto()  # its items may be in another syntax
    PIXEL_REPRESENTATION = auto()  # keep, and know from now on what the next is
    SIGNED_OR_NOT = auto()  # keep, as US or SS
    ITEM = auto()
    ITEM_END = auto()
    SEQUENCE_END = auto()


_DELIMITERS = {0xE000: Action.ITEM, 0xE00D: Action.ITEM_END, 0xE0DD: Action.SEQUENCE_END}


@dataclass(frozen=True, slots=True)
class Layout:
    """One element header. `length_at`: where its 32-bit length is, None: already unpacked; `value_at`: its size."""

    action: Action
    attribute: Attribute
    length_at: int | None
    value_at: int


class Syntax:
    """The headers of one transfer syntax.

    header: unpacks (key, length). The key is the tag and, when explicit, the VR, as in the file; the length is right
    for the keys in `plain` only. plain: the attributes whose value follows at 8 bytes and is kept as it is.
    """

    def __init__(self, *, is_explicit: bool, order: Literal["<", ">"]) -> None:
        self.is_explicit = is_explicit
        self.order = order
        self.header = struct.Struct(order + ("6sH" if is_explicit else "4sI")).unpack_from
        self.item = struct.Struct(order + "HHI").unpack_from
        self.length = struct.Struct(order + "I").unpack_from
        self.plain: dict[bytes, Attribute] = {}
        self._tag = struct.Struct(order + "HH").unpack_from
        self._layouts: dict[bytes, Layout] = {}

    def layout(self, key: bytes) -> Layout:
        """The layout of the header with `key`, remembered."""
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._new_layout(key)
            if layout.action not in _DELIMITERS.values() and len(self._layouts) < _MAX_REMEMBERED:
                self._layouts[key] = layout
                if layout.action is Action.KEEP and layout.length_at is None:
                    self.plain[key] = layout.attribute
        return layout

    def _new_layout(self, key: bytes) -> Layout:
        group, number = self._tag(key)
        tag = group << 16 | number
        if group == _DELIMITATION_GROUP and number in _DELIMITERS:
            return Layout(_DELIMITERS[number], attribute_of(tag, "UN"), 4, 8)
        if self.is_explicit:
            vr, length_at, value_at = _explicit_vr(tag, key[4:6].decode("latin-1"))
        else:
            vr, length_at, value_at = implicit_vr(tag), None, 8
        action, vr = _action(vr)
        if number == 0 or group == _FILE_META_GROUP:
            action = Action.SKIP
        elif action is Action.SEQUENCE and (is_private(tag) or key[4:6] == b"UN"):
            action = Action.DOUBTFUL_SEQUENCE
        elif tag == _PIXEL_REPRESENTATION and not self.is_explicit:
            action = Action.PIXEL_REPRESENTATION
        elif action is Action.KEEP and self.order == ">" and vr in NUMBER_SIZES_BYTES:
            action = Action.SWAP
        return Layout(action, attribute_of(tag, vr), length_at, value_at)


def _explicit_vr(tag: int, written: str) -> tuple[str, int | None, int]:
    """The VR of an explicit VR element, where its length is and where its value (service source: fo-dicom's reader)."""
    if written not in VRS:
        vr = implicit_vr(tag)
        if written.strip() or vr == "UN" or " or " in vr:
            return vr, 4, 8  # no VR there at all: an implicit VR header strayed in
        written = vr
    elif written == "UN":
        return implicit_vr(tag), 8, 12
    return (written, 8, 12) if written in LONG_LENGTH_VRS else (written, None, 8)


def implicit_vr(tag: int) -> str:
    """The VR by the dictionary (PS3.5 §6.2.2, §7.8 for private creators), which may be a choice: `US or SS`."""
    entry = entry_of(tag)
    if entry is not None:
        return entry.vr
    if tag & 0xFFFF == 0:
        return "UL"
    return "LO" if is_private(tag) and 0x10 <= tag & 0xFFFF <= 0xFF else "UN"


def _action(vr: str) -> tuple[Action, str]:
    if vr == "SQ":
        return Action.SEQUENCE, vr
    if vr == "US or SS":
        return Action.SIGNED_OR_NOT, "US"
    if vr in BINARY_VRS or " or " in vr:  # `OB or OW`, `US or OW`: binary unless a file says otherwise
        return Action.BINARY, vr if vr in BINARY_VRS else "OW"
    return (Action.KEEP, vr) if vr in VRS else (Action.BINARY, "UN")


EXPLICIT_LITTLE = Syntax(is_explicit=True, order="<")
EXPLICIT_BIG = Syntax(is_explicit=True, order=">")
IMPLICIT_LITTLE = Syntax(is_explicit=False, order="<")


def syntax_of(transfer_syntax_uid: str) -> Syntax:
    """The syntax of a transfer syntax; for unknown ones explicit VR little endian, as for compressed ones."""
    if transfer_syntax_uid in (IMPLICIT_VR_LITTLE_ENDIAN, GE_PRIVATE_IMPLICIT_VR):
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN else EXPLICIT_LITTLE
