"""Values that the schema's kinds do not tell: synthetic studies that cannot be built, numbers without quotes."""

from collections.abc import Iterator
from typing import Any

import yaml

from azdicom_scenarios.expressions import has_references
from azdicom_scenarios.findings import Finding
from azdicom_scenarios.linting.document import Document, scalars
from azdicom_scenarios.loading.building import words
from azdicom_scenarios.loading.converting import JSON_NUMBER
from azdicom_scenarios.loading.kinds import Free, MatcherKind, Object, Ref, Scalar, Several, Table
from azdicom_scenarios.loading.kinds import Kind as AnyKind
from azdicom_scenarios.loading.nodes import ListNode, MapNode, Node, ScalarNode
from azdicom_scenarios.loading.schema import OBJECTS
from azdicom_scenarios.model import SyntheticStudy
from azdicom_scenarios.variables import Scope

NUMERIC_VRS = frozenset(("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"))
_LITERALS = ("equals", "contains", "not", "any_of", "all_of", "unordered")
_TEXT_TAG = "tag:yaml.org,2002:str"
_RESOLVER: Any = yaml.SafeLoader("")


def wrong_values(document: Document) -> Iterator[Finding]:
    yield from _impossible_studies(document)
    for scalar, vr in _dicom_scalars(document.root, Ref("scenario")):
        if _is_mistakable(scalar, vr):
            text = f"{scalar.text} is taken for a number or word by other YAML readers: write '{scalar.text}' in quotes"
            yield Finding(scalar.mark, "unquoted-number-in-dicom", text)


def _impossible_studies(document: Document) -> Iterator[Finding]:
    from azdicom_scenarios.loading.synthetic_studies import study_spec
    from azdicom_scenarios.synthetic.spec import SpecError

    for alias, record in document.studies.items():
        spec = {name: value for name, value in words(record).items() if not _has_variables(value)}
        series = record.many("series")
        if series:
            known = [each for each in map(words, series) if not _has_variables(each)]
            spec.pop("series", None)
            spec |= {"series": known} if known else {}
        study = SyntheticStudy(mark=record.mark, alias=alias, spec=spec)
        try:
            study_spec(study, Scope(seed=0, scenario_name=""))
        except SpecError as error:
            yield Finding(record.mark, "wrong-type", f"study {alias}: {error}")


def _has_variables(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_variables, value.values()))
    if isinstance(value, list):
        return any(map(_has_variables, value))
    return isinstance(value, str) and has_references(value)


def _dicom_scalars(node: Node, kind: AnyKind) -> Iterator[tuple[ScalarNode, str]]:
    """Single values that are DICOM's, each with the VR that its attribute has ("": unknown)."""
    match kind:
        case Several():
            for item in node.items if isinstance(node, ListNode) else [node]:
                yield from _dicom_scalars(item, kind.of)
        case Table():
            yield from _entries(node, kind)
        case Ref() if isinstance(node, MapNode):
            yield from _members(node, OBJECTS[kind.name])
        case Free.JSON:
            yield from _dicom_json(node)
        case Scalar.DICOM if isinstance(node, ScalarNode):
            yield node, ""


def _members(node: MapNode, shape: Object) -> Iterator[tuple[ScalarNode, str]]:
    rest = MapNode(node.mark)
    for key, value in node.pairs:
        known = shape.key(key.text)
        if known is not None:
            yield from _dicom_scalars(value, known.kind)
        else:
            rest.pairs.append((key, value))
    if shape.others is not None:
        yield from _entries(rest, shape.others)


def _entries(node: Node, kind: Table) -> Iterator[tuple[ScalarNode, str]]:
    for key, value in node.pairs if isinstance(node, MapNode) else ():
        if kind.key is not Scalar.TAG_PATH:
            yield from _dicom_scalars(value, kind.value)
        elif isinstance(kind.value, MatcherKind):
            yield from ((scalar, _vr(key.text)) for scalar in _compared(value))
        else:
            yield from ((scalar, _vr(key.text)) for scalar in scalars(value))


def _compared(node: Node) -> Iterator[ScalarNode]:
    """The literals of a matcher."""
    if not isinstance(node, MapNode):
        yield from scalars(node)
        return
    for key, value in node.pairs:
        if key.text in _LITERALS:
            for item in value.items if isinstance(value, ListNode) else [value]:
                yield from _compared(item)


def _dicom_json(node: Node) -> Iterator[tuple[ScalarNode, str]]:
    """Values of the DICOM JSON model: beside a `vr`, in `Value`."""
    if isinstance(node, ListNode):
        for item in node.items:
            yield from _dicom_json(item)
    elif isinstance(node, MapNode):
        vr, values = node.get("vr"), node.get("Value")
        if isinstance(vr, ScalarNode) and isinstance(values, ListNode) and vr.text != "SQ":
            yield from ((item, vr.text) for item in values.items if isinstance(item, ScalarNode))
            return
        for _, value in node.pairs:
            yield from _dicom_json(value)


def _vr(path: str) -> str:
    from azdicom_emulator.dicom.dictionary import entry_of
    from azdicom_emulator.dicom.tag_paths import SequencePathError, parse_tag_path

    try:
        tag = parse_tag_path(path.rpartition(".")[2].partition("[")[0])
    except SequencePathError:
        return ""
    entry = entry_of(tag) if tag is not None else None
    return entry.vr.partition(" ")[0] if entry else ""


def _is_mistakable(scalar: ScalarNode, vr: str) -> bool:
    if scalar.is_quoted or not scalar.text or has_references(scalar.text):
        return False
    if vr in NUMERIC_VRS and JSON_NUMBER.fullmatch(scalar.text):
        return False
    return str(_RESOLVER.resolve(yaml.ScalarNode, scalar.text, (True, False))) != _TEXT_TAG
