"""How text is folded so that a plain comparison matches as the service does (search §5.5, §6)."""

import re
import unicodedata

_PADDING = " \0"
_NOT_WORD = re.compile(r"[\W_]+")


def fold_text(value: str | None) -> str | None:
    """Case folded, trailing spaces and NULs gone, accents kept (LO, SH, CS, AE, AS)."""
    if value is None:
        return None
    text = value.rstrip(_PADDING).casefold()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold_name(value: str | None) -> str | None:
    """As `fold_text`, and accents gone (PN, without fuzzy matching)."""
    if value is None:
        return None
    return _without_accents(value.rstrip(_PADDING).casefold())


def name_words(value: str | None) -> str | None:
    """The folded words of a name, each led by one space: ` hall x ta`; None when there is none (PN, fuzzy matching)."""
    if value is None:
        return None
    # Accents go before the split: a combining mark is not a letter and would cut the word that it belongs to.
    words = _NOT_WORD.split(_without_accents(value.casefold()))
    return "".join(f" {word}" for word in words if word) or None


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))
