"""Data sets in the DICOM JSON model, compared tag by tag."""

from collections.abc import Hashable, Sequence
from typing import Any

from azdicom_proxy.parity.comparing import messages, pairing
from azdicom_proxy.parity.comparing.findings import VOLATILE, Findings, Place
from azdicom_proxy.parity.comparing.terms import SideTerms
from azdicom_proxy.parity.comparing.values import normal, shown
from azdicom_proxy.parity.model import Severity

DataSet = dict[str, Any]

UIDS = ("00080018", "0020000E", "0020000D")
"""The deepest that is present names a data set."""
REFERENCED_SOP = "00081155"
BY_SOP = frozenset(("00081198", "00081199"))
"""Failed and Referenced SOP Sequence: their items are about an instance each, in any order (PS3.18 §10.5.3)."""
COMMENTS = "00000902"
"""Error Comment: text for people."""
SET_BY_SERVER = frozenset(("00404010", "00404052"))
"""Scheduled Procedure Step Modification DateTime and Procedure Step Cancellation DateTime: when the service did it."""
FREE_MEMBERS = frozenset(("00020012", "00020013", "00020016", "FFFCFFFC"))
"""Who wrote the file, and trailing padding."""


def is_data_set(value: Any) -> bool:
    """Whether a JSON object is one of DICOM JSON: tags, each with an object."""
    return isinstance(value, dict) and all(
        len(key) == 8 and isinstance(element, dict) and _is_hex(key) for key, element in value.items()
    )


def compare_arrays(
    upstream: list[Any], local: list[Any], place: Place, findings: Findings, *, is_ordered: bool
) -> None:
    """Data sets keyed by their deepest UID. is_ordered: the order says something, like newest first."""
    terms = findings.terms
    keys = (
        [_uid(each, terms.upstream) for each in upstream],
        [_uid(each, terms.local) for each in local],
    )
    found = pairing.by_key(upstream, local, keys, lambda one, other: _distance(one, other, findings))
    for index, other in found.pairs:
        compare_data_sets(upstream[index], local[other], place.item(str(keys[0][index] or index)), findings)
    for index in found.missing:
        _report_item("missing", upstream[index], place.item(str(keys[0][index] or index)), findings)
    for index in found.extra:
        _report_item("extra", local[index], place.item(str(keys[1][index] or index)), findings)
    if found.is_reordered:
        severity = Severity.MINOR if is_ordered else Severity.NOISE
        report_order(severity, [keys[0][index] for index, _ in found.pairs], found, place.item("*"), findings)


def report_order(
    severity: Severity, names: Sequence[Hashable], found: pairing.Pairing, place: Place, findings: Findings
) -> None:
    """The order of items that both sides have. names: of the pairs, in upstream's order."""
    locals_in_order = sorted(range(len(names)), key=lambda rank: found.pairs[rank][1])
    findings.report(
        severity,
        place,
        "order",
        "the same items in another order",
        upstream=", ".join(map(str, names)),
        local=", ".join(str(names[rank]) for rank in locals_in_order),
        rule=None if severity is not Severity.NOISE else VOLATILE,
        facts=0,
    )


def compare_data_sets(upstream: Any, local: Any, place: Place, findings: Findings) -> None:
    """Tag by tag: presence, VR, values."""
    if not isinstance(upstream, dict) or not isinstance(local, dict):
        if type(upstream) is not type(local):
            findings.report(
                Severity.BREAKING, place, "type", "an object on one side only", upstream=str(upstream), local=str(local)
            )
        return
    for tag in sorted(upstream.keys() | local.keys()):
        ours, theirs = upstream.get(tag), local.get(tag)
        if ours is not None and theirs is not None:
            _compare_elements(tag, ours, theirs, place, findings)
        elif tag not in FREE_MEMBERS:
            _report_presence(tag, ours, theirs, place, findings)


def facts_of(data_set: Any) -> int:
    """One for each element, also in items."""
    if not isinstance(data_set, dict):
        return 1
    total = 0
    for element in data_set.values():
        total += 1
        values = element.get("Value") if isinstance(element, dict) else None
        if isinstance(values, list) and isinstance(element, dict) and element.get("vr") == "SQ":
            total += sum(facts_of(item) for item in values)
    return total


def canonical(data_set: Any, terms: SideTerms) -> Hashable:
    """Equal for data sets that say the same."""
    if not isinstance(data_set, dict):
        return str(data_set)
    return tuple((tag, _canonical_element(data_set[tag], terms)) for tag in sorted(data_set))


def title(tag: str) -> str:
    """`PatientName (0010,0010)`; keys that are no tags as they are."""
    if len(tag) != 8 or not _is_hex(tag):
        return tag
    from azdicom_emulator.dicom.dictionary import keyword_of

    keyword = keyword_of(int(tag, 16))
    number = f"({tag[:4]},{tag[4:]})"
    return number if keyword == tag else f"{keyword} {number}"


def _compare_elements(tag: str, ours: Any, theirs: Any, place: Place, findings: Findings) -> None:
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        if ours != theirs:
            _report_value(tag, str(ours), str(theirs), place.key(tag), findings)
        return
    vr, other = ours.get("vr"), theirs.get("vr")
    if vr != other:
        is_lost = is_private_tag(tag) and "UN" in (vr, other)
        findings.report(
            Severity.NOISE if is_lost else _severity(tag),
            place.key(tag).key("vr"),
            "vr",
            f"{title(tag)} has another VR",
            upstream=str(vr),
            local=str(other),
            tag=tag,
            rule=VOLATILE if is_lost else None,
            facts=1,
        )
    elif vr == "SQ":
        _compare_sequences(tag, ours, theirs, place.key(tag), findings)
    else:
        _compare_values(tag, ours, theirs, place, findings)


def _compare_values(tag: str, ours: DataSet, theirs: DataSet, place: Place, findings: Findings) -> None:
    terms = findings.terms
    if ours == theirs or normal(ours, terms.upstream) == normal(theirs, terms.local):
        findings.same()
    elif tag in SET_BY_SERVER or tag in FREE_MEMBERS:
        _report_value(tag, shown(ours), shown(theirs), place.key(tag), findings, Severity.NOISE, VOLATILE)
    elif tag == COMMENTS:
        here = place.key(tag)
        messages.compare_texts(_joined(ours), _joined(theirs), here, findings, tag=tag)
    else:
        _report_value(tag, shown(ours), shown(theirs), place.key(tag), findings, _severity(tag))


def _compare_sequences(tag: str, ours: DataSet, theirs: DataSet, place: Place, findings: Findings) -> None:
    upstream, local = _items(ours), _items(theirs)
    findings.same()
    terms = findings.terms
    if tag in BY_SOP:
        keys = (
            [_value_of(item, REFERENCED_SOP, terms.upstream) for item in upstream],
            [_value_of(item, REFERENCED_SOP, terms.local) for item in local],
        )
        found = pairing.by_key(upstream, local, keys, lambda one, other: _distance(one, other, findings))
        names = keys
    else:
        form = (
            [canonical(item, terms.upstream) for item in upstream],
            [canonical(item, terms.local) for item in local],
        )
        found = pairing.by_position(upstream, local, form)
        names = ([str(index + 1) for index in range(len(upstream))], [str(index + 1) for index in range(len(local))])
    for index, other in found.pairs:
        compare_data_sets(upstream[index], local[other], place.item(str(names[0][index])), findings)
    for index in found.missing:
        _report_item("missing", upstream[index], place.item(str(names[0][index])), findings, tag)
    for index in found.extra:
        _report_item("extra", local[index], place.item(str(names[1][index])), findings, tag)
    if found.is_reordered:
        severity = Severity.NOISE if tag in BY_SOP else _severity(tag)
        report_order(severity, [names[0][index] for index, _ in found.pairs], found, place.item("*"), findings)


def _report_presence(tag: str, ours: Any, theirs: Any, place: Place, findings: Findings) -> None:
    kind, element = ("missing", ours) if theirs is None else ("extra", theirs)
    text = f"{title(tag)} is missing" if kind == "missing" else f"{title(tag)} is there on the local side only"
    value = shown(element) if isinstance(element, dict) else str(element)
    findings.report(
        _severity(tag),
        place.key(tag),
        kind,
        text,
        upstream=value if kind == "missing" else None,
        local=value if kind == "extra" else None,
        tag=tag,
        facts=facts_of({tag: element}),
    )


def _report_item(kind: str, item: Any, place: Place, findings: Findings, tag: str | None = None) -> None:
    what = "an item" if tag is None else f"an item of {title(tag)}"
    side = "is missing" if kind == "missing" else "is there on the local side only"
    name = place.where.rpartition("[")[2].rstrip("]")
    value = canonical_text(item)
    findings.report(
        Severity.BREAKING if tag is None else _severity(tag),
        place,
        kind,
        f"{what} {side}: {name}",
        upstream=value if kind == "missing" else None,
        local=value if kind == "extra" else None,
        tag=tag,
        facts=max(1, facts_of(item)),
    )


def canonical_text(item: Any) -> str:
    """An item on one line."""
    if not isinstance(item, dict):
        return str(item)
    return ", ".join(
        f"{tag}={shown(element) if isinstance(element, dict) else element}" for tag, element in sorted(item.items())
    )


def _report_value(
    tag: str,
    upstream: str,
    local: str,
    place: Place,
    findings: Findings,
    severity: Severity = Severity.BREAKING,
    rule: str | None = None,
) -> None:
    text = f"{title(tag)} has another value"
    findings.report(severity, place, "value", text, upstream=upstream, local=local, tag=tag, rule=rule)


def is_private_tag(tag: str) -> bool:
    return len(tag) == 8 and _is_hex(tag) and bool(int(tag[3], 16) & 1)


def _severity(tag: str) -> Severity:
    return Severity.MINOR if is_private_tag(tag) else Severity.BREAKING


def _distance(one: Any, other: Any, findings: Findings) -> int:
    """Fingerprints between two items."""
    scratch = findings.scratch()
    compare_data_sets(one, other, Place.of("dicom:"), scratch)
    return len(scratch.fingerprints)


def _uid(data_set: Any, terms: SideTerms) -> str:
    for tag in UIDS:
        if uid := _value_of(data_set, tag, terms):
            return uid
    return ""


def _value_of(data_set: Any, tag: str, terms: SideTerms) -> str:
    element = data_set.get(tag) if isinstance(data_set, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return terms.uid(str(values[0]).rstrip(" \0")) if isinstance(values, list) and values else ""


def _items(element: DataSet) -> list[Any]:
    values = element.get("Value")
    return values if isinstance(values, list) else []


def _joined(element: DataSet) -> str:
    return "\n".join(str(value) for value in _items(element))


def _canonical_element(element: Any, terms: SideTerms) -> Hashable:
    if not isinstance(element, dict):
        return str(element)
    if element.get("vr") == "SQ":
        return ("SQ", tuple(canonical(item, terms) for item in _items(element)))
    return (str(element.get("vr")), normal(element, terms))


def _is_hex(text: str) -> bool:
    return all(character in "0123456789ABCDEFabcdef" for character in text)
