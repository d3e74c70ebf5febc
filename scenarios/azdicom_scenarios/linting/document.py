"""A converted file as the rules see it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from azdicom_scenarios.expressions import has_references
from azdicom_scenarios.loading.nodes import ListNode, MapNode, Node, ScalarNode
from azdicom_scenarios.loading.records import Record
from azdicom_scenarios.model import Mark, Text

_ALIAS_PATH = re.compile(r"([A-Za-z_][\w-]*)((?:\.[A-Za-z_]\w*|\[\d+\])*)")


@dataclass(frozen=True, slots=True)
class Document:
    """root: the nodes of the file, record: what became of them, lines: its text, today: for rules that expire."""

    file: Path
    root: Node
    record: Record
    lines: tuple[str, ...]
    today: date

    @property
    def fixtures(self) -> Record:
        return self.record.get("fixtures") or Record("fixtures", self.record.mark)

    @property
    def settings(self) -> Record:
        return self.record.get("settings") or Record("settings", self.record.mark)

    @property
    def steps(self) -> list[Record]:
        return self.record.many("steps")

    @property
    def teardown(self) -> list[Record]:
        return self.record.many("teardown")

    @property
    def studies(self) -> dict[str, Record]:
        """Synthetic studies by alias."""
        return {each.text("study"): each for each in self.fixtures.many("synthetic")}

    @property
    def captures(self) -> dict[str, Mark]:
        """Every captured name, and where it is captured first."""
        found: dict[str, Mark] = {}
        for step in (*self.steps, *self.teardown):
            for name, _ in step.many("capture"):
                found.setdefault(str(name), name.mark)
        return found

    def node(self, *path: str | int) -> Node | None:
        """The node at keys and indices."""
        node: Node | None = self.root
        for step in path:
            if isinstance(step, int):
                node = node.items[step] if isinstance(node, ListNode) and step < len(node.items) else None
            else:
                node = node.get(step) if isinstance(node, MapNode) else None
        return node

    def place(self, scalar: ScalarNode, written: str) -> Mark:
        """Where `written` stands in a scalar; the scalar's place when it is spelled with escapes or folded."""
        first = scalar.mark.line - 1
        for number in range(first, min(first + scalar.text.count("\n") + 2, len(self.lines))):
            column = self.lines[number].find(written, scalar.mark.column - 1 if number == first else 0)
            if column >= 0:
                return Mark(scalar.mark.file, number + 1, column + 1)
        return scalar.mark


def scalars(node: Node) -> Iterator[ScalarNode]:
    """All single values below, keys among them, in the order of the file."""
    match node:
        case ScalarNode():
            yield node
        case ListNode():
            for item in node.items:
                yield from scalars(item)
        case MapNode():
            for key, value in node.pairs:
                yield key
                yield from scalars(value)


def dicom_sources(record: Record | None) -> Iterator[Text]:
    """Aliases and files of the instances that a body, or a part of it, holds."""
    if record is None:
        return
    for item in record.many("dicom"):
        source = item if isinstance(item, Text) else item.get("from")
        if source is not None:
            yield source
    for part in record.many("multipart"):
        yield from dicom_sources(part.get("body"))


def alias_of(source: Text, studies: dict[str, Record]) -> str | None:
    """The alias that `ct1.i[0]` begins with; None: it is a file.

    A word without a dot or slash, and `name.s[0]` or `name.i[0]`, are aliases, whether there are such or not.
    """
    found = _ALIAS_PATH.fullmatch(str(source))
    if found is None or has_references(str(source)):
        return None
    is_path_like = not found[2] or re.match(r"\.[si]\[\d+\]", found[2]) is not None
    return found[1] if found[1] in studies or is_path_like else None
