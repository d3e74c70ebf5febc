"""Which comparison a body gets, by its media type, what is in it, and the route."""

import json
from collections.abc import Sequence
from typing import Any

from azdicom_proxy import media_types
from azdicom_proxy.cassette.bodies import content_of, header, media_type_of, size_of
from azdicom_proxy.cassette.model import Body, Empty, Headers, Inline, Multipart, Omitted, Part, SpooledFile
from azdicom_proxy.parity.comparing import data_sets, files, images, messages, pairing, pixels, plain_json
from azdicom_proxy.parity.comparing.findings import Findings, Place
from azdicom_proxy.parity.comparing.headers import compare_content_types
from azdicom_proxy.parity.comparing.parts import Piece, are_equal, parts_of
from azdicom_proxy.parity.model import Pair, Severity

DICOM = "application/dicom"
BODY = Place.of("body")
CONTENT_TYPE = Place.of("header:Content-Type")
PART = Place.of("part")
WHOLE = Place.of("")
NO_JSON = object()
SYNTAX_PARAMETER = "transfer-syntax"
SHOWN_BYTES = 4096


def compare_bodies(pair: Pair, findings: Findings) -> None:
    """Presence, then media type, then what the bodies say: each only where the one before is alike."""
    ours, theirs = pair.upstream, pair.local
    has_body = (bool(size_of(ours.body)), bool(size_of(theirs.body)))
    if has_body[0] != has_body[1]:
        _report_presence(pair, findings)
        return
    findings.same()
    if isinstance(ours.body, Omitted) or isinstance(theirs.body, Omitted):
        return
    media_type = media_type_of(ours.headers)
    without: tuple[str, ...] = ()
    if media_type == DICOM and _told_by_files(ours.headers, ours.body, theirs.headers, theirs.body):
        without = (SYNTAX_PARAMETER,)
    is_comparable = compare_content_types(ours.headers, theirs.headers, CONTENT_TYPE, findings, without=without)
    if is_comparable and has_body[0]:
        _compare_contents(pair, media_type, findings)


def _compare_contents(pair: Pair, media_type: str, findings: Findings) -> None:
    ours, theirs = pair.upstream, pair.local
    if media_type.startswith("multipart/"):
        _compare_parts(pair, findings)
    elif media_type == DICOM:
        files.compare_files(_piece(ours.body), _piece(theirs.body), WHOLE, findings)
    elif "json" in media_type:
        _compare_documents(pair, findings)
    elif media_type.startswith("image/") and "/rendered" in pair.route:
        images.compare_images(content_of(ours.body), content_of(theirs.body), media_type, findings)
    elif "/frames/" in pair.route and ours.status < 300:
        syntaxes = (_syntax(ours.headers), _syntax(theirs.headers))
        pixels.compare_frames([_piece(ours.body)], [_piece(theirs.body)], syntaxes, WHOLE, findings)
    elif media_type.startswith("text/"):
        messages.compare_texts(_text(ours.body), _text(theirs.body), BODY, findings)
    else:
        _compare_bytes(ours.body, theirs.body, BODY, findings)


def _compare_documents(pair: Pair, findings: Findings) -> None:
    upstream, local = _json(pair.upstream.body), _json(pair.local.body)
    if upstream is NO_JSON or local is NO_JSON:
        if upstream is NO_JSON and local is NO_JSON:
            messages.compare_texts(_text(pair.upstream.body), _text(pair.local.body), BODY, findings)
        else:
            up, loc = ("no JSON" if each is NO_JSON else "JSON" for each in (upstream, local))
            findings.report(Severity.BREAKING, BODY, "type", "JSON on one side only", upstream=up, local=loc)
        return
    if _are_data_sets(upstream) and _are_data_sets(local):
        place = Place.of(files.PREFIX)
        data_sets.compare_arrays(upstream, local, place, findings, is_ordered=not _is_metadata(pair.route))
    elif data_sets.is_data_set(upstream) and data_sets.is_data_set(local):
        data_sets.compare_data_sets(upstream, local, Place.of(files.PREFIX), findings)
    else:
        plain_json.compare_json(upstream, local, Place.of("json:$"), findings)


# Multipart bodies.


def _compare_parts(pair: Pair, findings: Findings) -> None:
    ours = parts_of(pair.upstream.headers, pair.upstream.body)
    theirs = parts_of(pair.local.headers, pair.local.body)
    if ours is None or theirs is None:
        up, loc = ("no parts" if each is None else f"{len(each)} parts" for each in (ours, theirs))
        if up != loc:
            findings.report(Severity.BREAKING, BODY, "type", "a body that has no parts", upstream=up, local=loc)
        else:
            _compare_bytes(pair.upstream.body, pair.local.body, BODY, findings)
    elif all(_is_dicom(part) for part in (*ours, *theirs)):
        _compare_file_parts(ours, theirs, findings)
    elif len(ours) != len(theirs) or "/frames/" in pair.route:
        _compare_frame_parts(ours, theirs, findings)
    else:
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True), 1):
            if _compare_part_headers(one, other, PART.item(number), findings, without=()):
                _compare_bytes(one.body, other.body, PART.item(number), findings)


def _compare_file_parts(ours: Sequence[Part], theirs: Sequence[Part], findings: Findings) -> None:
    """Keyed by SOP instance: in which order a service sends its parts is its own affair."""
    opened = [[files.open_file(part.body) for part in parts] for parts in (ours, theirs)]
    names = [["" if file is None else file.sop_instance_uid for file in each] for each in opened]
    terms = findings.terms
    keys = ([terms.upstream.uid(name) for name in names[0]], [terms.local.uid(name) for name in names[1]])
    found = pairing.by_key(
        ours, theirs, (list(keys[0]), list(keys[1])), lambda one, other: _distance(one, other, findings)
    )
    for index, other in found.pairs:
        here = PART.item(names[0][index] or index + 1)
        one, two = ours[index], theirs[other]
        without = (SYNTAX_PARAMETER,) if _told_by_files(one.headers, one.body, two.headers, two.body) else ()
        if _compare_part_headers(one, two, here, findings, without):
            files.compare_files(one.body, two.body, here, findings)
    for index in found.missing:
        _report_part("missing", opened[0][index], index, findings)
    for index in found.extra:
        _report_part("extra", opened[1][index], index, findings)
    if found.is_reordered:
        ranked: list[Any] = [names[0][index] for index, _ in found.pairs]
        data_sets.report_order(Severity.NOISE, ranked, found, PART.item("*"), findings)


def _report_part(kind: str, file: files.File | None, index: int, findings: Findings) -> None:
    name = (file.sop_instance_uid if file is not None else "") or str(index + 1)
    text = "a part is missing" if kind == "missing" else "a part is there on the local side only"
    findings.report(
        Severity.BREAKING,
        PART.item(name),
        kind,
        f"{text}: {name}",
        upstream=name if kind == "missing" else None,
        local=name if kind == "extra" else None,
        facts=1 if file is None else 1 + data_sets.facts_of(file.elements),
    )


def _compare_frame_parts(ours: Sequence[Part], theirs: Sequence[Part], findings: Findings) -> None:
    """Frames come in the order in which they were asked for."""
    if len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True), 1):
            _compare_part_headers(one, other, PART.item(number), findings, without=())
    syntaxes = (_syntax(ours[0].headers), _syntax(theirs[0].headers))
    pixels.compare_frames([part.body for part in ours], [part.body for part in theirs], syntaxes, WHOLE, findings)


def _compare_part_headers(one: Part, other: Part, place: Place, findings: Findings, without: tuple[str, ...]) -> bool:
    here = Place(f"{place.at}:header:Content-Type", f"{place.where}:header:Content-Type")
    is_comparable = compare_content_types(one.headers, other.headers, here, findings, without=without)
    terms = findings.terms
    locations = (header(one.headers, "content-location"), header(other.headers, "content-location"))
    ours, theirs = locations
    if ours is not None and theirs is not None and terms.upstream.url(ours) != terms.local.url(theirs):
        where = Place(f"{place.at}:header:Content-Location", f"{place.where}:header:Content-Location")
        findings.report(Severity.MINOR, where, "value", "another Content-Location", upstream=ours, local=theirs)
    return is_comparable


def _distance(one: Part, other: Part, findings: Findings) -> int:
    scratch = findings.scratch()
    files.compare_files(one.body, other.body, WHOLE, scratch)
    tags = {each.tag for each in scratch.differences}
    # The instance is named twice: in the data set and in group 0002.
    return 1 if tags and tags <= set(files.SOP_INSTANCE_UIDS) else len(scratch.fingerprints)


def _told_by_files(ours: Headers, one: Body, theirs: Headers, other: Body) -> bool:
    """Whether the parameters say what the files say: then a difference is told once."""
    if _syntax(ours) == _syntax(theirs):
        return False
    opened = [files.open_file(_piece(body)) for body in (one, other)]
    named = ["" if file is None else file.transfer_syntax_uid for file in opened]
    return named == [_syntax(ours), _syntax(theirs)]


def _is_dicom(part: Part) -> bool:
    return media_type_of(part.headers) in (DICOM, "")


def _syntax(headers: Headers) -> str:
    return media_types.parse(header(headers, "content-type") or "").parameter(SYNTAX_PARAMETER) or ""


# Others.


def _compare_bytes(upstream: Body, local: Body, place: Place, findings: Findings) -> None:
    if are_equal(upstream, local):
        findings.same()
        return
    up, loc = (f"{size_of(body)} bytes" for body in (upstream, local))
    findings.report(Severity.BREAKING, place, "value", "other bytes", upstream=up, local=loc)


def _report_presence(pair: Pair, findings: Findings) -> None:
    kind = "extra" if size_of(pair.local.body) else "missing"
    text = "the body is missing" if kind == "missing" else "the local side alone has a body"
    shown = [_start(response.body) for response in (pair.upstream, pair.local)]
    findings.report(
        Severity.BREAKING,
        BODY,
        kind,
        text,
        upstream=shown[0] if kind == "missing" else None,
        local=shown[1] if kind == "extra" else None,
    )


def _start(body: Body) -> str:
    if isinstance(body, Omitted | Empty) or size_of(body) > SHOWN_BYTES:
        return f"{size_of(body)} bytes"
    return _text(body)


def _is_metadata(route: str) -> bool:
    return route.endswith("/metadata")


def _are_data_sets(document: Any) -> bool:
    return isinstance(document, list) and bool(document) and all(map(data_sets.is_data_set, document))


def _json(body: Body) -> Any:
    try:
        return json.loads(content_of(body))
    except (ValueError, RecursionError):
        return NO_JSON


def _text(body: Body) -> str:
    return content_of(body).decode("utf-8", "replace")


def _piece(body: Body) -> Piece:
    if isinstance(body, Inline | SpooledFile):
        return body
    return Inline(content_of(body) if isinstance(body, Multipart) else b"")
