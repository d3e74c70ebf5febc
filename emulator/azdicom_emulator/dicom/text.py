"""The text of an element: decoded, padding removed, split into values (PS3.5 §6.2, store §8.2)."""

from azdicom_emulator.dicom.charset import ESCAPE, Decode, decode_ascii, decoder
from azdicom_emulator.dicom.elements import CHARACTER_SET_VRS, SINGLE_VALUE_VRS, DataSet

SPECIFIC_CHARACTER_SET = 0x00080005


def needs_character_set(vr: str, raw: bytes) -> bool:
    """Whether (0008,0005) decides what `raw` says; not so for ASCII, which all character sets share."""
    return vr in CHARACTER_SET_VRS and not (raw.isascii() and ESCAPE not in raw)


def text_of(vr: str, raw: bytes, decode: Decode = decode_ascii) -> str:
    """The decoded text without trailing padding: spaces, for UI NULs. A NUL that pads another VR stays."""
    return decode(raw).rstrip("\0" if vr == "UI" else " ")


def values_of(vr: str, raw: bytes, decode: Decode = decode_ascii) -> list[str]:
    """The values, none for an empty element; of the VRs that have one value only, always one."""
    text = text_of(vr, raw, decode)
    if vr in SINGLE_VALUE_VRS:
        return [text]
    return text.split("\\") if text else []


def character_set_of(data_set: DataSet, inherited: str) -> str:
    """(0008,0005) of a data set, as text; that of the data set around it when it has none (PS3.5 §7.5.3)."""
    for attribute, value in data_set:
        if attribute.tag >= SPECIFIC_CHARACTER_SET:
            if attribute.tag == SPECIFIC_CHARACTER_SET and type(value) is bytes and value.strip(b" \0"):
                return decode_ascii(value)
            break
    return inherited


def decoder_of(vr: str, character_set: str) -> Decode:
    return decoder(character_set, is_person_name=vr == "PN")
