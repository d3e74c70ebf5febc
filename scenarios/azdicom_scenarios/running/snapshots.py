"""Answers kept beside a scenario, and later answers compared with them (`expect.snapshot`)."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from azdicom_proxy.cassette.model import Empty, Inline, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.parity.compare import compare
from azdicom_proxy.parity.model import Pair, Severity
from azdicom_scenarios.running.exchanges import Answer, Exchange

SCHEMA = 1
KEPT_HEADERS = (
    "content-type",
    "etag",
    "location",
    "content-location",
    "warning",
    "allow",
    "erroneous-dicom-attributes",
)
"""Those that are compared (docs/parity.md)."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Those of one run of a scenario. parameter: the row's id. updates: they are written, not compared.

    uids: the fixtures' UIDs to those that stand in snapshots, where a run on a shared service has others.
    """

    scenario: Path
    parameter: str = ""
    updates: bool = False
    uids: Mapping[str, str] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """`snapshots/<scenario>/<name>.json` beside the scenario's file; each row of parameters has its own."""
        stem = self.scenario.name.removesuffix(".yaml").removesuffix(".scenario")
        words = [name, *([self.parameter] if self.parameter else [])]
        file = ".".join(re.sub(r"[^A-Za-z0-9_-]+", "-", word).strip("-") for word in words)
        return self.scenario.parent / "snapshots" / stem / f"{file}.json"

    def differences(self, name: str, exchange: Exchange) -> Iterator[tuple[str, str, str]]:
        """What, expected and actual of each difference that a client could notice; none while they are updated.

        A snapshot that is not there yet is one difference. What changes from run to run is not compared.
        """
        path = self.path(name)
        exchange = self._translated(exchange)
        if self.updates:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_written(exchange), "utf-8")
            return
        try:
            expected, base = _read(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            yield "snapshot", f"the file {path}", "there is none: --update-snapshots makes it"
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield "snapshot", f"a snapshot in {path}", f"it cannot be read: {error}"
            return
        yield from _compared(expected, base, exchange)

    def _translated(self, exchange: Exchange) -> Exchange:
        """With the UIDs of snapshots; files keep theirs, whose lengths may not change."""
        answer = exchange.answer
        if not self.uids or answer is None:
            return exchange
        found = re.compile("|".join(map(re.escape, self.uids)))

        def plain(text: str) -> str:
            return found.sub(lambda uid: self.uids[uid[0]], text)

        content = answer.content
        if answer.media_type.endswith("json"):
            content = plain(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        headers = tuple((key, plain(value)) for key, value in answer.headers)
        request = replace(exchange.request, target=plain(exchange.request.target))
        return replace(exchange, request=request, answer=Answer(answer.status, headers, content, answer.duration_s))


def _compared(expected: RecordedResponse, base: str, exchange: Exchange) -> Iterator[tuple[str, str, str]]:
    request, actual = exchange.recorded()
    kept = tuple((name, value) for name, value in actual.headers if name.lower() in KEPT_HEADERS)
    pair = Pair(
        id=exchange.request.title,
        route=route_of(request.method, request.uri),
        request=RecordedRequest(request.method, base + exchange.request.target, request.headers, request.body),
        upstream=expected,
        local=RecordedResponse(actual.status, "", kept, actual.body),
        local_uri=request.uri,
    )
    for difference in compare(pair).differences:
        if difference.severity is not Severity.NOISE:
            yield difference.where or difference.at, difference.upstream or "nothing", difference.local or "nothing"


def _written(exchange: Exchange) -> str:
    answer = exchange.answer
    assert answer is not None
    headers = [[name, value] for name, value in answer.headers if name.lower() in KEPT_HEADERS]
    document = {"schema": SCHEMA, "base": exchange.base, "status": answer.status, "headers": headers, **_body(answer)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _body(answer: Answer) -> dict[str, Any]:
    """JSON as JSON, so that a review shows what changed; other texts as text; the rest in base64."""
    if not answer.content:
        return {}
    if answer.media_type.endswith("json"):
        try:
            return {"json": answer.json}
        except ValueError:
            pass
    try:
        text = answer.content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(answer.content).decode()}
    return {"text": text} if text.isprintable() else {"base64": base64.b64encode(answer.content).decode()}


def _read(document: Any) -> tuple[RecordedResponse, str]:
    if document["schema"] != SCHEMA:
        raise ValueError(f"schema {document['schema']} is not known")
    headers = tuple((str(name), str(value)) for name, value in document["headers"])
    if "json" in document:
        content = json.dumps(document["json"], ensure_ascii=False).encode()
    elif "base64" in document:
        content = base64.b64decode(document["base64"])
    else:
        content = str(document.get("text", "")).encode()
    body = Inline(content) if content else Empty()
    return RecordedResponse(int(document["status"]), "", headers, body), str(document["base"])
