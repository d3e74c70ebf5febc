"""What a report may show: no secrets ever, no names and ids of patients unless somebody asks for them."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit

from azdicom_emulator.admin.masking import MASK, masked_pair, masked_target
from azdicom_emulator.dicom.dictionary import entry_of
from azdicom_proxy.scrub.key import KEY_BYTES
from azdicom_proxy.scrub.pseudonyms import Pseudonyms
from azdicom_proxy.scrub.secrets import Secrets

TAG = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?![0-9A-Fa-f])")
MIN_WORD = 3
MAX_WORDS = 5_000
NO_KEY = bytes(KEY_BYTES)
WORD_SEPARATORS = re.compile(r"[\^=\\ *,]+")


class Redaction:
    """phi_shown: names and ids of patients stay; hosts: `host:port` of the upstream, to be hidden like those of Azure.

    Remembers personal values, so that an echo of one is hidden too.
    """

    def __init__(self, *, phi_shown: bool, hosts: Iterable[str] = ()) -> None:
        self.phi_shown = phi_shown
        self._secrets = Secrets(Pseudonyms(NO_KEY), hosts)
        self._words: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def remember(self, values: Iterable[str]) -> None:
        """Values of personal attributes, whole and word by word."""
        if self.phi_shown or len(self._words) > MAX_WORDS:
            return
        before = len(self._words)
        for value in values:
            for word in (value, *WORD_SEPARATORS.split(value)):
                if len(word) >= MIN_WORD and word != MASK:
                    self._words.add(word)
        if len(self._words) != before:
            self._pattern = None

    def value(self, text: str | None, place: str) -> str | None:
        """A value at `place`, such as `dicom:[*].00100010`: hidden where an attribute on the way is personal."""
        if text is None:
            return None
        if not self.phi_shown and any(is_personal(tag) for tag in tags_in(place)):
            return MASK
        return self.text(text)

    def text(self, text: str) -> str:
        """Free text without secrets, and without personal values that were seen elsewhere."""
        text = self._secrets.text(text)
        if self.phi_shown or not self._words:
            return text
        if self._pattern is None:
            longest_first = sorted(self._words, key=lambda word: (-len(word), word))
            self._pattern = re.compile("|".join(map(_whole, longest_first)), re.IGNORECASE)
        return self._pattern.sub(MASK, text)

    def uri(self, uri: str) -> str:
        """A URI without signatures, tokens and the service's host, and without the values of personal parameters."""
        return self._secrets.text(masked_target(uri, with_personal=self.phi_shown))


def tags_in(place: str) -> list[str]:
    """The tags, 8 hex digits each, that a location names from the outside in."""
    return TAG.findall(place)


@lru_cache(maxsize=4096)
def is_personal(tag: str) -> bool:
    """Whether an attribute's values are names or ids of persons, or lead to one. tag: 8 hex digits."""
    entry = entry_of(int(tag, 16))
    names = (tag, entry.keyword) if entry else (tag,)
    return (entry is not None and entry.vr == "PN") or any(_is_hidden(name) for name in names)


def personal_parameters(uri: str) -> Iterator[str]:
    """The decoded values of a query's personal parameters."""
    for pair in urlsplit(uri).query.split("&"):
        name, equals, value = pair.partition("=")
        if equals and _is_hidden(name):
            yield unquote_plus(value)


def _whole(word: str) -> str:
    """Not within another word, nor as a component of a UID; what is percent-encoded before it does not count."""
    escaped = re.escape(word)
    if word.isdigit():
        return rf"(?<![\w.]){escaped}(?!\w|\.\d)"
    return rf"(?:(?<!\w)|(?<=%[0-9A-F]{{2}})){escaped}(?!\w)"


def _is_hidden(name: str) -> bool:
    # "x" alone is no value of anything, so what comes back changed was hidden for its name.
    return masked_pair(f"{name}=x") != f"{name}=x"
