"""Decodes and encodes text by Specific Character Set (0008,0005), PS3.5 §6.1.2 and PS3.3 §C.12.1.1.2. Never fails."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

Decode: TypeAlias = Callable[[bytes], str]
Encode: TypeAlias = Callable[[str], bytes]

ESCAPE = b"\x1b"

# Python's codecs by the registration of PS3.3 Tables C.12-2 to C.12-5: `ISO_IR 100`, `ISO 2022 IR 100` are both `100`.
_CODECS = {
    "6": "ascii",
    "13": "shift_jis",
    "58": "gb2312",
    "87": "iso2022_jp",
    "100": "iso8859-1",
    "101": "iso8859-2",
    "109": "iso8859-3",
    "110": "iso8859-4",
    "126": "iso8859-7",
    "127": "iso8859-6",
    "138": "iso8859-8",
    "144": "iso8859-5",
    "148": "iso8859-9",
    "149": "euc_kr",
    "159": "iso2022_jp_2",
    "166": "cp874",
    "192": "utf-8",
    "203": "iso8859-15",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
_TERM = re.compile(r"(?:ISO[ _-]IR|ISO 2022 IR|ISO 2022)[ _]?(\w+)|(GB18030|GBK)")

# Escape sequences of PS3.3 Tables C.12-3 and C.12-4.
_ESCAPES = {
    b"\x1b(B": "ascii",
    b"\x1b(J": "shift_jis",
    b"\x1b)I": "shift_jis",
    b"\x1b-A": "iso8859-1",
    b"\x1b-B": "iso8859-2",
    b"\x1b-C": "iso8859-3",
    b"\x1b-D": "iso8859-4",
    b"\x1b-F": "iso8859-7",
    b"\x1b-G": "iso8859-6",
    b"\x1b-H": "iso8859-8",
    b"\x1b-L": "iso8859-5",
    b"\x1b-M": "iso8859-9",
    b"\x1b-T": "cp874",
    b"\x1b-b": "iso8859-15",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
    b"\x1b$B": "iso2022_jp",
    b"\x1b$(D": "iso2022_jp_2",
}

# Python's codecs of these want to see the escape sequence themselves.
_KEEP_ESCAPE = frozenset(("iso2022_jp", "iso2022_jp_2"))
_ESCAPE_OF = {codec: escape for escape, codec in _ESCAPES.items()} | dict.fromkeys(("utf-8", "gb18030", "gbk"), b"")
_ESCAPED = re.compile(b"(?=" + b"|".join(map(re.escape, _ESCAPES)) + b")")

# After these the first character set is back (PS3.5 §6.1.2.5.3); `^` and `=` delimit in names only.
_DELIMITERS = {True: re.compile(rb"[\\\r\n\t\f^=]"), False: re.compile(rb"[\\\r\n\t\f]")}


def decode_ascii(value: bytes) -> str:
    """Text without a character set: what is not ASCII becomes `?`, as the service's .NET decoder has it."""
    return value.decode() if value.isascii() else value.decode("ascii", "replace").replace("\ufffd", "?")


@lru_cache(maxsize=256)
def decoder(specific_character_set: str, *, is_person_name: bool = False) -> Decode:
    """How to decode text under (0008,0005), its values as in the file; unknown terms count as ASCII."""
    terms = [term.strip(" \0") for term in specific_character_set.split("\\")]
    codecs = [_codec(term) for term in terms]
    if len(codecs) > 1 or terms[0].startswith("ISO 2022"):
        delimiters = _DELIMITERS[is_person_name]
        return lambda value: _decode_escaped(value, codecs[0], delimiters)
    return lambda value: _decode(value, codecs[0])


def encoder(specific_character_set: str, *, is_person_name: bool = False) -> Encode:
    """How to encode text under (0008,0005), as `decoder` reads it; what the set does not have becomes `?`."""
    terms = [term.strip(" \0") for term in specific_character_set.split("\\")]
    codecs = [_codec(term) for term in terms]
    if len(codecs) > 1 or terms[0].startswith("ISO 2022"):
        delimiters = _DELIMITERS[is_person_name]
        return lambda text: _encode_escaped(text, codecs, delimiters)
    return lambda text: text.encode(codecs[0], "replace")


def _encode_escaped(text: str, codecs: list[str], delimiters: re.Pattern[bytes]) -> bytes:
    """Code extensions: each stretch between delimiters in the first of the character sets that has it."""
    stretches = re.split(f"({delimiters.pattern.decode()})", text)
    return b"".join(_encode_stretch(stretch, codecs, delimiters) for stretch in stretches)


def _encode_stretch(stretch: str, codecs: list[str], delimiters: re.Pattern[bytes]) -> bytes:
    for number, codec in enumerate(codecs):
        escape = b"" if number == 0 or codec in _KEEP_ESCAPE else _ESCAPE_OF[codec]
        encoded = escape + stretch.encode(codec, "ignore")
        # Python's codecs know more than the character set that the escape sequence announces.
        if _decode_escaped(encoded, codecs[0], delimiters) == stretch:
            return encoded
    return stretch.encode(codecs[0], "replace")


def _codec(term: str) -> str:
    match = _TERM.fullmatch(term)
    return _CODECS.get(match[1] or match[2], "ascii") if match else "ascii"


def _decode(value: bytes, codec: str) -> str:
    return decode_ascii(value) if codec == "ascii" else value.decode(codec, "replace")


def _decode_escaped(value: bytes, first_codec: str, delimiters: re.Pattern[bytes]) -> str:
    """Code extensions (PS3.5 §6.1.2.5): every escape sequence switches, a delimiter switches back."""
    if ESCAPE not in value:
        return _decode(value, first_codec)
    return "".join(_decode_fragment(fragment, first_codec, delimiters) for fragment in _ESCAPED.split(value))


def _decode_fragment(fragment: bytes, first_codec: str, delimiters: re.Pattern[bytes]) -> str:
    escape = next((escape for escape in _ESCAPES if fragment.startswith(escape)), b"")
    if not escape:
        return _decode(fragment, first_codec)
    codec = _ESCAPES[escape]
    if codec in _KEEP_ESCAPE:
        return _decode(fragment, codec)
    text = fragment[len(escape) :]
    delimiter = delimiters.search(text)
    if delimiter is None:
        return _decode(text, codec)
    return _decode(text[: delimiter.start()], codec) + _decode(text[delimiter.start() :], first_codec)
