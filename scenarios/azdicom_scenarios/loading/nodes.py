"""YAML as a tree of texts with their places: YAML's own reading would make `00100020` the number 32784.

Composed from the parser's events, so that nothing is resolved, constructed or expanded (record-replay §12, traps).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from azdicom_scenarios.findings import Finding
from azdicom_scenarios.model import Mark

MAX_BYTES = 5 * 1024 * 1024
MAX_ALIASES = 100
MAX_NODES = 1_000_000
"""With every alias counted as often as it is used: a few aliases of aliases would make billions."""
MAX_DEPTH = 100
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class ScalarNode:
    """is_quoted: in quotes or a block (`|`, `>`)."""

    mark: Mark
    text: str
    is_quoted: bool = False
    size: int = 1


@dataclass(slots=True)
class ListNode:
    mark: Mark
    items: "list[Node]" = field(default_factory=list)
    size: int = 1


@dataclass(slots=True)
class MapNode:
    """pairs: in order, each key once."""

    mark: Mark
    pairs: "list[tuple[ScalarNode, Node]]" = field(default_factory=list)
    size: int = 1

    def get(self, name: str) -> "Node | None":
        return next((value for key, value in self.pairs if key.text == name), None)


Node = ScalarNode | ListNode | MapNode


class _StopError(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


def compose(data: bytes, file: str) -> tuple[Node | None, list[Finding]]:
    """The tree of one document, None when it is empty or cannot be read. file: what marks call it."""
    findings: list[Finding] = []
    start = Mark(file, 1, 1)
    if len(data) > MAX_BYTES:
        return None, [Finding(start, "syntax", f"the file has {len(data)} bytes; at most {MAX_BYTES} are read")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        return None, [Finding(Mark(file, line, column), "syntax", "this is not UTF-8")]
    try:
        return _Composer(text, file, findings).document(), findings
    except _StopError as error:
        return None, [*findings, error.finding]
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(file, place.line + 1, place.column + 1) if place else start
        return None, [*findings, Finding(mark, "syntax", " ".join(filter(None, (error.context, error.problem))))]
    except yaml.YAMLError as error:
        return None, [*findings, Finding(start, "syntax", str(error).splitlines()[0])]


class _Composer:
    def __init__(self, text: str, file: str, findings: list[Finding]) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, _LOADER)
        self._file = file
        self._findings = findings
        self._anchors: dict[str, Node | None] = {}
        self._aliases = 0

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._stop(event, "a second document: a file holds one scenario")
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                root = self._node(event, 0)
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            self._stop(event, f"tags such as {event.tag} are not allowed: every value is a text")
        if depth > MAX_DEPTH:
            self._stop(event, f"more than {MAX_DEPTH} levels")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._content(event, depth)
        if node.size > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES} values, aliases counted as often as they are used")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: yaml.Event, depth: int) -> Node:
        mark = self._mark(event)
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(mark, event.value, is_quoted=bool(event.style))
        if isinstance(event, yaml.SequenceStartEvent):
            sequence = ListNode(mark)
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                sequence.items.append(self._node(event, depth + 1))
                sequence.size += sequence.items[-1].size
            return sequence
        return self._mapping(MapNode(mark), depth)

    def _mapping(self, mapping: MapNode, depth: int) -> MapNode:
        seen: dict[str, Mark] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, ScalarNode):
                self._stop(event, "a key must be a single value")
            value = self._node(next(self._events), depth + 1)
            if key.text in seen:
                text = f"'{key.text}' stands here a second time, first in line {seen[key.text].line}"
                self._findings.append(Finding(key.mark, "duplicate-key", text))
                continue
            seen[key.text] = key.mark
            mapping.pairs.append((key, value))
            mapping.size += 1 + value.size
        return mapping

    def _alias(self, event: yaml.AliasEvent) -> Node:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._stop(event, f"more than {MAX_ALIASES} aliases")
        node = self._anchors.get(event.anchor or "")
        if node is None:
            self._stop(event, f"the anchor &{event.anchor} is not defined before this place")
        return node

    def _mark(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        assert start is not None
        return Mark(self._file, start.line + 1, start.column + 1)

    def _stop(self, event: yaml.Event, text: str) -> NoReturn:
        raise _StopError(Finding(self._mark(event), "syntax", text))
