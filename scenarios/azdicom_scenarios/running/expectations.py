"""Holds an answer against what a step expects; everything that does not fit is told (record-replay §12)."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azdicom_scenarios.model import (
    BodyExpectation,
    DicomExpectation,
    Exists,
    Expect,
    ImageExpectation,
    Mark,
    Matcher,
    Matchers,
    PartExpectation,
    PartsExpectation,
    Text,
)
from azdicom_scenarios.running import jsonpath
from azdicom_scenarios.running.data_sets import (
    BadTagPathError,
    DataSet,
    NoDataSetError,
    Piece,
    attribute,
    data_sets_of,
    parts_of,
)
from azdicom_scenarios.running.exchanges import Answer, Exchange
from azdicom_scenarios.running.images import NoPictureError, picture, psnr_db
from azdicom_scenarios.running.matching import ABSENT, Found, shown, unmet
from azdicom_scenarios.running.results import Mismatch
from azdicom_scenarios.running.snapshots import Snapshots
from azdicom_scenarios.variables import Scope

TEXT_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What expectations may refer to. earlier: answers by the names of steps; frames_of: of a fixture's instance.

    frames_of raises ValueError: there is no such instance, or it has no frames that can be told apart.
    """

    scope: Scope
    folder: Path
    earlier: Mapping[str, Answer]
    snapshots: Snapshots
    frames_of: Callable[[str], list[bytes]]


def mismatches(expect: Expect, exchange: Exchange, context: Context) -> list[Mismatch]:
    """In the order of the schema; [] when all is as expected."""
    return list(_mismatches(expect, exchange, context))


def _mismatches(expect: Expect, exchange: Exchange, context: Context) -> Iterator[Mismatch]:
    answer = exchange.answer
    if answer is None:
        yield Mismatch(mark=expect.mark, what="answer", expected="an answer", actual=exchange.trouble)
        return
    scope = context.scope
    yield from _status(expect, answer, scope)
    yield from headers(expect.headers, answer.headers, scope)
    if expect.json:
        yield from _json(expect.json, answer, scope)
    if expect.dicom is not None:
        yield from _dicom(expect.dicom, lambda: data_sets_of(answer.headers, answer.content), scope)
    if expect.parts is not None:
        yield from _parts(expect.parts, answer, context)
    if expect.image is not None:
        yield from _image(expect.image, answer, context)
    if expect.body is not None:
        yield from _body(expect.body, answer.content, scope)
    if expect.same_as is not None:
        yield from _same(expect.same_as, answer, context)
    if expect.max_time_s is not None and answer.duration_s > expect.max_time_s:
        yield Mismatch(
            mark=expect.mark,
            what="time",
            expected=f"at most {expect.max_time_s:g} s",
            actual=f"{answer.duration_s:.3f} s",
        )
    if expect.snapshot is not None:
        name = scope.substitute(expect.snapshot.value)
        for what, expected, actual in context.snapshots.differences(name, exchange):
            yield Mismatch(mark=expect.snapshot.mark, what=f"snapshot {name}: {what}", expected=expected, actual=actual)


def _status(expect: Expect, answer: Answer, scope: Scope) -> Iterator[Mismatch]:
    if not expect.status:
        return
    allowed = [scope.substitute(each.value) for each in expect.status]
    actual = str(answer.status)
    if not any(each == actual or (each.lower().endswith("xx") and each[0] == actual[0]) for each in allowed):
        yield Mismatch(
            mark=expect.status[0].mark, what="status", expected=" or ".join(allowed), actual=_status_text(answer)
        )


def _status_text(answer: Answer) -> str:
    """The code, and what an error says of itself."""
    if answer.status < 400 or not answer.content:
        return str(answer.status)
    return f"{answer.status} {_cut(answer.text)}"


def headers(matchers: Matchers, given: tuple[tuple[str, str], ...], scope: Scope) -> Iterator[Mismatch]:
    for name, matcher in matchers:
        values = [value for key, value in given if key.lower() == name.value.lower()]
        yield from _held(matcher, Found(", ".join(values) if values else ABSENT), f"header {name.value}", scope)


def _json(matchers: Matchers, answer: Answer, scope: Scope) -> Iterator[Mismatch]:
    try:
        document = answer.json
    except ValueError:
        yield Mismatch(mark=matchers[0][0].mark, what="json", expected="JSON", actual=_cut(answer.text) or "no body")
        return
    for written, matcher in matchers:
        path = scope.substitute(written.value)
        yield from _held(matcher, Found(json_at(path, document)), f"json {path}", scope)


def json_at(path: str, document: Any) -> Any:
    """The value at a JSONPath, ABSENT where there is none; a path that may lead to several gives a list."""
    parsed = jsonpath.parse(path)
    found = parsed.find(document)
    if not parsed.is_single:
        return found
    return found[0] if found else ABSENT


def _dicom(expected: DicomExpectation, read: Callable[[], list[DataSet]], scope: Scope) -> Iterator[Mismatch]:
    try:
        data_sets = read()
        chosen = _chosen(expected, data_sets, scope)
    except (NoDataSetError, BadTagPathError) as error:
        yield Mismatch(mark=expected.mark, what="dicom", expected="a data set", actual=str(error))
        return
    if chosen is None:
        if not all(isinstance(matcher, Exists) and not matcher.expected for _, matcher in expected.attributes):
            yield _no_data_set(expected, data_sets, scope)
        return
    for path, matcher in expected.attributes:
        try:
            found = attribute(chosen, scope.substitute(path.value))
        except BadTagPathError as error:
            yield Mismatch(mark=path.mark, what=f"dicom {path.value}", expected="an attribute", actual=str(error))
            continue
        yield from _held(matcher, found, f"dicom {path.value}", scope)


def _chosen(expected: DicomExpectation, data_sets: list[DataSet], scope: Scope) -> DataSet | None:
    for data_set in data_sets:
        if all(
            unmet(matcher, attribute(data_set, scope.substitute(path.value)), scope) is None
            for path, matcher in expected.where
        ):
            return data_set
    return None


def _no_data_set(expected: DicomExpectation, data_sets: list[DataSet], scope: Scope) -> Mismatch:
    from azdicom_scenarios.running.matching import described

    wanted = " and ".join(f"{path.value} {described(matcher, scope)}" for path, matcher in expected.where)
    there = [shown(attribute(each, path.value).value) for each in data_sets[:5] for path, _ in expected.where[:1]]
    return Mismatch(
        mark=expected.mark,
        what="dicom",
        expected=f"a data set with {wanted}" if wanted else "a data set",
        actual=f"{len(data_sets)} data sets" + (f": {', '.join(there)}" if there else ""),
    )


def _parts(expected: PartsExpectation, answer: Answer, context: Context) -> Iterator[Mismatch]:
    parts = parts_of(answer.headers, answer.content)
    if parts is None:
        actual = f"{answer.media_type or 'no media type'}, {len(answer.content)} bytes"
        yield Mismatch(mark=expected.mark, what="parts", expected="a whole multipart body", actual=actual)
        return
    if expected.count is not None:
        yield from _held(expected.count, Found(len(parts)), "number of parts", context.scope)
    for number, part in enumerate(parts if expected.each is not None else (), start=1):
        assert expected.each is not None
        yield from _part(expected.each, part, f"part {number}: ", context)
    for number, item in enumerate(expected.items, start=1):
        if number > len(parts):
            yield Mismatch(mark=item.mark, what=f"part {number}", expected="a part", actual=f"{len(parts)} parts")
            continue
        yield from _part(item, parts[number - 1], f"part {number}: ", context)
    if expected.frames is not None:
        yield from _frames(expected, parts, context)


def _part(expected: PartExpectation, part: Piece, place: str, context: Context) -> Iterator[Mismatch]:
    for miss in (
        *headers(expected.headers, part.headers, context.scope),
        *(_dicom(expected.dicom, part.data_sets, context.scope) if expected.dicom is not None else ()),
        *(_body(expected.body, part.content, context.scope) if expected.body is not None else ()),
    ):
        yield Mismatch(mark=miss.mark, what=place + miss.what, expected=miss.expected, actual=miss.actual)


def _frames(expected: PartsExpectation, parts: tuple[Piece, ...], context: Context) -> Iterator[Mismatch]:
    assert expected.frames is not None
    frames = expected.frames
    try:
        all_frames = context.frames_of(context.scope.substitute(frames.of.value))
        wanted = [all_frames[number - 1] for number in frames.numbers] if frames.numbers else all_frames
    except (ValueError, IndexError) as error:
        yield Mismatch(mark=frames.mark, what="frames", expected=f"frames of {frames.of}", actual=str(error))
        return
    if len(wanted) != len(parts):
        yield Mismatch(mark=frames.mark, what="frames", expected=f"{len(wanted)} frames", actual=f"{len(parts)} parts")
        return
    for number, (frame, part) in enumerate(zip(wanted, parts, strict=True), start=1):
        if frame != part.content:
            yield Mismatch(
                mark=frames.mark, what=f"frame in part {number}", expected=_digest(frame), actual=_digest(part.content)
            )


def _image(expected: ImageExpectation, answer: Answer, context: Context) -> Iterator[Mismatch]:
    try:
        actual = picture(answer.content)
    except NoPictureError as error:
        yield Mismatch(mark=expected.mark, what="image", expected="a picture", actual=str(error))
        return
    for what, wanted, given in (("width", expected.width, actual.width), ("height", expected.height, actual.height)):
        if wanted is not None and wanted != given:
            yield Mismatch(
                mark=expected.mark, what=f"image {what}", expected=f"{wanted} pixels", actual=f"{given} pixels"
            )
    if expected.psnr is None:
        return
    psnr = expected.psnr
    path = context.folder / context.scope.substitute(psnr.to.value)
    wanted_psnr = f"at least {psnr.minimum_db:g} dB to {path.name}"
    try:
        ratio = psnr_db(picture(path.read_bytes()), actual)
    except (OSError, ValueError) as error:
        yield Mismatch(mark=psnr.mark, what="image", expected=wanted_psnr, actual=str(error))
        return
    if ratio < psnr.minimum_db:
        shown_ratio = "equal" if math.isinf(ratio) else f"{ratio:.1f} dB"
        yield Mismatch(mark=psnr.mark, what="image", expected=wanted_psnr, actual=shown_ratio)


def _body(expected: BodyExpectation, content: bytes, scope: Scope) -> Iterator[Mismatch]:
    if expected.is_empty is not None and expected.is_empty is not (not content):
        wanted = "no body" if expected.is_empty else "a body"
        yield Mismatch(mark=expected.mark, what="body", expected=wanted, actual=f"{len(content)} bytes")
    if expected.sha256 is not None:
        wanted, actual = scope.substitute(expected.sha256.value).lower(), hashlib.sha256(content).hexdigest()
        if wanted != actual:
            yield Mismatch(mark=expected.sha256.mark, what="body sha256", expected=wanted, actual=actual)
    if expected.text is not None:
        yield from _held(expected.text, Found(content.decode("utf-8", "replace")), "body", scope)


def _same(name: Text, answer: Answer, context: Context) -> Iterator[Mismatch]:
    """Status, media type and body; the boundary of a multipart body is another one each time."""
    step = context.scope.substitute(name.value)
    other = context.earlier.get(step)
    if other is None:
        yield Mismatch(mark=name.mark, what="same_as", expected=f"an answer of '{step}'", actual="it had none")
        return
    if other.status != answer.status:
        yield Mismatch(
            mark=name.mark, what=f"status, as of '{step}'", expected=str(other.status), actual=str(answer.status)
        )
    if other.media_type != answer.media_type:
        yield Mismatch(
            mark=name.mark,
            what=f"media type, as of '{step}'",
            expected=other.media_type or "none",
            actual=answer.media_type or "none",
        )
    if _content(other) != _content(answer):
        yield Mismatch(
            mark=name.mark,
            what=f"body, as of '{step}'",
            expected=_digest(other.content),
            actual=_digest(answer.content),
        )


def _content(answer: Answer) -> object:
    parts = parts_of(answer.headers, answer.content) if answer.media_type.startswith("multipart/") else None
    return answer.content if parts is None else parts


def _held(matcher: Matcher, found: Found, what: str, scope: Scope) -> Iterator[Mismatch]:
    miss = unmet(matcher, found, scope)
    if miss is not None:
        mark: Mark = miss.mark
        yield Mismatch(mark=mark, what=what, expected=_cut(miss.expected), actual=_cut(miss.actual))


def _cut(text: str) -> str:
    if len(text) <= TEXT_SHOWN:
        return text
    half = TEXT_SHOWN // 2
    return f"{text[:half]} … {text[-half:]}"


def _digest(content: bytes) -> str:
    if len(content) <= TEXT_SHOWN and content.isascii():
        return content.decode()
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:16]}…"
