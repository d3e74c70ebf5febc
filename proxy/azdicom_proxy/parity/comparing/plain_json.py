"""JSON that is no DICOM JSON: operations, tags, partitions, the change feed, errors."""

import json
import re
from collections.abc import Callable, Hashable
from itertools import pairwise
from typing import Any

from azdicom_proxy.parity.comparing import data_sets, messages, pairing
from azdicom_proxy.parity.comparing.findings import VOLATILE, Findings, Place
from azdicom_proxy.parity.comparing.terms import OPERATION_ID, SideTerms
from azdicom_proxy.parity.model import Severity

MOMENTS = frozenset(("timestamp", "createdTime", "lastUpdatedTime", "createdDate"))
COUNTERS = frozenset(("sequence", "partitionKey", "watermark", "originalWatermark", "currentWatermark"))
PATHS = frozenset(("filePath",))
"""Where a side keeps a file: one side may have it alone."""
IDS = frozenset(("id", "operationId"))
TEXTS = frozenset(("message", "errorMessage", "error", "errors", "title", "detail"))
"""Members whose strings are for people."""
FEED = ("partitionName", "studyInstanceUid", "seriesInstanceUid", "sopInstanceUid", "action", "state")
KEYS: tuple[tuple[str, ...], ...] = (FEED, ("path",), ("partitionName",), ("studyInstanceUid", "sopInstanceUid"))
"""Members that tell the items of an array apart: of the change feed, tags, partitions, errors of a tag."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|[+-]\d\d:\d\d)?")


def compare_json(upstream: Any, local: Any, place: Place, findings: Findings, name: str = "") -> None:
    """Member by member. name: of the member that the two values are."""
    if isinstance(upstream, dict) and isinstance(local, dict):
        if name == "metadata" and data_sets.is_data_set(upstream) and data_sets.is_data_set(local):
            data_sets.compare_data_sets(upstream, local, Place(f"{place.at}:dicom:", f"{place.where}:dicom:"), findings)
        else:
            _compare_objects(upstream, local, place, findings)
    elif isinstance(upstream, list) and isinstance(local, list):
        _compare_arrays(upstream, local, place, findings, name)
    elif _type(upstream) != _type(local):
        _report("type", upstream, local, place, findings, "another type")
    else:
        _compare_scalars(upstream, local, place, findings, name)


def facts_of(value: Any) -> int:
    """One for each value that is no object and no array."""
    if isinstance(value, dict):
        return sum(map(facts_of, value.values()))
    if isinstance(value, list):
        return sum(map(facts_of, value))
    return 1


def _compare_objects(upstream: dict[str, Any], local: dict[str, Any], place: Place, findings: Findings) -> None:
    for key in sorted(upstream.keys() | local.keys()):
        here = place.key(key)
        if key in upstream and key in local:
            compare_json(upstream[key], local[key], here, findings, key)
        elif key in upstream:
            _report("missing", upstream[key], None, here, findings, f"the member '{key}' is missing", key)
        else:
            _report("extra", None, local[key], here, findings, f"the local side alone has the member '{key}'", key)


def _compare_arrays(upstream: list[Any], local: list[Any], place: Place, findings: Findings, name: str) -> None:
    members = next((key for key in KEYS if _all_have(key, upstream) and _all_have(key, local)), None)
    terms = findings.terms
    if members is None:
        form = (
            [_canonical(item, terms.upstream) for item in upstream],
            [_canonical(item, terms.local) for item in local],
        )
        found = pairing.by_position(upstream, local, form)
        names: list[Hashable] = list(range(len(upstream)))
    else:
        form = (
            [_key(item, members, terms.upstream) for item in upstream],
            [_key(item, members, terms.local) for item in local],
        )
        found = pairing.by_key(upstream, local, form, lambda one, other: _distance(one, other, findings))
        names = ["/".join(map(str, key)) if isinstance(key, tuple) else key for key in form[0]]
    for index, other in found.pairs:
        compare_json(upstream[index], local[other], place.item(str(names[index])), findings, name)
    for index in found.missing:
        _report("missing", upstream[index], None, place.item(str(names[index])), findings, "an item is missing")
    for index in found.extra:
        _report("extra", None, local[index], place.item(index), findings, "an item is there on the local side only")
    if found.is_reordered:
        severity = Severity.NOISE if _are_of_one_moment(upstream, found) else Severity.MINOR
        ranked = [names[index] for index, _ in found.pairs]
        data_sets.report_order(severity, ranked, found, place.item("*"), findings)
    elif members is FEED:
        _compare_sequences(upstream, local, place, findings)


def _compare_sequences(upstream: list[Any], local: list[Any], place: Place, findings: Findings) -> None:
    """The numbers are each side's own, but they increase (conformance statement v2, Change feed)."""
    ours, theirs = _increases(upstream), _increases(local)
    if ours != theirs:
        shown = [", ".join(str(item.get("sequence")) for item in each) for each in (upstream, local)]
        findings.report(
            Severity.BREAKING,
            place.item("*").key("sequence"),
            "order",
            "sequence increases on one side only",
            upstream=shown[0],
            local=shown[1],
            facts=0,
        )


def _compare_scalars(upstream: Any, local: Any, place: Place, findings: Findings, name: str) -> None:
    if name in MOMENTS and isinstance(upstream, str):
        _compare_shapes(_moment_shape, upstream, local, place, findings)
    elif name in COUNTERS:
        _volatile(upstream, local, place, findings)
    elif name in IDS and isinstance(upstream, str) and OPERATION_ID.fullmatch(upstream):
        _compare_shapes(_id_shape, upstream, local, place, findings)
    elif name in PATHS:
        _volatile(upstream, local, place, findings)
    elif isinstance(upstream, str):
        _compare_strings(upstream, local, place, findings, name)
    elif upstream == local:
        findings.same()
    else:
        _report("value", upstream, local, place, findings, "another value")


def _compare_strings(upstream: str, local: str, place: Place, findings: Findings, name: str) -> None:
    terms = findings.terms
    if name in TEXTS or place.at == "json:$":
        messages.compare_texts(upstream, local, place, findings)
    elif terms.upstream.uid(terms.upstream.url(upstream)) == terms.local.uid(terms.local.url(local)):
        findings.same()
    else:
        _report("value", upstream, local, place, findings, "another value")


def _compare_shapes(shape: Callable[[str], str], upstream: str, local: str, place: Place, findings: Findings) -> None:
    if shape(upstream) == shape(local):
        _volatile(upstream, local, place, findings)
    else:
        _report("shape", upstream, local, place, findings, "another shape")


def _volatile(upstream: Any, local: Any, place: Place, findings: Findings) -> None:
    if upstream == local:
        findings.same()
        return
    findings.report(
        Severity.NOISE,
        place,
        "value",
        "a value that each side makes for itself",
        upstream=_text(upstream),
        local=_text(local),
        rule=VOLATILE,
    )


def _report(kind: str, upstream: Any, local: Any, place: Place, findings: Findings, text: str, name: str = "") -> None:
    severity = Severity.NOISE if name in PATHS else Severity.BREAKING
    findings.report(
        severity,
        place,
        kind,
        f"{place.at.partition(':')[2]}: {text}",
        upstream=None if kind == "extra" else _text(upstream),
        local=None if kind == "missing" else _text(local),
        rule=VOLATILE if severity is Severity.NOISE else None,
        facts=facts_of(upstream if local is None else local),
    )


def _are_of_one_moment(items: list[Any], found: pairing.Pairing) -> bool:
    """Whether only items moved that upstream made at the same time."""
    moments = {
        item.get("timestamp") if isinstance(item, dict) else None for item in (items[index] for index, _ in found.moved)
    }
    return len(moments) == 1 and None not in moments


def _increases(items: list[Any]) -> bool:
    numbers = [item.get("sequence") for item in items]
    return all(isinstance(number, int) for number in numbers) and all(one < other for one, other in pairwise(numbers))


def _distance(one: Any, other: Any, findings: Findings) -> int:
    scratch = findings.scratch()
    compare_json(one, other, Place.of("json:$"), scratch)
    return len(scratch.fingerprints)


def _canonical(item: Any, terms: SideTerms) -> Hashable:
    if isinstance(item, str):
        return messages.without_ids(terms.uid(terms.text(item)))
    if isinstance(item, list):
        return tuple(_canonical(each, terms) for each in item)
    if isinstance(item, dict):
        return tuple((key, _canonical(item[key], terms)) for key in sorted(item) if key not in MOMENTS | COUNTERS)
    return (_type(item), item)


def _all_have(members: tuple[str, ...], items: list[Any]) -> bool:
    return all(isinstance(item, dict) and all(member in item for member in members) for item in items)


def _key(item: dict[str, Any], members: tuple[str, ...], terms: SideTerms) -> Hashable:
    return tuple(terms.uid(str(item[member])) for member in members)


def _moment_shape(text: str) -> str:
    found = _MOMENT.fullmatch(text)
    return text if found is None else "moment with zone" if found[1] else "moment"


def _id_shape(text: str) -> str:
    return "id" if OPERATION_ID.fullmatch(text) else text


def _type(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
