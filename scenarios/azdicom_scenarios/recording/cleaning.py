"""What of a recording says nothing: preflights, health checks, repeated questions; and polling as what it waits for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azdicom_proxy.cassette.bodies import content_of, header, sha256_of
from azdicom_proxy.cassette.model import Empty, Interaction, Omitted
from azdicom_proxy.cassette.naming import locate
from azdicom_proxy.matching.timeline import is_safe

HEALTH = ("health", "_azdicom", "docs")
ENDED = ("succeeded", "completed", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class Kept:
    """An interaction that becomes a step. operation: the final state of the operation it started; polled: it is the
    last of several equal requests, which waited for its answer."""

    interaction: Interaction
    operation: str | None = None
    polled: bool = False


def cleaned(interactions: Sequence[Interaction]) -> list[Kept]:
    """The interactions that become steps, in their order."""
    kept: list[Kept] = []
    seen: set[tuple[str, str, str, int, str]] = set()
    for interaction in interactions:
        if _says_nothing(interaction):
            continue
        if not is_safe(interaction):
            seen.clear()
        elif (fact := _fact(interaction)) in seen:
            continue
        else:
            seen.add(fact)
        starter = _starter(kept, interaction)
        if starter is not None:
            kept[starter] = Kept(kept[starter].interaction, _state(interaction) or kept[starter].operation)
        elif kept and is_safe(interaction) and _question(kept[-1].interaction) == _question(interaction):
            kept[-1] = Kept(interaction, polled=True)
        else:
            kept.append(Kept(interaction))
    return kept


def _says_nothing(interaction: Interaction) -> bool:
    request = interaction.request
    if request.method == "OPTIONS":
        return True
    segments = urlsplit(request.uri).path.strip("/").split("/")
    return segments[0] in HEALTH


def _fact(interaction: Interaction) -> tuple[str, str, str, int, str]:
    response = interaction.response
    body = "" if isinstance(response.body, Empty | Omitted) else sha256_of(response.body)
    return (*_question(interaction), response.status, body)


def _question(interaction: Interaction) -> tuple[str, str, str]:
    request = interaction.request
    return (request.method, request.uri, header(request.headers, "accept") or "")


def _starter(kept: Sequence[Kept], interaction: Interaction) -> int | None:
    """Which of `kept` started the operation that `interaction` asks for; None: it asks for none, or none did."""
    location = locate(interaction.request.method, interaction.request.uri)
    operation = location.parameters.get("operation")
    if operation is None or interaction.request.method != "GET":
        return None
    for at in range(len(kept) - 1, -1, -1):
        response = kept[at].interaction.response
        if response.status == 202 and operation in (header(response.headers, "location") or _text(response.body)):
            return at
    return None


def _state(interaction: Interaction) -> str | None:
    """The state of an operation that has ended."""
    try:
        status: Any = json.loads(_text(interaction.response.body)).get("status", "")
    except (ValueError, AttributeError):
        return None
    state = str(status).lower()
    return state.replace("completed", "succeeded") if state in ENDED else None


def _text(body: Any) -> str:
    return "" if isinstance(body, Empty | Omitted) else content_of(body).decode("utf-8", "replace")
