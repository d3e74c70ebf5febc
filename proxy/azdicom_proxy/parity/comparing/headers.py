"""The headers that a client may rely on; all others are the transport's or the front end's."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from azdicom_proxy import media_types
from azdicom_proxy.cassette.bodies import header
from azdicom_proxy.cassette.model import Headers
from azdicom_proxy.parity.comparing import messages
from azdicom_proxy.parity.comparing.findings import VOLATILE, Findings, Place
from azdicom_proxy.parity.comparing.terms import SideTerms
from azdicom_proxy.parity.model import Severity

WARNING = re.compile(r'\s*(\d{3})\s+(\S+)\s+"((?:[^"\\]|\\.)*)"')
_DIGITS = re.compile(r"\d+")
_LINES = "\n"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one header is compared. severity: of any difference; normal: equal values say the same."""

    severity: Severity
    normal: Callable[[str, SideTerms], str]


def _url(value: str, terms: SideTerms) -> str:
    return terms.url(value.strip())


def _members(value: str, terms: SideTerms) -> str:
    """A list in which order and letter case do not count."""
    return ", ".join(
        sorted(member.strip().lower() for member in value.replace(_LINES, ",").split(",") if member.strip())
    )


def _plain(value: str, terms: SideTerms) -> str:
    return value.strip()


RULES: dict[str, Rule] = {
    "Location": Rule(Severity.BREAKING, _url),
    "Content-Location": Rule(Severity.MINOR, _url),
    "erroneous-dicom-attributes": Rule(Severity.BREAKING, _members),
    "Retry-After": Rule(Severity.MINOR, _plain),
    "Allow": Rule(Severity.BREAKING, _members),
    "api-supported-versions": Rule(Severity.MINOR, _members),
}
"""Beside Content-Type, ETag, Warning and Access-Control-*, which have rules of their own."""
CORS = "access-control-"


def compare_headers(
    upstream: Headers, local: Headers, findings: Findings, *, known_etags: tuple[str, str] | None
) -> None:
    """All but Content-Type. known_etags: those that the two sides sent for the same URI before."""
    names = dict(RULES)
    for name in sorted({key.lower() for key, _ in (*upstream, *local) if key.lower().startswith(CORS)}):
        names["-".join(word.capitalize() for word in name.split("-"))] = Rule(Severity.MINOR, _members)
    for name, rule in names.items():
        ours, theirs = _joined(upstream, name), _joined(local, name)
        if _both(name, ours, theirs, findings, rule.severity) and ours is not None and theirs is not None:
            terms = findings.terms
            if rule.normal(ours, terms.upstream) == rule.normal(theirs, terms.local):
                findings.same()
            else:
                _report(name, "value", ours, theirs, findings, rule.severity)
    _compare_etags(_joined(upstream, "ETag"), _joined(local, "ETag"), findings, known_etags)
    _compare_warnings(_joined(upstream, "Warning"), _joined(local, "Warning"), findings)


def compare_content_types(
    upstream: Headers,
    local: Headers,
    place: Place,
    findings: Findings,
    *,
    without: tuple[str, ...] = (),
) -> bool:
    """Whether the bodies can be compared: they have the same media type. without: parameters that are left out."""
    ours, theirs = header(upstream, "content-type"), header(local, "content-type")
    if ours is None or theirs is None:
        if ours is not None or theirs is not None:
            kind = "missing" if theirs is None else "extra"
            _report("Content-Type", kind, ours, theirs, findings, Severity.BREAKING, place)
        return ours is None and theirs is None
    one, other = media_types.parse(ours), media_types.parse(theirs)
    if one.essence != other.essence:
        _report("Content-Type", "value", ours, theirs, findings, Severity.BREAKING, place)
        return False
    left_out = ("boundary", *without)
    if _parameters(one, left_out) == _parameters(other, left_out):
        findings.same()
    else:
        _report("Content-Type", "parameter", ours, theirs, findings, Severity.BREAKING, place)
    return True


def etag_shape(value: str) -> str:
    """`N` for an instance's, `N-M` for those of a study or series, quotes kept."""
    return _DIGITS.sub("N", value.strip())


def _compare_etags(ours: str | None, theirs: str | None, findings: Findings, known: tuple[str, str] | None) -> None:
    if not _both("ETag", ours, theirs, findings, Severity.BREAKING) or ours is None or theirs is None:
        return
    if etag_shape(ours) != etag_shape(theirs):
        _report("ETag", "shape", ours, theirs, findings, Severity.BREAKING)
    elif known is not None and (known[0] == ours) != (known[1] == theirs):
        _report("ETag", "stale", ours, theirs, findings, Severity.BREAKING)
    elif ours != theirs:
        _report("ETag", "value", ours, theirs, findings, Severity.NOISE)
    else:
        findings.same()


def _compare_warnings(ours: str | None, theirs: str | None, findings: Findings) -> None:
    if not _both("Warning", ours, theirs, findings, Severity.BREAKING) or ours is None or theirs is None:
        return
    one, other = WARNING.findall(ours), WARNING.findall(theirs)
    if [code for code, _, _ in one] != [code for code, _, _ in other]:
        _report("Warning", "value", ours, theirs, findings, Severity.BREAKING)
    elif not one:
        messages.compare_texts(ours, theirs, _place("Warning"), findings)
    else:
        up, loc = ("\n".join(sorted(text for _, _, text in each)) for each in (one, other))
        messages.compare_texts(up, loc, _place("Warning"), findings)


def _both(name: str, ours: str | None, theirs: str | None, findings: Findings, severity: Severity) -> bool:
    """Whether both sides sent the header; a lonely one is reported."""
    if ours is not None and theirs is not None:
        return True
    if ours is not None or theirs is not None:
        _report(name, "missing" if theirs is None else "extra", ours, theirs, findings, severity)
    return False


def _report(
    name: str,
    kind: str,
    ours: str | None,
    theirs: str | None,
    findings: Findings,
    severity: Severity,
    place: Place | None = None,
) -> None:
    text = {
        "missing": f"the header {name} is missing",
        "extra": f"the local side alone has the header {name}",
        "shape": f"{name} has another shape",
        "parameter": f"{name} has another parameter",
        "stale": f"{name} stayed on one side and changed on the other",
    }.get(kind, f"the header {name} has another value")
    rule = VOLATILE if severity is Severity.NOISE else None
    findings.report(severity, place or _place(name), kind, text, upstream=ours, local=theirs, rule=rule)


def _place(name: str) -> Place:
    return Place.of(f"header:{name}")


def _joined(headers: Headers, name: str) -> str | None:
    values = [value for key, value in headers if key.lower() == name.lower()]
    return _LINES.join(values) if values else None


def _parameters(media: media_types.MediaType, without: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (name, value.lower() if name in ("charset", "type") else value)
        for name, value in media.parameters
        if name not in without
    )
