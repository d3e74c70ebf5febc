"""What becomes of one attribute's values: the same for files, DICOM JSON and queries."""

import re
from collections.abc import Callable, Sequence

from azdicom_emulator.dicom.dictionary import entry_of, is_private
from azdicom_proxy.scrub.confidentiality import Action, action_of
from azdicom_proxy.scrub.policy import Option, ScrubPolicy
from azdicom_proxy.scrub.pseudonyms import Pseudonyms

PATIENT_BIRTH_DATE = 0x00100030
DUMMY_URL = "https://example.invalid/"
_DATE_VRS = frozenset(("DA", "DT"))
_NUMBER_VRS = frozenset(("DS", "IS", "FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"))
_IDENTIFYING_VRS = frozenset(("PN", "LO", "SH"))
_RANGE_VRS = frozenset(("DA", "DT", "TM"))
_ZONE = re.compile(r"[+-]\d{4}$")

FreeText = Callable[[str], str]


def vr_of(tag: int) -> str:
    """The VR by the dictionary, the first of several; UN for what is not in it."""
    entry = entry_of(tag)
    return entry.vr.partition(" ")[0] if entry else "UN"


class AttributeScrubber:
    """Decides by tag and VR, and replaces values. free_text: scrubs text that may name somebody."""

    def __init__(self, policy: ScrubPolicy, pseudonyms: Pseudonyms, free_text: FreeText) -> None:
        self.policy = policy
        self.pseudonyms = pseudonyms
        self._free_text = free_text
        self.identifiers: dict[str, str] = {}
        """Names and ids of people that were replaced, with their replacements."""

    def action(self, tag: int, vr: str) -> Action:
        """X, Z and D as the table has it; C where dates are to be shifted or text cleaned; K for the rest."""
        if is_private(tag):
            return Action.REMOVE if self.policy.scrubs_phi else Action.KEEP
        action = action_of(tag, self.policy)
        if action is None:
            # No row, yet a name of a person: nobody meant it to stay.
            return Action.DUMMY if vr == "PN" and self.policy.scrubs_phi else Action.KEEP
        if action is Action.KEEP and vr == "PN" and tag not in self.policy.rules.dicom:
            return Action.DUMMY
        return action

    def values(self, action: Action, tag: int, vr: str, values: Sequence[str]) -> list[str]:
        """The replacements of text values; [] empties the attribute. An empty value stays empty."""
        rule = self.policy.rules.dicom.get(tag)
        if rule is not None and rule.value is not None:
            return [rule.value]
        if action is Action.ZERO and tag == PATIENT_BIRTH_DATE:
            return []
        return [self._value(action, vr, value) if value.strip(" \0") else value for value in values]

    def query_value(self, tag: int, value: str) -> str:
        """A search's value for the attribute: lists and ranges part by part. What the profile removes is replaced."""
        vr = vr_of(tag)
        action = self.action(tag, vr)
        if action is Action.KEEP:
            return self._free_text(value)
        if action is Action.REMOVE:
            action = Action.DUMMY
        if tag == PATIENT_BIRTH_DATE:
            action = Action.DUMMY
        separator = r"([,\\])" if vr == "UI" else "(-)" if vr in _RANGE_VRS else r"(\\)"
        pieces = re.split(separator, value)
        replaced = self.values(action, tag, vr, pieces[::2])
        if len(replaced) != len(pieces[::2]):
            return "\\".join(replaced)
        pieces[::2] = replaced
        return "".join(pieces)

    def _value(self, action: Action, vr: str, value: str) -> str:
        if action is Action.KEEP:
            return value if vr == "UI" else self._free_text(value)
        if action is Action.UID or vr == "UI":
            return self.pseudonyms.uid(value)
        if action is Action.CLEAN and vr in _DATE_VRS:
            return self.pseudonyms.shifted(value)
        if action is Action.CLEAN:
            return value if vr in _NUMBER_VRS or vr in ("TM", "AS") else self._free_text(value)
        return self._dummy(vr, value)

    def _dummy(self, vr: str, value: str) -> str:
        if vr == "DA":
            return self.pseudonyms.date(value)
        if vr == "TM":
            return self.pseudonyms.time(value)
        if vr == "DT":
            stamp, zone = _ZONE.sub("", value), _ZONE.search(value)
            rest = self.pseudonyms.time(stamp[8:]) if len(stamp) > 8 else ""
            return self.pseudonyms.date(stamp[:8]) + rest + (zone[0] if zone else "")
        if vr in _NUMBER_VRS:
            return "0"
        if vr == "AS":
            return "000Y"
        if vr == "UR":
            return DUMMY_URL
        replacement = self.pseudonyms.text(value)
        if vr in _IDENTIFYING_VRS:
            self.identifiers[value] = replacement
        return replacement

    @property
    def retains_safe_private(self) -> bool:
        return Option.RETAIN_SAFE_PRIVATE in self.policy.options
