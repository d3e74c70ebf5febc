"""What `cassette check` looks at: format, side files, secrets, people, size, age, and whether it replays itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from azdicom_proxy.cassette import yaml_text
from azdicom_proxy.cassette.bodies import chunks_of, content_of, media_type_of
from azdicom_proxy.cassette.errors import CassetteMissingError
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Body, Cassette, Empty, Headers, Inline, Interaction, Multipart, Omitted
from azdicom_proxy.cassette.reading import parse
from azdicom_proxy.cassette.side_files import SideFiles, bodies_folder, files_of, problem_of
from azdicom_proxy.matching.player import Miss, Player, Repeat
from azdicom_proxy.scrub.leftovers import contacts, leftovers
from azdicom_proxy.scrub.pseudonyms import Pseudonyms
from azdicom_proxy.scrub.secrets import REDACTED, Secrets, credentials_in, is_secret_header, suspicious

_REQUEST_KEYS = {"method", "uri", "body", "headers"}
_FORBIDDEN_HEADERS = ("transfer-encoding", "content-encoding")
PHI_RULE = "phi-basic"


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """rule: `format`, `side-file`, `orphan`, `secret`, `phi`, `size`, `age`, `replay`; where: an id, or ""."""

    level: Level
    rule: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}[{self.rule}] {self.where + ': ' if self.where else ''}{self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """max_yaml_bytes, max_bodies_bytes: budgets; max_age: None is no limit."""

    max_yaml_bytes: int = 1024 * 1024
    max_bodies_bytes: int = 20 * 1024 * 1024
    max_age: timedelta | None = timedelta(days=90)


def check(path: Path, limits: Limits, *, allows_phi: bool = False, today: date | None = None) -> list[Finding]:
    """All findings, worst first in no particular order within. Raises CassetteError if there is no cassette at all."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CassetteMissingError(path) from None
    findings = list(_format(content))
    if any(finding.level is Level.ERROR and not finding.where for finding in findings):
        return findings
    cassette = parse(content.decode("utf-8"), path)
    side_findings = list(_side_files(cassette))
    findings += side_findings
    findings += _sizes(path, len(content), limits)
    findings += _age(cassette, limits, today or datetime.now(UTC).date())
    if any(finding.level is Level.ERROR for finding in side_findings):
        return findings
    for interaction in cassette.interactions:
        findings += _secrets(interaction)
        if not allows_phi:
            findings += _people(interaction)
    findings += _self_replay(cassette)
    return findings


def _format(content: bytes) -> Iterator[Finding]:
    """The rules that plain VCR.py needs kept."""
    if not content.isascii():
        yield Finding(Level.ERROR, "format", "", "not ASCII: VCR.py reads it in the platform's encoding, or not at all")
        return
    if b"\r\n" in content:
        yield Finding(Level.WARNING, "format", "", "CRLF line ends: check the repository's .gitattributes")
    try:
        document = yaml_text.load(content.decode("ascii"))
    except yaml.YAMLError as error:
        yield Finding(Level.ERROR, "format", "", f"not YAML: {' '.join(str(error).split())}")
        return
    if not isinstance(document, dict) or not isinstance(document.get("interactions"), list):
        yield Finding(Level.ERROR, "format", "", "there is no list `interactions` at the top")
        return
    if document.get("version") != 1:
        yield Finding(Level.ERROR, "format", "interactions", "`version: 1` is missing at the top")
    seen: set[str] = set()
    for position, mapping in enumerate(document["interactions"], 1):
        recorder = mapping.get("recorder") if isinstance(mapping, dict) else None
        where = str((recorder or {}).get("id") or f"interaction {position}")
        if where in seen:
            yield Finding(Level.ERROR, "format", where, "the id occurs twice")
        seen.add(where)
        for problem in _mapping_problems(mapping):
            yield Finding(Level.ERROR, "format", where, problem)


def _mapping_problems(mapping: Any) -> Iterator[str]:
    if not isinstance(mapping, dict) or not isinstance(mapping.get("request"), dict):
        yield "no mapping `request`"
        return
    request, response = mapping["request"], mapping.get("response")
    if request.keys() != _REQUEST_KEYS:
        yield f"request has the keys {', '.join(sorted(request))}; exactly body, headers, method, uri are allowed"
    if not isinstance(response, dict):
        yield "no mapping `response`"
        return
    status = response.get("status")
    if not isinstance(status, dict) or not isinstance(status.get("code"), int):
        yield "response.status.code is no integer"
    elif not isinstance(status.get("message"), str) or not status["message"].isascii():
        yield "response.status.message is no ASCII text"
    if not isinstance(response.get("body"), dict) or "string" not in response["body"]:
        yield "response.body has no `string`"
    for side, headers in (("request", request.get("headers")), ("response", response.get("headers"))):
        yield from _header_problems(side, headers)


def _header_problems(side: str, headers: Any) -> Iterator[str]:
    if not isinstance(headers, dict):
        yield f"{side}.headers is no mapping"
        return
    for name, values in headers.items():
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            yield f"{side} header {name}: a list of quoted strings is needed"
        if side == "response" and str(name).lower() in _FORBIDDEN_HEADERS:
            yield f"response header {name} must not be stored: bodies are whole and decoded"


def _side_files(cassette: Cassette) -> Iterator[Finding]:
    assert cassette.path is not None
    used: set[str] = set()
    side_files = SideFiles(bodies_folder(cassette.path))
    for interaction in cassette.interactions:
        for body in (interaction.request.body, interaction.response.body):
            if isinstance(body, Omitted):
                text = f"a body of {body.size_bytes} bytes was over the recording limit and cannot be replayed"
                yield Finding(Level.WARNING, "side-file", interaction.id, text)
            for file in files_of(body):
                used.add(side_files.name_of(file))
                problem = problem_of(file)
                if problem is not None:
                    yield Finding(Level.ERROR, "side-file", interaction.id, problem)
    for name in sorted(side_files.names() - used):
        yield Finding(Level.WARNING, "orphan", "", f"{side_files.folder.name}/{name} belongs to no interaction")


def _sizes(path: Path, yaml_bytes: int, limits: Limits) -> Iterator[Finding]:
    side_files = SideFiles(bodies_folder(path))
    bodies_bytes = sum((side_files.folder / name).stat().st_size for name in side_files.names())
    if yaml_bytes > limits.max_yaml_bytes:
        yield Finding(Level.ERROR, "size", "", f"{yaml_bytes} bytes of YAML, {limits.max_yaml_bytes} are allowed")
    if bodies_bytes > limits.max_bodies_bytes:
        text = f"{bodies_bytes} bytes of side files, {limits.max_bodies_bytes} are allowed"
        yield Finding(Level.ERROR, "size", "", text)


def _age(cassette: Cassette, limits: Limits, today: date) -> Iterator[Finding]:
    recorded = cassette.metadata.recorded if cassette.metadata else ""
    if not recorded or limits.max_age is None:
        return
    try:
        day = date.fromisoformat(recorded)
    except ValueError:
        yield Finding(Level.ERROR, "format", "", f"recorder.recorded is no day: {recorded}")
        return
    if today - day > limits.max_age:
        yield Finding(Level.WARNING, "age", "", f"recorded on {recorded}: does the service still answer so?")


def _secrets(interaction: Interaction) -> Iterator[Finding]:
    request, response = interaction.request, interaction.response
    texts = [("uri", request.uri), ("status message", response.reason)]
    for name, value in (*request.headers, *response.headers):
        if is_secret_header(name) and value != REDACTED:
            yield Finding(Level.ERROR, "secret", interaction.id, f"header {name} holds its value")
        if name.lower() == "set-cookie":
            yield Finding(Level.ERROR, "secret", interaction.id, f"header {name} must not be stored")
        texts.append((f"header {name}", value))
    for side, headers, body in _messages(interaction):
        text = _text_of(headers, body)
        if text is not None:
            texts.append((f"{side} body", text))
        elif _has_binary_secret(body):
            yield Finding(Level.ERROR, "secret", interaction.id, f"{side} body holds a credential")
    for place, text in texts:
        for credential in credentials_in(text):
            yield Finding(Level.ERROR, "secret", interaction.id, f"{place} holds a credential: {credential.strip()}…")
        if suspicious(text):
            yield Finding(Level.WARNING, "secret", interaction.id, f"{place} holds what looks like a key")


def _people(interaction: Interaction) -> Iterator[Finding]:
    is_scrubbed = PHI_RULE in interaction.scrubbed
    for side, headers, body in _messages(interaction):
        for where, what in leftovers(headers, body, is_scrubbed=is_scrubbed):
            yield Finding(Level.ERROR, "phi", interaction.id, f"{side} {where}: {what}")
    for what in contacts(interaction.request.uri):
        yield Finding(Level.ERROR, "phi", interaction.id, f"uri: {what}")


def _self_replay(cassette: Cassette) -> Iterator[Finding]:
    """Each recorded request, in its turn, must be answered by its own interaction."""
    player = Player(cassette, repeat=Repeat.NONE)
    for interaction in cassette.interactions:
        answer = player.play(interaction.request)
        if isinstance(answer, Miss):
            text = f"does not find itself: {answer.kind}"
            yield Finding(Level.ERROR, "replay", interaction.id, text)
        elif answer.id != interaction.id:
            yield Finding(Level.ERROR, "replay", interaction.id, f"is answered by {answer.id}")


def _messages(interaction: Interaction) -> Iterator[tuple[str, Headers, Body]]:
    yield "request", interaction.request.headers, interaction.request.body
    yield "response", interaction.response.headers, interaction.response.body


def _text_of(headers: Headers, body: Body) -> str | None:
    media_type = media_type_of(headers)
    if isinstance(body, Empty | Omitted):
        return ""
    if isinstance(body, Inline) and (is_text(media_type) or (not media_type and body.content.isascii())):
        return content_of(body).decode("utf-8", "replace")
    return None


def _has_binary_secret(body: Body) -> bool:
    secrets = Secrets(Pseudonyms(bytes(32)))
    bodies: list[Body] = [part.body for part in body.parts] if isinstance(body, Multipart) else [body]
    for each in bodies:
        tail = b""
        for chunk in chunks_of(each):
            window = tail + chunk
            if secrets.binary(window) != window:
                return True
            tail = window[-8192:]
    return False


def findings_as_json(path: Path, findings: list[Finding]) -> str:
    """The contract of `--json`."""
    entries = [
        {"level": finding.level, "rule": finding.rule, "where": finding.where, "text": finding.text}
        for finding in findings
    ]
    return json.dumps({"schema": 1, "cassette": path.as_posix(), "findings": entries}, indent=2)
