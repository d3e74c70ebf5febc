"""YAML as a tree whose every value knows its line and column: what is wrong is said where it stands."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn

import yaml

from azdicom_emulator.faults.actions import Amount
from azdicom_emulator.faults.errors import FaultsError

MAX_CHARACTERS = 1024 * 1024
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m)?")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB)?", re.IGNORECASE)
BYTES = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a document. Every method raises FaultsError where the value is not of the kind that is asked for."""

    source: str
    node: yaml.Node

    def refuse(self, text: str) -> NoReturn:
        raise FaultsError(self.source, *_place(self.node.start_mark), text)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    def mapping(self, known: Collection[str] | None = None) -> "dict[str, Item]":
        """known: the keys that there may be; None: any."""
        return {key.text(): value for key, value in self.pairs(known)}

    def pairs(self, known: Collection[str] | None = None) -> "Iterator[tuple[Item, Item]]":
        """As `mapping`, with the keys as items, in order."""
        if not isinstance(self.node, yaml.MappingNode):
            self.refuse(f"expected `name: value`{_listed(known)}")
        seen: set[str] = set()
        for key, value in self.node.value:
            item = Item(self.source, key)
            name = item.text()
            if known is not None and name not in known:
                close = get_close_matches(name, known, n=1)
                suggestion = f" Did you mean '{close[0]}'?" if close else ""
                item.refuse(f"unknown word '{name}'.{suggestion} Known: {', '.join(known)}")
            if name in seen:
                item.refuse(f"'{name}' is given twice")
            seen.add(name)
            yield item, Item(self.source, value)

    def items(self) -> "list[Item]":
        if not isinstance(self.node, yaml.SequenceNode):
            self.refuse("expected a list")
        return [Item(self.source, node) for node in self.node.value]

    def text(self) -> str:
        """A scalar as it is written: YAML's own reading would make `off` a boolean and `0010` an 8."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.refuse("expected a single value")
        return str(self.node.value)

    def whole(self, minimum: int, maximum: int | None = None) -> int:
        written = self.text()
        value = int(written) if written.isascii() and written.isdigit() else -1
        if value < minimum or (maximum is not None and value > maximum):
            upper = f" to {maximum}" if maximum is not None else " or more"
            self.refuse(f"'{written}': expected a whole number, {minimum}{upper}")
        return value

    def number(self, minimum: float, maximum: float) -> float:
        written = self.text()
        try:
            value = float(written)
        except ValueError:
            value = float("nan")
        if not minimum <= value <= maximum:
            self.refuse(f"'{written}': expected a number from {minimum:g} to {maximum:g}")
        return value

    def seconds(self) -> float:
        found = DURATION.fullmatch(self.text().strip())
        if found is None:
            self.refuse(f"'{self.text()}': expected a time, such as 80ms, 2s or 1m")
        return float(found[1]) * SECONDS[found[2]]

    def size_bytes(self, *, suffix: str = "") -> int:
        """suffix: what may stand behind it, as in `100KB/s`."""
        found = SIZE.fullmatch(self.text().strip().removesuffix(suffix))
        if found is None:
            self.refuse(f"'{self.text()}': expected a size, such as 500, 64KB or 1MiB")
        return int(float(found[1]) * BYTES[(found[2] or "B").lower()])

    def amount(self) -> Amount:
        """A size or a percentage."""
        found = PERCENT.fullmatch(self.text().strip())
        if found is None:
            return Amount(self.size_bytes())
        if float(found[1]) > 100:
            self.refuse(f"'{self.text()}': expected at most 100 %")
        return Amount(float(found[1]), is_percent=True)

    def word(self, known: Collection[str]) -> str:
        written = self.text()
        if written not in known:
            self.refuse(f"'{written}': expected {', '.join(known)}")
        return written

    def is_on(self) -> bool:
        return SWITCH[self.word(SWITCH)]

    def plain(self) -> Any:
        """Mappings, lists and texts, as written."""
        if isinstance(self.node, yaml.MappingNode):
            return {key.text(): value.plain() for key, value in self.pairs()}
        if isinstance(self.node, yaml.SequenceNode):
            return [item.plain() for item in self.items()]
        return self.text()

    def value(self) -> Any:
        """The value that YAML, or JSON, takes it for."""
        try:
            return yaml.SafeLoader("").construct_document(self.node)
        except yaml.YAMLError:
            self.refuse("expected a value as JSON has it")


def document(text: str, source: str) -> Item | None:
    """The root of a YAML or JSON text; None when there is nothing in it. Raises FaultsError."""
    if len(text) > MAX_CHARACTERS:
        raise FaultsError(source, 1, 1, f"more than {MAX_CHARACTERS:,} characters")
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise FaultsError(source, *_place(event.start_mark), "aliases (*name) are not read here")
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark or error.context_mark)
        raise FaultsError(source, *place, f"not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise FaultsError(source, 1, 1, f"not YAML: {error}") from error
    return None if root is None else Item(source, root)


def _place(mark: Any) -> tuple[int, int]:
    """Line and column, from 1; mark: yaml's, None where it has none."""
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _listed(known: Collection[str] | None) -> str:
    return f" lines. Known: {', '.join(known)}" if known else " lines"
