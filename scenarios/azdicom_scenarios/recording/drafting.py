"""A cassette as a draft of a scenario."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from azdicom_proxy.cassette.bodies import content_of, header, media_type_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Empty, Interaction, Omitted
from azdicom_proxy.cassette.naming import locate
from azdicom_scenarios.recording.cleaning import Kept, cleaned
from azdicom_scenarios.recording.drafts import Draft, DraftStep, Yaml
from azdicom_scenarios.recording.inferring import Inference
from azdicom_scenarios.recording.uploads import Fixtures

KEPT_HEADERS = ("accept", "content-type", "if-none-match", "transaction-uid")
KEPT_PREFIXES = ("msdicom-",)
OPTIONS = frozenset({"limit", "offset", "includefield", "fuzzymatching"})
EXPECTED_HEADERS = ("warning", "erroneous-dicom-attributes", "allow", "retry-after")


class UnusableCassetteError(ValueError):
    """Nothing of the cassette can be a step; the text says why."""


def draft_of(
    interactions: Sequence[Interaction], fixtures: Fixtures, *, name: str, description: str, strict_bodies: bool = False
) -> Draft:
    """The draft. strict_bodies: what an answer says is kept as a snapshot. Raises UnusableCassetteError."""
    kept = [each for each in cleaned(interactions) if locate(*_asked(each.interaction)).route]
    if not kept:
        raise UnusableCassetteError("the cassette has no request of the DICOM service's API")
    base = _base(kept)
    steps = [_step(each, base, fixtures) for each in kept]
    inference = Inference(fixtures.literals)
    inference.count(steps)
    for step, each in zip(steps, kept, strict=True):
        inference.step(step)
        _expect(step, each, inference, strict_bodies=strict_bodies)
    return Draft(
        name=name,
        description=description,
        base=base,
        steps=steps,
        synthetic=fixtures.synthetic,
        variables=inference.variables,
        files=fixtures.files,
    )


def _asked(interaction: Interaction) -> tuple[str, str]:
    return interaction.request.method, interaction.request.uri


def _base(kept: Sequence[Kept]) -> str:
    """The API version that most requests have."""
    versions = Counter(locate(*_asked(each.interaction)).version or "v2" for each in kept)
    return f"/{versions.most_common(1)[0][0]}"


def _step(kept: Kept, base: str, fixtures: Fixtures) -> DraftStep:
    interaction = kept.interaction
    request = interaction.request
    parts = urlsplit(request.uri)
    position = f"{parts.path}/".lower().find(f"{base}/")
    path = parts.path[position + len(base) :] if position >= 0 else parts.path
    body = fixtures.bodies.get(interaction.id)
    headers = {
        key: value
        for key, value in request.headers
        if key.lower() in KEPT_HEADERS or key.lower().startswith(KEPT_PREFIXES)
    }
    if body is not None:
        headers = {key: value for key, value in headers.items() if key.lower() != "content-type"}
    else:
        body = _body(interaction)
    step = DraftStep(interaction, interaction.id, request.method, path, _pairs(parts.query), headers, body)
    if kept.operation is not None:
        source = "location" if header(interaction.response.headers, "location") else "body"
        step.wait_operation = {"from": source, "until": kept.operation}
    if kept.polled:
        step.retry = {"every": "200ms", "for": "10s"}
    return step


def _pairs(query: str) -> list[tuple[str, str]]:
    pairs = []
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        pairs.append((unquote_plus(name), unquote_plus(value)))
    return pairs


def _body(interaction: Interaction) -> Yaml | None:
    request = interaction.request
    if isinstance(request.body, Empty):
        return None
    if isinstance(request.body, Omitted):
        raise UnusableCassetteError(f"{interaction.id}: the body of the request was too large to be recorded")
    content = content_of(request.body)
    media_type = media_type_of(request.headers)
    if "json" in media_type:
        try:
            return {"json": json.loads(content)}
        except ValueError:
            return {"text": content.decode("utf-8", "replace")}
    return {"text": content.decode("utf-8", "replace")} if is_text(media_type) else {"base64": _base64(content)}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _expect(step: DraftStep, kept: Kept, inference: Inference, *, strict_bodies: bool) -> None:
    response = kept.interaction.response
    step.expect["status"] = response.status
    headers: Yaml = {}
    if not isinstance(response.body, Empty) and (media_type := media_type_of(response.headers)):
        headers["Content-Type"] = {"contains": media_type}
    for name in EXPECTED_HEADERS:
        if (value := header(response.headers, name)) is not None and "://" not in value:
            headers[name] = inference.expected(value)
    if headers:
        step.expect["headers"] = headers
    if step.method == "GET" and response.status == 200 and "dicom+json" in media_type_of(response.headers):
        step.expect |= _found(step, response.body, inference)
    if strict_bodies and not isinstance(response.body, Empty):
        step.expect["snapshot"] = kept.interaction.id
    if step.retry is not None:
        step.retry["until"] = dict(step.expect)


def _found(step: DraftStep, body: Any, inference: Inference) -> Yaml:
    """What a search found, as far as its query said what it looked for."""
    try:
        found = json.loads(content_of(body))
    except ValueError:
        return {}
    if not isinstance(found, list) or not found:
        return {}
    asked = [name for name, _ in step.query if name.lower() not in OPTIONS]
    attributes: Yaml = {}
    for name in asked:
        value = _value(found[0], name)
        if value is not None:
            attributes[name] = inference.expected(value)
    expected: Yaml = {"dicom": attributes} if attributes else {}
    if asked or "{" in step.path:
        expected["json"] = {"$": {"length": len(found)}}
    return expected


def _value(data_set: Any, name: str) -> str | None:
    """The single text value of an attribute; None: there is none to compare."""
    from pydicom.datadict import tag_for_keyword

    number = tag_for_keyword(name)
    tag = name.upper() if number is None else f"{number:08X}"
    values = data_set.get(tag, {}).get("Value") if isinstance(data_set, dict) else None
    if not values or len(values) != 1:
        return None
    value = values[0]
    if isinstance(value, dict):
        value = value.get("Alphabetic")
    return str(value) if isinstance(value, str | int) else None
