"""Text that may name somebody: error messages, headers, URLs, descriptions."""

import re
from collections.abc import Mapping

from azdicom_proxy.scrub.policy import Option, ScrubPolicy
from azdicom_proxy.scrub.pseudonyms import Pseudonyms
from azdicom_proxy.scrub.secrets import Secrets

_PATH_UID = re.compile(r"(/(?:studies|series|instances|workitems)/)(\d[\d.]*)(?![\w-])")
_UID = re.compile(r"(?<![\w.])[0-2](?:\.\d+){4,}(?!\d)")
_WORD = re.compile(r"\w+")
_MIN_WORD = 3
_MIN_IDENTIFIER = 3
_MIN_BINARY_WORD = 4


class FreeText:
    """Takes away secrets, then UIDs, then the names and ids that were seen in data sets (`identifiers`)."""

    def __init__(self, policy: ScrubPolicy, pseudonyms: Pseudonyms, secrets: Secrets) -> None:
        self._pseudonyms = pseudonyms
        self._secrets = secrets
        self._scrubs_phi = policy.scrubs_phi
        self._maps_uids = policy.scrubs_phi and Option.RETAIN_UIDS not in policy.options
        self.identifiers: Mapping[str, str] = {}
        self._known_count = -1
        self._pattern: re.Pattern[str] | None = None
        self._replacements: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        text = self._secrets.text(text)
        if self._maps_uids:
            text = _PATH_UID.sub(lambda found: found[1] + self._pseudonyms.uid(found[2]), text)
            text = _UID.sub(lambda found: self._pseudonyms.uid(found[0]), text)
        return self._without_identifiers(text) if self._scrubs_phi else text

    def binary(self, content: bytes) -> bytes:
        """Bytes that do not parse: secrets, names and ids overwritten in place."""
        content = self._secrets.binary(content)
        if self._scrubs_phi:
            self._learn()
            for word, replacement in self._replacements.items():
                if len(word) < _MIN_BINARY_WORD:
                    continue  # would be found in pixel data by chance
                content = _overwritten(content, word.encode(), replacement.encode())
        return content

    def _without_identifiers(self, text: str) -> str:
        self._learn()
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._replacements.get(found[0].lower(), found[0]), text)

    def _learn(self) -> None:
        """Builds the pattern anew when identifiers were added: whole values, and the words of names."""
        if len(self.identifiers) == self._known_count:
            return
        self._known_count = len(self.identifiers)
        self._replacements = {}
        for value, replacement in self.identifiers.items():
            if len(value) >= _MIN_IDENTIFIER:
                self._replacements[value.lower()] = replacement
            for word in _WORD.findall(value):
                if len(word) >= _MIN_WORD and not word.isdigit():
                    self._replacements[word.lower()] = self._pseudonyms.text(word)
        longest_first = sorted(self._replacements, key=len, reverse=True)
        if longest_first:
            alternatives = "|".join(map(re.escape, longest_first))
            self._pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)


def _overwritten(content: bytes, word: bytes, replacement: bytes) -> bytes:
    filled = (replacement + b" " * len(word))[: len(word)]
    return re.sub(re.escape(word), lambda _: filled, content, flags=re.IGNORECASE)
