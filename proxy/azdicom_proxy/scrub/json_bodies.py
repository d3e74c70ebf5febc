"""JSON: DICOM data sets wherever they stand in it, and the strings around them."""

import json
import re
from typing import Any

from azdicom_proxy.scrub.attributes import AttributeScrubber, FreeText
from azdicom_proxy.scrub.confidentiality import Action
from azdicom_proxy.scrub.policy import JsonRule

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_UID_MEMBER = re.compile(r"uids?$", re.IGNORECASE)


class JsonScrubber:
    """Scrubs JSON documents; the attributes of a data set by their tags, everything else as free text."""

    def __init__(
        self, attributes: AttributeScrubber, free_text: FreeText, secrets: FreeText, rules: tuple[JsonRule, ...]
    ) -> None:
        self._attributes = attributes
        self._free_text = free_text
        self._secrets = secrets
        self._rules = rules

    def text(self, text: str) -> str:
        """The document; not laid out anew where nothing changed, and free text where it is no JSON."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return self._free_text(text)
        scrubbed = self._walk(document, "")
        for rule in self._rules:
            scrubbed = _with_rule(scrubbed, _steps(rule.path), rule.replacement)
        # Secrets are looked for in the text as well: their rules know members by name, and escapes.
        return self._secrets(text if scrubbed == document else json.dumps(scrubbed, ensure_ascii=False))

    def _walk(self, value: Any, member: str) -> Any:
        if isinstance(value, dict):
            if value and all(_TAG.fullmatch(key) for key in value):
                return self._data_set(value)
            return {key: self._walk(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._walk(item, member) for item in value]
        if not isinstance(value, str):
            return value
        if _UID_MEMBER.search(member) and re.fullmatch(r"[\d.]+", value):
            return self._attributes.values(self._attributes.action(0x0020000D, "UI"), 0x0020000D, "UI", [value])[0]
        return self._free_text(value)

    def _data_set(self, data_set: dict[str, Any]) -> dict[str, Any]:
        scrubbed = {}
        self._learn_names(data_set)
        for key, attribute in data_set.items():
            if not isinstance(attribute, dict):
                scrubbed[key] = self._walk(attribute, key)
                continue
            replaced = self._attribute(int(key, 16), attribute)
            if replaced is not None:
                scrubbed[key] = replaced
        return scrubbed

    def _learn_names(self, data_set: dict[str, Any]) -> None:
        """Replaces names once in advance: descriptions that hold them come before them."""
        for key, attribute in data_set.items():
            if isinstance(attribute, dict) and attribute.get("vr") == "PN" and isinstance(attribute.get("Value"), list):
                action = self._attributes.action(int(key, 16), "PN")
                if action not in (Action.KEEP, Action.REMOVE):
                    self._names(action, int(key, 16), attribute["Value"])

    def _attribute(self, tag: int, attribute: dict[str, Any]) -> dict[str, Any] | None:
        """None: it goes."""
        vr = str(attribute.get("vr", "UN"))
        action = self._attributes.action(tag, vr)
        if action is Action.REMOVE:
            return None
        values = attribute.get("Value")
        if vr == "SQ":
            items = [] if action is Action.ZERO or not isinstance(values, list) else values
            scrubbed = [self._data_set(item) if isinstance(item, dict) else item for item in items]
            return _with_values(attribute, scrubbed)
        if "InlineBinary" in attribute or "BulkDataURI" in attribute:
            return self._binary(action, attribute)
        if not isinstance(values, list):
            return attribute
        if vr == "PN":
            return _with_values(attribute, self._names(action, tag, values))
        if action is Action.KEEP:
            return attribute if vr == "UI" else _with_values(attribute, [self._walk(value, "") for value in values])
        texts = ["" if value is None else str(value) for value in values]
        replaced: list[Any] = list(self._attributes.values(action, tag, vr, texts))
        numbers = [0 if isinstance(value, int | float) else None for value in values]
        if any(number is not None for number in numbers) and len(replaced) == len(values):
            replaced = [
                text if number is None else (value if text == str(value) else number)
                for text, number, value in zip(replaced, numbers, values, strict=True)
            ]
        return _with_values(attribute, replaced)

    def _binary(self, action: Action, attribute: dict[str, Any]) -> dict[str, Any]:
        if action in (Action.DUMMY, Action.ZERO):
            return {"vr": attribute.get("vr", "UN")}
        return {key: self._walk(value, "") if key == "BulkDataURI" else value for key, value in attribute.items()}

    def _names(self, action: Action, tag: int, names: list[Any]) -> list[Any]:
        replaced: list[Any] = []
        for name in names:
            if isinstance(name, dict):
                groups = {}
                for group, text in name.items():
                    is_name = group in _NAME_GROUPS and isinstance(text, str)
                    groups[group] = "".join(self._attributes.values(action, tag, "PN", [text])) if is_name else text
                replaced.append(groups)
            elif isinstance(name, str):
                replaced += self._attributes.values(action, tag, "PN", [name])
            else:
                replaced.append(name)
        return replaced


def _with_values(attribute: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    rest = {key: value for key, value in attribute.items() if key != "Value"}
    return {**rest, "Value": values} if values else rest


def _steps(path: str) -> tuple[str, ...]:
    """`$..email` is ("", "email"): the empty step is any depth."""
    return tuple(path.removeprefix("$").removeprefix(".").split("."))


def _with_rule(value: Any, steps: tuple[str, ...], replacement: str) -> Any:
    if not steps:
        return replacement
    if isinstance(value, list):
        return [_with_rule(item, steps, replacement) for item in value]
    if not isinstance(value, dict):
        return value
    first, rest = steps[0], steps[1:]
    if first:
        return {key: _with_rule(item, rest, replacement) if key == first else item for key, item in value.items()}
    return {
        key: _with_rule(item, rest[1:], replacement) if key == rest[0] else _with_rule(item, steps, replacement)
        for key, item in value.items()
    }
