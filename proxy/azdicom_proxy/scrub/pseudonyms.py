"""Replacements for values: one original gives one replacement, by HMAC with the project key."""

import hmac
import re
import unicodedata
from collections.abc import Collection
from datetime import date, timedelta
from functools import lru_cache

WELL_KNOWN_ROOT = "1.2.840.10008."
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_DUMMY_EPOCH = date(1900, 1, 1)
_DUMMY_DAYS = 36_524
_MIN_SHIFT_DAYS, _SHIFT_RANGE_DAYS = 365, 3_285
_FAKE_ACCOUNT = re.compile(r"account\d{8}")


class Pseudonyms:
    """The replacements under one key. known: values that are replacements already, which stay as they are."""

    def __init__(self, key: bytes, known: Collection[str] = ()) -> None:
        self._key = key
        self._made: set[str] = set()  # UIDs and GUIDs that are replacements: a second pass leaves them
        self.known = frozenset(known)
        self.uid = lru_cache(maxsize=65_536)(self._uid)
        self.text = lru_cache(maxsize=65_536)(self._text)
        self.shift = timedelta(days=-(_MIN_SHIFT_DAYS + self._number("date shift", "") % _SHIFT_RANGE_DAYS))

    def _uid(self, uid: str) -> str:
        """`2.25.` and a number of 128 bits (PS3.5 §B.2); UIDs of the standard stay."""
        bare = uid.strip(" \0")
        if not bare or bare.startswith(WELL_KNOWN_ROOT) or bare in self.known or bare in self._made:
            return uid
        replacement = f"2.25.{self._number('uid', bare)}"
        self._made.add(replacement)
        return replacement

    def _text(self, text: str) -> str:
        """Letters for letters, digits for digits, the rest (`^`, `=`, `*`, blanks) as it is; never a letter for itself.

        What begins alike is replaced alike, in either case and with or without accents: a query `jan` is replaced by
        the beginning of the replacement of `Jane`, so that prefix and fuzzy searches find what they found.
        """
        if text.strip() in self.known:
            return text
        replaced: list[str] = []
        prefix = ""
        for char in text:
            for letter in _base_letters(char):
                if not letter.isalnum():
                    prefix = ""
                    replaced.append(letter if letter.isascii() else "")
                    continue
                prefix += letter.lower()
                replaced.append(self._char(letter, prefix))
        return "".join(replaced)

    def _char(self, letter: str, prefix: str) -> str:
        number = self._number("text", prefix[:-1])
        lower = letter.lower()
        if lower in _DIGITS:
            return _DIGITS[(int(lower) + 1 + number % 9) % 10]
        if lower in _LETTERS:
            fake = _LETTERS[(_LETTERS.index(lower) + 1 + number % 25) % 26]
        else:
            fake = _LETTERS[self._number("text", prefix) % 26]
        return fake.upper() if letter.isupper() else fake

    def date(self, text: str) -> str:
        """A dummy date (DA) in the twentieth century."""
        if text in self.known:
            return text
        return f"{_DUMMY_EPOCH + timedelta(days=self._number('date', text) % _DUMMY_DAYS):%Y%m%d}"

    def time(self, text: str) -> str:
        """A dummy time (TM), to the second."""
        if text in self.known:
            return text
        seconds = self._number("time", text) % 86_400
        return f"{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}"

    def shifted(self, text: str) -> str:
        """A DA or DT moved by the project's number of days; "" if it begins with no date."""
        if text in self.known:
            return text
        try:
            day = date(int(text[:4]), int(text[4:6] or 1), int(text[6:8] or 1))
            return f"{day + self.shift:%Y%m%d}"[: min(len(text), 8)] + text[8:]
        except (ValueError, OverflowError):
            return ""

    def guid(self, guid: str) -> str:
        """A stable fake for a tenant or subscription."""
        if guid.lower() in self.known or guid.lower() in self._made:
            return guid
        digits = f"{self._number('guid', guid.lower()):032x}"
        replacement = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
        self._made.add(replacement)
        return replacement

    def account(self, name: str) -> str:
        """A stable fake for the name of a storage account."""
        if _FAKE_ACCOUNT.fullmatch(name):
            return name
        return f"account{self._number('account', name) % 10**8:08}"

    def _number(self, kind: str, value: str) -> int:
        """128 bits. UIDs are hashed bare, all else after its kind, so that kinds do not tell of each other."""
        message = value if kind == "uid" else f"{kind}\0{value}"
        return int.from_bytes(hmac.digest(self._key, message.encode("utf-8", "surrogatepass"), "sha256")[:16], "big")


def _base_letters(char: str) -> str:
    """Without accents; `é` is `e`."""
    if char.isascii():
        return char
    return "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
