"""Re-recording without churn: a new interaction that equals the stored one but for noise leaves the stored one."""

import re
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, replace

from azdicom_proxy.cassette.bodies import content_of, header, media_type_of, sha256_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Inline, Interaction, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import named
from azdicom_proxy.matching.bodies import BodyLevel, body_value, explain
from azdicom_proxy.matching.identity import ID, IdentityMap
from azdicom_proxy.matching.matchers import choose_matchers

COMPARED_HEADERS = (
    "content-type",
    "location",
    "content-location",
    "warning",
    "erroneous-dicom-attributes",
    "retry-after",
    "allow",
    "api-supported-versions",
)
"""Headers that a client may act on; a changed one is a change."""

_VOLATILE = re.compile(
    r'("(?:timestamp|createdTime|lastUpdatedTime|sequence|filePath|etag)"\s*:\s*)("(?:[^"\\]|\\.)*"|[0-9]+)',
    re.IGNORECASE,
)
_ETAG_SHAPE = re.compile(r"[0-9a-zA-Z]+")
_GUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kept:
    """The interactions to write, in the new recording's order, and how many are what."""

    interactions: tuple[Interaction, ...]
    kept: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    changes: tuple[str, ...] = ()


def keep_equal(old: tuple[Interaction, ...], new: tuple[Interaction, ...], *, keeps_rest: bool = False) -> Kept:
    """Pairs equal requests in their order; ids that the service made anew are paired as they turn up.

    keeps_rest: what was not asked for again stays, behind the rest.
    """
    matchers = choose_matchers()
    waiting: dict[tuple[Hashable, ...], list[Interaction]] = defaultdict(list)
    for interaction in old:
        waiting[matchers.key(interaction.request), _body(interaction.request)].append(interaction)
    identities = IdentityMap()
    written: list[Interaction] = []
    changes: list[str] = []
    kept = 0
    added = 0
    for interaction in new:
        translated = identities.request_as_recorded(interaction.request)
        same_request = waiting[matchers.key(translated), _body(translated)]
        stored = same_request.pop(0) if same_request else None
        if stored is None:
            added += 1
            written.append(interaction)
        elif not (lines := _changed_pixels(stored, interaction)) and not (
            lines := differences(stored.response, interaction.response, identities)
        ):
            kept += 1
            written.append(stored)
        else:
            changes += [f"{stored.id}: {line}" for line in lines]
            written.append(interaction)
    rest = sorted((each for left in waiting.values() for each in left), key=lambda each: each.seq)
    removed = len(rest)
    if keeps_rest:
        written += rest
        kept, removed = kept + len(rest), 0
    # Renumbered from the new order; what is kept in the same place keeps its id, since ids count within routes.
    renumbered = named(replace(interaction, id="", seq=0) for interaction in written)
    changed = len(written) - kept - added
    return Kept(renumbered, kept, changed, added, removed, tuple(changes))


def _changed_pixels(old: Interaction, new: Interaction) -> list[str]:
    """Where both hold a pattern only, the pixels are known by their hashes."""
    if not old.thinned or not new.thinned or old.thinned == new.thinned:
        return []
    return ["pixels: the true ones have changed, under the same pattern"]


def differences(old: RecordedResponse, new: RecordedResponse, identities: IdentityMap) -> list[str]:
    """How two responses to the same request differ in more than noise; [] teaches `identities` the new ids."""
    if old.status != new.status:
        return [f"status: stored {old.status}, now {new.status}"]
    lines = []
    for name in COMPARED_HEADERS:
        before, after = _comparable(header(old.headers, name)), _comparable(header(new.headers, name))
        if before != after:
            lines.append(f"{name}: stored {header(old.headers, name)}, now {header(new.headers, name)}")
    if _shape(header(old.headers, "etag")) != _shape(header(new.headers, "etag")):
        lines.append(f"etag: stored {header(old.headers, 'etag')}, now {header(new.headers, 'etag')}")
    lines += _body_differences(old, new)
    if not lines:
        identities.learn(_guids(new), _guids(old))
    return lines


def _body_differences(old: RecordedResponse, new: RecordedResponse) -> list[str]:
    before, after = _as_request(old), _as_request(new)
    if is_text(media_type_of(old.headers)):
        before, after = _without_noise(before), _without_noise(after)
    stored, now = body_value(before, BodyLevel.DATASET), body_value(after, BodyLevel.DATASET)
    if stored == now:
        return []
    if stored.data_sets or now.data_sets:
        return [line.replace("request ", "now ").replace("recorded", "stored") for line in explain(now, stored)]
    return [f"body: stored {sha256_of(old.body)[:8]}, now {sha256_of(new.body)[:8]}"]


def _as_request(response: RecordedResponse) -> RecordedRequest:
    return RecordedRequest("GET", "", response.headers, response.body)


def _without_noise(message: RecordedRequest) -> RecordedRequest:
    text = content_of(message.body).decode("utf-8", "replace")
    text = _GUID.sub("id", _VOLATILE.sub(r'\1"volatile"', text))
    return replace(message, body=Inline(text.encode()))


def _comparable(value: str | None) -> str | None:
    return None if value is None else _GUID.sub("id", re.sub(r"boundary=[^;]+", "boundary=bnd", value))


def _shape(etag: str | None) -> str | None:
    """`N` for an instance, `N-M` for a study or series: the numbers do not count."""
    return None if etag is None else _ETAG_SHAPE.sub("N", etag)


def _guids(response: RecordedResponse) -> list[str]:
    texts = [value for name, value in response.headers if name.lower() in ("location", "content-location")]
    if is_text(media_type_of(response.headers)):
        texts.append(content_of(response.body).decode("utf-8", "replace"))
    return [found for text in texts for found in ID.findall(text) if _GUID.fullmatch(found)]


def _body(request: RecordedRequest) -> Hashable:
    return body_value(request)
