"""Header lines on their way through: which of them end here (RFC 9110 §7.6.1), and who else has handled them."""

from collections.abc import Iterable

from azdicom_proxy.upstream.head import RawHeaders

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
NO_HEADERS = frozenset({b"close", b"keep-alive", b"", *HOP_BY_HOP})
"""What `Connection` may say that names no header which is left."""
VIA = (b"Via", b"1.1 azdicom")
RECORDING_HEADER = "x-azdicom-recording"
ID_HEADER = "x-azdicom-id"
SOURCE_HEADER = "x-azdicom-source"
ERROR_HEADER = "x-azdicom-error"
OWN_PREFIX = b"x-azdicom-"


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The lines that go on, in their order and spelling: none of a single hop, and none of this proxy's own."""
    lines = []
    named: set[bytes] = set()
    for name, value in headers:
        key = name.lower()
        if key == b"connection":
            named.update(token.strip().lower() for token in value.split(b","))
        elif key not in HOP_BY_HOP and not key.startswith(OWN_PREFIX):
            lines.append((name, value))
    named -= NO_HEADERS
    return tuple(line for line in lines if line[0].lower() not in named) if named else tuple(lines)


def value_of(headers: RawHeaders, name: bytes) -> bytes | None:
    """The first value of a header; name in lower case."""
    for key, value in headers:  # a loop, not a generator: this runs several times for each exchange
        if key.lower() == name:
            return value
    return None


def text_of(headers: RawHeaders, name: bytes) -> str | None:
    """`value_of` as text, each byte one character."""
    value = value_of(headers, name)
    return value.decode("latin-1") if value is not None else None


def without(headers: RawHeaders, *names: bytes) -> RawHeaders:
    """All lines but those called one of `names` (lower case)."""
    return tuple(line for line in headers if line[0].lower() not in names)


def replaced(headers: RawHeaders, name: bytes, value: bytes) -> RawHeaders:
    """The lines with another value for `name`, where and as it is spelled; put at the end if it is absent."""
    key = name.lower()
    if value_of(headers, key) is None:
        return (*headers, (name, value))
    return tuple((line[0], value) if line[0].lower() == key else line for line in headers)


def decoded(headers: RawHeaders) -> tuple[tuple[str, str], ...]:
    """The lines as text, each byte one character."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def encoded(headers: Iterable[tuple[str, str]]) -> RawHeaders:
    """The inverse of `decoded`; what is no single byte becomes `?`."""
    return tuple((name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers)


def is_continue_expected(headers: RawHeaders) -> bool:
    """Whether the client holds its body back until it is asked for it (RFC 9110 §10.1.1)."""
    return (value_of(headers, b"expect") or b"").lower() == b"100-continue"
