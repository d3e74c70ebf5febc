"""The rules undefined-variable and unused-capture: names in the order in which a run defines them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from azdicom_scenarios.expressions import (
    Call,
    Expression,
    ExpressionError,
    Path,
    has_references,
    parse,
    references,
)
from azdicom_scenarios.findings import Finding, did_you_mean
from azdicom_scenarios.linting.document import Document, alias_of, dicom_sources, scalars
from azdicom_scenarios.loading.nodes import Node, ScalarNode
from azdicom_scenarios.loading.records import Record, Single
from azdicom_scenarios.model import Mark, Text
from azdicom_scenarios.variables import BUILT_IN_NAMES

STUDY, SERIES, INSTANCE = "study", "series", "instance"
SHAPES: dict[str, dict[str, str | None]] = {
    STUDY: {"study": None, "path": None, "patient_id": None, "s": SERIES, "i": INSTANCE},
    SERIES: {"series": None, "path": None, "i": INSTANCE},
    INSTANCE: {"sop": None, "series": None, "study": None, "sop_class": None, "path": None},
    "workitem": {"uid": None, "path": None},
}
"""What aliases have: None is a text, a shape stands for a list of such."""
_REMARKS = ("name", "note")


@dataclass(slots=True)
class _Known:
    """Names so far. shapes: of aliases; used: names that something referred to."""

    names: set[str] = field(default_factory=lambda: {"base_url"})
    shapes: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


def wrong_references(document: Document) -> Iterator[Finding]:
    yield from _Walk(document).findings()


class _Walk:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._known = _Known()
        self._captured: list[tuple[str, Mark]] = []
        self._parameters: list[Record] = document.record.many("parameters")
        self._step_names: list[str] = []

    def findings(self) -> Iterator[Finding]:
        document, known = self._document, self._known
        yield from self._texts(document.node("parameters"))
        known.names |= {"param"} if self._parameters else set()
        variables = document.node("vars")
        for key, value in getattr(variables, "pairs", ()):
            yield from self._texts(value)
            known.names.add(key.text)
        yield from self._texts(document.node("fixtures"))
        self._add_aliases()
        yield from self._texts(document.node("settings"))
        yield from self._preloads()
        for key, records in (("steps", document.steps), ("teardown", document.teardown)):
            nodes = [node for node in getattr(document.node(key), "items", ()) if not isinstance(node, ScalarNode)]
            for node, record in zip(nodes, records, strict=False):
                yield from self._step(node, record)
        for name, mark in self._captured:
            if name not in known.used:
                yield Finding(mark, "unused-capture", f"'{name}' is captured and not used by a later step")

    def _add_aliases(self) -> None:
        for alias in self._document.studies:
            self._known.shapes[alias] = STUDY
        for workitem in self._document.fixtures.many("workitems"):
            self._known.shapes[workitem.text("alias")] = "workitem"
        self._known.names |= set(self._known.shapes)

    def _preloads(self) -> Iterator[Finding]:
        for alias in self._document.fixtures.many("preload"):
            if str(alias) not in self._document.studies:
                yield Finding(alias.mark, "undefined-variable", self._no_fixture(str(alias), f"preload: {alias}"))

    def _step(self, node: Node, record: Record) -> Iterator[Finding]:
        added = {str(name) for name, _ in record.many("for_each")} | ({"index"} if "repeat" in record.keys else set())
        added -= self._known.names
        for name, items in record.many("for_each"):
            if isinstance(items, Single) and not has_references(str(items[0])):
                yield from self._path(items[0], f"for_each: {name}")
        self._known.names |= added
        for key, value in getattr(node, "pairs", ()):
            if key.text not in _REMARKS:
                yield from self._texts(value)
        yield from self._named_fixtures(record)
        self._known.names -= added
        if record.get("name") is not None:
            self._step_names.append(record.text("name"))
        for name, _ in record.many("capture"):
            self._known.names.add(str(name))
            self._captured.append((str(name), name.mark))

    def _named_fixtures(self, record: Record) -> Iterator[Finding]:
        """Aliases and steps that are named without `${…}`."""
        for source in dicom_sources(record.get("body")):
            if alias_of(source, self._document.studies) is not None:
                yield from self._path(source, "dicom")
        retry = record.get("retry")
        for expect in filter(None, (record.get("expect"), retry and retry.get("until"))):
            frames = expect.get("parts") and expect.get("parts").get("frames")
            of = frames.get("of") if isinstance(frames, Record) else frames
            if of is not None and not has_references(str(of)):
                yield from self._path(of, "frames")
            same_as = expect.get("same_as")
            if same_as is not None and str(same_as) not in self._step_names:
                hint = did_you_mean(str(same_as), self._step_names)
                text = f"same_as: no earlier step is called '{same_as}'{hint}"
                yield Finding(same_as.mark, "undefined-variable", text)

    def _path(self, text: Text, where: str) -> Iterator[Finding]:
        """An alias path that stands by itself."""
        try:
            expression = parse(str(text))
        except ExpressionError as error:
            yield Finding(text.mark, "undefined-variable", f"{where}: {error}")
            return
        problem = self._problem(expression)
        if problem:
            yield Finding(text.mark, "undefined-variable", f"{where}: {problem}")

    def _texts(self, node: Node | None) -> Iterator[Finding]:
        for scalar in scalars(node) if node is not None else ():
            if has_references(scalar.text):
                yield from self._scalar(scalar)

    def _scalar(self, scalar: ScalarNode) -> Iterator[Finding]:
        try:
            found = list(references(scalar.text))
        except ExpressionError as error:
            yield Finding(self._document.place(scalar, "${"), "undefined-variable", str(error))
            return
        for reference in found:
            problem = self._problem(reference.expression)
            if problem:
                mark = self._document.place(scalar, reference.written)
                yield Finding(mark, "undefined-variable", f"{reference.written}: {problem}")

    def _problem(self, expression: Expression) -> str | None:
        if isinstance(expression, Call):
            return next(filter(None, map(self._problem, expression.arguments)), None)
        if not isinstance(expression, Path):
            return None
        root = expression.root
        if root not in self._known.names:
            return self._undefined(expression)
        self._known.used.add(root)
        if root == "param":
            return self._wrong_parameter(expression)
        shape = self._known.shapes.get(root)
        return self._wrong_steps(expression, shape) if shape else None

    def _undefined(self, path: Path) -> str:
        root = path.root
        if root == "param":
            return "the scenario has no parameters"
        if root in self._document.captures:
            return f"'{root}' is captured only in line {self._document.captures[root].line}"
        if root in BUILT_IN_NAMES:
            return f"'{root}' is {BUILT_IN_NAMES[root]}"
        if len(path.steps) > 1 and path.steps[1] in SHAPES[STUDY]:
            return self._no_fixture(root)
        return f"nothing is called '{root}' here{_have(self._known.names)}{did_you_mean(root, self._known.names)}"

    def _no_fixture(self, name: str, where: str = "") -> str:
        return f"{where and f'{where}: '}no fixture '{name}'{_have(self._document.studies)}"

    def _wrong_parameter(self, path: Path) -> str | None:
        name = str(path.steps[1]) if len(path.steps) > 1 else ""
        for row in self._parameters:
            have = ["id", *(str(key) for key, _ in row.others)]
            if name not in have:
                return f"no parameter '{name}' in row '{row.text('id')}'{_have(have)}{did_you_mean(name, have)}"
        return None

    def _wrong_steps(self, path: Path, shape: str | None) -> str | None:
        """Steps that an alias does not have, or an index beyond the number of series or instances."""
        here, is_list = path.root, False
        for step in path.steps[1:]:
            if is_list != isinstance(step, int):
                return f"{here} is {'a list: an index is missing' if is_list else 'no list'}"
            if isinstance(step, int):
                is_list = False
                here = f"{here}[{step}]"
                continue
            attributes: dict[str, str | None] = SHAPES[shape] if shape else {}
            if step not in attributes:
                return f"{here} has no '{step}'{_have(attributes)}{did_you_mean(step, attributes)}"
            shape, here = attributes[step], f"{here}.{step}"
            is_list = shape is not None
        return self._beyond(path)

    def _beyond(self, path: Path) -> str | None:
        study = self._document.studies.get(path.root)
        if study is None or len(path.steps) < 3 or not isinstance(path.steps[2], int):
            return None
        counts = _counts(study)
        if counts is None:
            return None
        there = len(counts) if path.steps[1] == "s" else sum(counts)
        what = "series" if path.steps[1] == "s" else "instances"
        return None if path.steps[2] < there else f"{path.root} has {there} {what}, counted from 0"


def _counts(study: Record) -> list[int] | None:
    """Instances of each series; None: a variable says how many, or it cannot be read."""
    series = study.many("series")
    texts = [each.text("instances", "1") for each in series] if series else ["1"]
    return [int(text) for text in texts] if all(text.isdigit() for text in texts) else None


def _have(names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f" (have: {listed})" if listed else ""
