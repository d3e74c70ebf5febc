"""The values of one element of DICOM JSON as something to compare, by VR (PS3.18 Annex F)."""

import base64
import binascii
import json
import struct
from collections.abc import Hashable
from decimal import Decimal, InvalidOperation
from typing import Any

from azdicom_proxy.cassette.naming import locate
from azdicom_proxy.parity.comparing.terms import BASE, SideTerms

DECIMALS = frozenset(("DS", "IS", "SV", "UV", "SL", "SS", "UL", "US"))
DOUBLES = frozenset(("FD", "FL"))
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
PADDING = " \0"


def normal(element: dict[str, Any], terms: SideTerms) -> Hashable:
    """Equal for elements that say the same; `element` is not a sequence."""
    if "InlineBinary" in element:
        return _binary(element["InlineBinary"])
    if "BulkDataURI" in element:
        return _bulk_data(str(element["BulkDataURI"]), terms)
    if "Binary" in element:
        return element["Binary"].value()  # type: ignore[no-any-return]
    values = element.get("Value")
    if not isinstance(values, list):
        return () if values is None else ("not an array", _dumped(values))
    vr = str(element.get("vr", ""))
    normalised = [_value(vr, value, terms) for value in values]
    # An empty element has no Value, an empty array, or a null (PS3.18 §F.2.5).
    while normalised and normalised[-1] is None and len(normalised) == 1:
        normalised.pop()
    return tuple(normalised)


def shown(element: dict[str, Any]) -> str:
    """The values as people read them."""
    for key in ("InlineBinary", "BulkDataURI"):
        if key in element:
            return f"{key} {element[key]}"
    if "Binary" in element:
        return str(element["Binary"])
    values = element.get("Value")
    return "" if values is None else _dumped(values)


def _value(vr: str, value: Any, terms: SideTerms) -> Hashable:
    if value is None or value == "":
        return None
    if vr in DECIMALS:
        return _decimal(value)
    if vr in DOUBLES:
        return _double(vr, value)
    if vr == "PN":
        return _name(value)
    if isinstance(value, str):
        text = value.rstrip(PADDING)
        if vr == "UI":
            return terms.uid(text)
        return terms.url(text) if vr == "UR" else text
    return ("", _dumped(value))


def _decimal(value: Any) -> Hashable:
    try:
        number = Decimal(str(value).strip(PADDING))
        return number if number.is_finite() else str(value)
    except InvalidOperation:
        return str(value).strip(PADDING)


def _double(vr: str, value: Any) -> Hashable:
    try:
        number = float(value)
        return struct.unpack("<f", struct.pack("<f", number))[0] if vr == "FL" else number
    except (TypeError, ValueError, OverflowError):
        return str(value)


def _name(value: Any) -> Hashable:
    """Components of each group, trailing empty ones left out (PS3.5 §6.2.1)."""
    groups = value if isinstance(value, dict) else dict(zip(NAME_GROUPS, str(value).split("="), strict=False))
    components = {
        group: tuple(component.strip(PADDING) for component in str(text or "").rstrip(PADDING).rstrip("^").split("^"))
        for group, text in groups.items()
    }
    return frozenset((group, parts) for group, parts in components.items() if any(parts)) or None


def _binary(text: Any) -> Hashable:
    try:
        return ("binary", base64.b64decode(text))
    except (binascii.Error, ValueError, TypeError):
        return ("binary", str(text))


def _bulk_data(uri: str, terms: SideTerms) -> Hashable:
    """A service's own URL counts by its route: which part of the path names the value is the service's affair."""
    rebased = terms.url(uri)
    return ("bulk data", (rebased.startswith(BASE) and locate("GET", uri).route) or rebased)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
