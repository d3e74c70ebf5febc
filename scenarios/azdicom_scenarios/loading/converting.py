"""Nodes to values by the schema's table: every wrong key and value is reported, the rest is converted."""

import re
from difflib import get_close_matches
from typing import Any

from azdicom_scenarios.findings import Finding, did_you_mean
from azdicom_scenarios.loading import matchers
from azdicom_scenarios.loading.kinds import (
    Choice,
    Flavour,
    Free,
    Group,
    Kind,
    Literal,
    MatcherKind,
    Object,
    Ref,
    Scalar,
    Several,
    Table,
)
from azdicom_scenarios.loading.nodes import ListNode, MapNode, Node, ScalarNode
from azdicom_scenarios.loading.records import Record, Single
from azdicom_scenarios.loading.scalars import BadValueError, as_text, convert
from azdicom_scenarios.loading.schema import OBJECTS
from azdicom_scenarios.model import Json, Mark, Matcher, Text, Words

JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
JSON_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_INVALID = object()
_OWN_RULES = {"name": "missing-name", "id": "missing-name"}
"""Keys whose absence has a rule of its own."""


def converted(root: Node) -> tuple[Record, list[Finding]]:
    """The `scenario` record of a file, and all that is wrong with its keys and values."""
    conversion = _Conversion()
    record = conversion.record(root, "scenario") if isinstance(root, MapNode) else None
    if record is None:
        conversion.report(root.mark, "wrong-type", "a scenario is a mapping, with `name:` and `steps:`")
        record = Record("scenario", root.mark)
    return record, conversion.findings


def as_json(node: Node) -> Json:
    """Plain scalars as JSON reads them: numbers without leading zeros, true, false and null; all else is text."""
    if isinstance(node, ListNode):
        return [as_json(item) for item in node.items]
    if isinstance(node, MapNode):
        return {key.text: as_json(value) for key, value in node.pairs}
    if node.is_quoted:
        return node.text
    if node.text in JSON_WORDS:
        return JSON_WORDS[node.text]
    number = JSON_NUMBER.fullmatch(node.text)
    if number is None:
        return node.text
    return float(node.text) if number[1] or number[2] else int(node.text)


def as_words(node: Node) -> Words:
    if isinstance(node, ListNode):
        return [as_words(item) for item in node.items]
    if isinstance(node, MapNode):
        return {key.text: as_words(value) for key, value in node.pairs}
    return node.text


class _Conversion:
    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def report(self, mark: Mark, rule: str, text: str) -> None:
        self.findings.append(Finding(mark, rule, text))

    def record(self, node: MapNode, name: str, flavour: Flavour = Flavour.TEXT) -> Record:
        shape = OBJECTS[name]
        record = Record(name, node.mark)
        for key, value in node.pairs:
            known = shape.key(key.text)
            if known is not None:
                record.keys[key.text] = key.mark
                found = self.value(value, known.kind, flavour, key.text)
                if found is not _INVALID:
                    record.values[key.text] = found
            elif shape.others is not None:
                self._entry(record.others, key, value, shape.others, flavour)
            else:
                record.keys[key.text] = key.mark
                self._unknown(key, shape)
        self._check_required(record, shape)
        return record

    def value(self, node: Node, kind: Kind, flavour: Flavour, under: str) -> Any:
        """_INVALID when something was reported that leaves no value. under: the key, for messages."""
        match kind:
            case Scalar():
                return self._scalar(node, kind, under)
            case Choice():
                return self._choice(node, kind, under)
            case Several():
                return self._several(node, kind, flavour, under)
            case Table():
                return self._table(node, kind, flavour, under)
            case Ref():
                return self._ref(node, kind, flavour, under)
            case Free():
                return as_json(node) if kind is Free.JSON else as_words(node)
            case Literal():
                return literal(node, flavour)
            case MatcherKind():
                return self.matcher(node, kind.flavour or flavour)

    def matcher(self, node: Node, flavour: Flavour) -> Matcher | object:
        """A mapping is a matcher as soon as one of its keys is, or nearly is, a matcher's word."""
        if not isinstance(node, MapNode) or not any(_is_matcher_word(key.text) for key, _ in node.pairs):
            return matchers.equals(node.mark, literal(node, flavour))
        before = len(self.findings)
        record = self.record(node, "matcher", flavour)
        if len(self.findings) > before:
            return _INVALID
        return matchers.of_record(record)

    def _scalar(self, node: Node, kind: Scalar, under: str) -> Any:
        if not isinstance(node, ScalarNode):
            self.report(node.mark, "wrong-type", f"'{under}' takes {kind.summary}, not {_called(node)}")
            return _INVALID
        try:
            return convert(node, kind)
        except BadValueError as error:
            self.report(node.mark, error.rule or kind.rule, str(error))
            return _INVALID

    def _choice(self, node: Node, kind: Choice, under: str) -> Any:
        if isinstance(node, ScalarNode) and node.text in kind.words:
            return as_text(node)
        written = f"'{node.text}'" if isinstance(node, ScalarNode) else _called(node)
        hint = did_you_mean(node.text, kind.words) if isinstance(node, ScalarNode) else ""
        self.report(node.mark, "wrong-type", f"{under}: {written} is none of {', '.join(kind.words)}{hint}")
        return _INVALID

    def _several(self, node: Node, kind: Several, flavour: Flavour, under: str) -> Any:
        if isinstance(node, ListNode):
            found = [self.value(item, kind.of, flavour, under) for item in node.items]
            return [each for each in found if each is not _INVALID]
        if not kind.or_one:
            self.report(node.mark, "wrong-type", f"'{under}' takes a list, not {_called(node)}")
            return _INVALID
        one = self.value(node, kind.of, flavour, under)
        return _INVALID if one is _INVALID else Single([one])

    def _table(self, node: Node, kind: Table, flavour: Flavour, under: str) -> Any:
        if not isinstance(node, MapNode):
            self.report(node.mark, "wrong-type", f"'{under}' takes `name: value` lines, not {_called(node)}")
            return _INVALID
        if kind.is_single and len(node.pairs) != 1:
            self.report(node.mark, "wrong-type", f"'{under}' takes one `name: value`, not {len(node.pairs)}")
        entries: list[tuple[Text, Any]] = []
        for key, value in node.pairs:
            self._entry(entries, key, value, kind, flavour)
        return entries

    def _entry(
        self, entries: list[tuple[Text, Any]], key: ScalarNode, node: Node, kind: Table, flavour: Flavour
    ) -> None:
        name = self._scalar(key, kind.key, "name")
        value = self.value(node, kind.value, flavour, key.text)
        if name is not _INVALID and value is not _INVALID:
            entries.append((name, value))

    def _ref(self, node: Node, kind: Ref, flavour: Flavour, under: str) -> Any:
        if isinstance(node, MapNode):
            return self.record(node, kind.name, flavour)
        if kind.shorthand is not None and isinstance(node, ScalarNode):
            return self.value(node, kind.shorthand, flavour, under)
        known = ", ".join(OBJECTS[kind.name].names[:6])
        self.report(node.mark, "wrong-type", f"'{under}' takes `key: value` lines ({known} …), not {_called(node)}")
        return _INVALID

    def _unknown(self, key: ScalarNode, shape: Object) -> None:
        where = "at the top of a scenario" if shape is OBJECTS["scenario"] else f"under {_under(shape)}"
        hint = did_you_mean(key.text, shape.names)
        if shape is OBJECTS["matcher"] and not hint:
            hint = "; a literal object stands under `equals:`"
        self.report(key.mark, "unknown-key", f"'{key.text}' is not allowed {where}{hint}")

    def _check_required(self, record: Record, shape: Object) -> None:
        for key in shape.keys:
            if key.is_required and key.name not in record.keys:
                rule = _OWN_RULES.get(key.name, "missing-key") if record.kind in ("scenario", "row") else "missing-key"
                self.report(record.mark, rule, f"{_lower(shape.title)} needs '{key.name}'")
        if shape is OBJECTS["scenario"] and "name" in record.keys and not record.text("name").strip():
            self.report(record.at("name"), "missing-name", "the name is empty")
        for group in shape.groups:
            self._check_group(record, shape, group)

    def _check_group(self, record: Record, shape: Object, group: Group) -> None:
        given = [name for name in group.names if name in record.keys]
        if len(given) > 1:
            text = f"'{given[1]}' excludes '{given[0]}': {_lower(shape.title)} has one of {', '.join(group.names)}"
            self.report(record.at(given[1]), "missing-key", text)
        elif not given and not group.is_optional:
            self.report(record.mark, "missing-key", f"{_lower(shape.title)} needs one of {', '.join(group.names)}")


def literal(node: Node, flavour: Flavour) -> Json:
    return as_json(node) if flavour is Flavour.JSON else as_words(node)


def _is_matcher_word(word: str) -> bool:
    names = OBJECTS["matcher"].names
    return word in names or (len(word) > 3 and bool(get_close_matches(word, names, n=1, cutoff=0.8)))


def _called(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return f"'{node.text}'" if node.text else "nothing"
    return "a list" if isinstance(node, ListNode) else "a mapping"


def _under(shape: Object) -> str:
    """`expect`, or a word of the title."""
    return _lower(shape.title).replace("`", "")


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]
