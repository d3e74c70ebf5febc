"""Which sinks there are to be: providers as `EVENT_PROVIDERS` and the file of `--events` describe them (async §6.4)."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from azdicom_emulator.events.envelopes import Schema
from azdicom_emulator.starting import StartError

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ProvidersError(StartError):
    """A provider is not described as it should be."""


class Kind(StrEnum):
    WEBHOOK = "webhook"
    STORAGE_QUEUE = "azure_storage_queue"
    FILE = "file"
    IN_MEMORY = "in_memory"


class Batch(StrEnum):
    """A body is an array with one event, as Event Grid sends it, or the event itself."""

    ARRAY = "array"
    SINGLE = "single"


class Encoding(StrEnum):
    """Of a queue's messages."""

    BASE64 = "base64"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One sink. Fields that another type uses have their defaults.

    timeout_seconds: how long an endpoint may take to answer. retry_attempts: how often an event is sent at most.
    retry_scale: factor of all waits between attempts. ttl_minutes: age from which on an event is given up.
    dead_letter_folder: where events that are given up go.
    """

    type: Kind
    name: str = ""
    schema: Schema = Schema.EVENT_GRID
    subject_version: str = "v1"
    url: str = ""
    batch: Batch = Batch.ARRAY
    validate: bool = False
    verify_ssl: bool = True
    timeout_seconds: float = 30.0
    connection_string: str = ""
    queue_name: str = ""
    encoding: Encoding = Encoding.BASE64
    file_path: str = ""
    retry_attempts: int = 30
    retry_scale: float = 1.0
    ttl_minutes: float = 1440.0
    dead_letter_folder: str = ""


REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    Kind.WEBHOOK: ("url",),
    Kind.STORAGE_QUEUE: ("connection_string", "queue_name"),
    Kind.FILE: ("file_path",),
    Kind.IN_MEMORY: (),
}
SEED_DEFAULTS: Mapping[str, object] = {"batch": Batch.SINGLE, "encoding": Encoding.TEXT, "retry_attempts": 3}
"""Of providers whose schema is `seed`."""


def providers_of_environment(text: str) -> tuple[Provider, ...]:
    """Of `EVENT_PROVIDERS`. What is wrong is logged and left out, as an earlier emulator did it."""
    try:
        entries = _entries(json.loads(text), "EVENT_PROVIDERS")
    except (ValueError, ProvidersError) as error:
        log.error("EVENT_PROVIDERS is ignored: %s", error)
        return ()
    found = []
    for where, entry in entries:
        try:
            found.append(_provider(where, entry, takes_unknown=True))
        except ProvidersError as error:
            log.error("an event provider is left out: %s", error)
    return _with_names(tuple(provider for provider in found if provider is not None))


def providers_of_file(path: Path) -> tuple[Provider, ...]:
    """Of a YAML or JSON file: a list of providers, or `providers:` with one. Raises ProvidersError."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProvidersError(f"cannot read {path}: {error}") from None
    except yaml.YAMLError as error:
        raise ProvidersError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    found = [_provider(where, entry, takes_unknown=False) for where, entry in _entries(content, str(path))]
    return _with_names(tuple(provider for provider in found if provider is not None))


def _entries(content: object, where: str) -> Iterator[tuple[str, object]]:
    if isinstance(content, dict):
        content = content.get("providers", [])
    if not isinstance(content, list):
        raise ProvidersError(f"{where}: expected a list of providers")
    return ((f"{where}, provider {number}", entry) for number, entry in enumerate(content, start=1))


def _provider(where: str, entry: object, *, takes_unknown: bool) -> Provider | None:
    """None: it is not enabled."""
    if not isinstance(entry, dict):
        raise ProvidersError(f"{where}: expected `name: value` pairs")
    given = {str(name): value for name, value in entry.items()}
    if given.pop("enabled", True) is False:
        return None
    kind = _one_of(Kind, where, "type", given.pop("type", None))
    schema = _one_of(Schema, where, "schema", given.pop("schema", Schema.EVENT_GRID))
    known = {field.name for field in fields(Provider)}
    if (unknown := given.keys() - known) and not takes_unknown:
        raise ProvidersError(f"{where}: unknown field '{min(unknown)}'. Known: {', '.join(sorted(known))}")
    values = {name: READERS[name](where, name, value) for name, value in given.items() if name in READERS}
    if missing := [name for name in REQUIRED[kind] if not values.get(name)]:
        raise ProvidersError(f"{where}: {kind} needs {' and '.join(missing)}")
    defaults = SEED_DEFAULTS if schema is Schema.SEED else {}
    return Provider(**{**defaults, **values, "type": kind, "schema": schema})


def _with_names(providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
    """Those without a name get one that stays the same as long as they lead to the same place; equal ones a number."""
    named: dict[str, Provider] = {}
    for provider in providers:
        place = "|".join((provider.url, provider.queue_name, provider.connection_string, provider.file_path))
        name = provider.name or f"{provider.type}-{sha256(place.encode()).hexdigest()[:8]}"
        number = sum(other.partition(".")[0] == name for other in named)
        unique = f"{name}.{number + 1}" if number else name
        named[unique] = replace(provider, name=unique)
    return tuple(named.values())


Choice = TypeVar("Choice", bound=StrEnum)


def _one_of(choices: type[Choice], where: str, name: str, value: object) -> Choice:
    try:
        return choices(str(value))
    except ValueError:
        raise ProvidersError(f"{where}: unknown {name} '{value}'. Known: {', '.join(choices)}") from None


def _choice(choices: type[StrEnum]) -> "Reader":
    return lambda where, name, value: _one_of(choices, where, name, value)


def _text(where: str, name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ProvidersError(f"{where}: {name} is to be a text")
    return value


def _name(where: str, name: str, value: object) -> str:
    if not NAME.fullmatch(_text(where, name, value)):
        raise ProvidersError(f"{where}: a name has 1 to 64 letters, digits, '-' and '_', unlike '{value}'")
    return str(value)


def _url(where: str, name: str, value: object) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", _text(where, name, value)):
        raise ProvidersError(f"{where}: '{value}' is no http or https URL")
    return str(value)


def _switch(where: str, name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ProvidersError(f"{where}: {name} is to be true or false")
    return value


def _number(where: str, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ProvidersError(f"{where}: {name} is to be a number from 0 on")
    return value


def _attempts(where: str, name: str, value: object) -> int:
    number = _number(where, name, value)
    if number < 1 or number != int(number):
        raise ProvidersError(f"{where}: {name} is to be a whole number from 1 on")
    return int(number)


Reader = Callable[[str, str, object], Any]
READERS: Mapping[str, Reader] = {
    "name": _name,
    "subject_version": _text,
    "url": _url,
    "batch": _choice(Batch),
    "validate": _switch,
    "verify_ssl": _switch,
    "timeout_seconds": _number,
    "connection_string": _text,
    "queue_name": _text,
    "encoding": _choice(Encoding),
    "file_path": _text,
    "retry_attempts": _attempts,
    "retry_scale": _number,
    "ttl_minutes": _number,
    "dead_letter_folder": _text,
}
