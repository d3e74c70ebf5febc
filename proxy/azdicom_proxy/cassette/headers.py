"""Which headers a cassette keeps, and how it writes them."""

from collections.abc import Mapping
from typing import Any

from azdicom_proxy.cassette.model import Headers

NEVER_STORED = frozenset(
    (
        "connection",
        "content-encoding",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-azdicom-recording",
        "x-azdicom-source",
        "x-azdicom-id",
    )
)
"""About the connection, not about the interaction; bodies are stored decoded and whole."""

REQUEST_NOISE = frozenset(
    (
        "accept-encoding",
        "host",
        "traceparent",
        "tracestate",
        "request-id",
        "user-agent",
        "x-ms-client-request-id",
        "x-request-id",
    )
)
RESPONSE_NOISE = frozenset(
    (
        "alt-svc",
        "date",
        "mise-correlation-id",
        "ms-cv",
        "request-context",
        "server",
        "strict-transport-security",
        "traceparent",
        "x-azure-ref",
        "x-cache",
        "x-content-type-options",
        "x-ms-correlation-request-id",
        "x-ms-request-id",
        "x-powered-by",
        "x-request-id",
    )
)
"""Differs from run to run, or from machine to machine, and never matters to a client."""


def stored_headers(headers: Headers, noise: frozenset[str], *, keep_noise: bool) -> Headers:
    """The headers that go into the cassette."""
    unwanted = NEVER_STORED if keep_noise else NEVER_STORED | noise
    return tuple((name, value) for name, value in headers if name.lower() not in unwanted)


def request_headers_to_mapping(headers: Headers) -> dict[str, list[str]]:
    """One value a name: VCR.py keeps only the first of a request's (repeats are joined, RFC 9110 §5.3)."""
    return {name: [", ".join(values)] for name, values in response_headers_to_mapping(headers).items()}


def response_headers_to_mapping(headers: Headers) -> dict[str, list[str]]:
    """All values of a name in their order, under its first spelling."""
    spelling: dict[str, str] = {}
    mapping: dict[str, list[str]] = {}
    for name, value in headers:
        mapping.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return mapping


def headers_from_mapping(mapping: Mapping[str, Any] | None) -> Headers:
    """Headers as VCR.py writes them: lists, bare strings, numbers, bytes."""
    headers: list[tuple[str, str]] = []
    for name, values in (mapping or {}).items():
        several = values if isinstance(values, list | tuple) else [values]
        headers += [(str(name), _text(value)) for value in several]
    return tuple(headers)


def part_headers_to_value(headers: Headers) -> Any:
    """A mapping where that gives the headers again in their order, else a list of pairs: parts are byte-exact."""
    names = [name for name, _ in headers]
    if names == sorted(set(names)):
        return {name: [value] for name, value in headers}
    return [[name, value] for name, value in headers]


def part_headers_from_value(value: Any) -> Headers:
    if isinstance(value, list):
        return tuple((str(name), str(text)) for name, text in value)
    return headers_from_mapping(value)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
