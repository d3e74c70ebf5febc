"""Data sets of two answers side by side, as rows for a report."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from azdicom_emulator.dicom.dictionary import entry_of
from azdicom_proxy.cassette.bodies import content_of, media_type_of, size_of
from azdicom_proxy.cassette.errors import BodyOmittedError
from azdicom_proxy.cassette.model import Body, Inline, RecordedResponse, SpooledFile
from azdicom_proxy.media_types import DICOM_JSON
from azdicom_proxy.parity.comparing.files import open_file
from azdicom_proxy.parity.comparing.parts import parts_of
from azdicom_proxy.parity.redaction import Redaction, is_personal

DataSet = Mapping[str, Any]
KEYS = ("00080018", "00081155", "0020000E", "0020000D")
"""The first that is present names a data set."""
DICOM = "application/dicom"
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_FILES = 200
MAX_TABLES = 3
MAX_ROWS = 400
MAX_DEPTH = 8
MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute. depth: of sequences around it; tag: `(0010,0020)`; None: the side has no such attribute."""

    depth: int
    tag: str
    name: str
    vr: str
    upstream: str | None
    local: str | None
    is_changed: bool

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def tables_of(
    upstream: RecordedResponse, local: RecordedResponse, changed: Iterable[str], redaction: Redaction
) -> list[dict[str, Any]]:
    """`{"key", "rows"}` of the data sets in which something changed, at most three.

    changed: the tags that differences are about; what else differs is the sides' own business, like their host names.
    """
    tags = frozenset(changed)
    ours, theirs = _data_sets(upstream), _data_sets(local)
    tables: list[dict[str, Any]] = []
    for key in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(key, {}), theirs.get(key, {})
        rows = _rows(one, other, tags if one and other else frozenset((*one, *other)), redaction)
        if any(row.is_changed for row in rows):
            tables.append({"key": key, "rows": [row.as_json() for row in rows]})
        if len(tables) == MAX_TABLES:
            break
    return tables


def personal_values(response: RecordedResponse) -> Iterator[str]:
    """The values of personal attributes in an answer's data sets."""
    for data_set in _data_sets(response).values():
        yield from _personal(data_set, MAX_DEPTH)


def _personal(data_set: DataSet, depth: int) -> Iterator[str]:
    for tag, element in data_set.items():
        values = element.get("Value") if isinstance(element, dict) else None
        for value in values if isinstance(values, list) else ():
            if isinstance(value, dict) and element.get("vr") != "PN":
                if depth:
                    yield from _personal(value, depth - 1)
            elif _is_tag(tag) and is_personal(tag):
                yield from (str(text) for text in (value.values() if isinstance(value, dict) else (value,)))


def _data_sets(response: RecordedResponse) -> dict[str, DataSet]:
    """By their deepest UID, or by position where they have none; {} for what holds none."""
    media_type = media_type_of(response.headers)
    try:
        if media_type == DICOM_JSON:
            found = _of_json(response.body)
        elif media_type == DICOM or media_type.startswith("multipart/"):
            found = list(_of_files(response))
        else:
            found = []
    except (BodyOmittedError, OSError):
        found = []
    return {_key(data_set) or f"#{index + 1}": data_set for index, data_set in enumerate(found)}


def _of_json(body: Body) -> list[DataSet]:
    if not 0 < size_of(body) <= MAX_BODY_BYTES:
        return []
    try:
        value = json.loads(content_of(body))
    except (ValueError, RecursionError):
        return []
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _of_files(response: RecordedResponse) -> Iterator[DataSet]:
    """Of a file, or of each part that is one: the file meta information and the data set."""
    bodies: Iterable[Body] = (response.body,)
    if media_type_of(response.headers) != DICOM:
        bodies = (part.body for part in parts_of(response.headers, response.body) or ())
    for body in islice(bodies, MAX_FILES):
        file = open_file(body) if isinstance(body, Inline | SpooledFile) and size_of(body) else None
        if file is not None:
            yield file.elements


def _rows(
    upstream: DataSet,
    local: DataSet,
    changed: frozenset[str],
    redaction: Redaction,
    depth: int = 0,
    inside: bool = False,
) -> list[Row]:
    """inside: of a sequence that is personal."""
    rows: list[Row] = []
    for tag in sorted({*upstream, *local}):
        if len(rows) >= MAX_ROWS or not _is_tag(tag):
            break
        ours, theirs = _element(upstream, tag), _element(local, tag)
        hidden = (inside or is_personal(tag)) and not redaction.phi_shown
        rows.append(_row(tag, ours, theirs, depth, changed, redaction, hidden))
        if depth < MAX_DEPTH:
            for one, other in _item_pairs(ours, theirs):
                rows += _rows(one, other, changed, redaction, depth + 1, hidden)
    return rows[:MAX_ROWS]


def _row(
    tag: str,
    ours: DataSet | None,
    theirs: DataSet | None,
    depth: int,
    changed: frozenset[str],
    redaction: Redaction,
    hidden: bool,
) -> Row:
    entry = entry_of(int(tag, 16))
    vrs = dict.fromkeys(str(each.get("vr", "")) for each in (ours, theirs) if each is not None)
    texts = [None if each is None else _text(each) for each in (ours, theirs)]
    is_changed = (texts[0] != texts[1] or len(vrs) > 1) and tag.upper() in changed
    shown = [None if text is None else ("***" if hidden and text else _cut(redaction.text(text))) for text in texts]
    return Row(
        depth=depth,
        tag=f"({tag[:4]},{tag[4:]})",
        name=entry.name if entry else "",
        vr=" → ".join(vrs),
        upstream=shown[0],
        local=shown[1],
        is_changed=is_changed,
    )


def _element(data_set: DataSet, tag: str) -> DataSet | None:
    element = data_set.get(tag)
    return element if isinstance(element, dict) else None


def _item_pairs(ours: DataSet | None, theirs: DataSet | None) -> Iterator[tuple[DataSet, DataSet]]:
    first, second = _items(ours), _items(theirs)
    for index in range(max(len(first), len(second))):
        yield (first[index] if index < len(first) else {}), (second[index] if index < len(second) else {})


def _items(element: DataSet | None) -> list[DataSet]:
    if element is None or element.get("vr") != "SQ" or not isinstance(element.get("Value"), list):
        return []
    return [item for item in element["Value"] if isinstance(item, dict)]


def _text(element: DataSet) -> str:
    """The values as people read them."""
    if element.get("vr") == "SQ":
        items = len(_items(element))
        return f"{items} item{'' if items == 1 else 's'}"
    if "Binary" in element:
        return str(element["Binary"])
    for key in ("InlineBinary", "BulkDataURI"):
        if key in element:
            return f"{key} {element[key]}"
    values = element.get("Value")
    return "" if not isinstance(values, list) else "\\".join(map(_value_text, values))


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return "=".join(str(value[group]) for group in ("Alphabetic", "Ideographic", "Phonetic") if group in value)
    return "" if value is None else str(value)


def _key(data_set: DataSet) -> str | None:
    for tag in KEYS:
        values = (data_set.get(tag) or {}).get("Value")
        if isinstance(values, list) and values and isinstance(values[0], str):
            return values[0]
    return None


def _is_tag(tag: str) -> bool:
    return len(tag) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in tag)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS // 2]} … {text[-MAX_CHARACTERS // 2 :]}"
