"""The `curl` line that asks again what an exchange asked."""

import shlex

from azdicom_emulator.admin.masking import MASK, masked_headers
from azdicom_proxy.cassette.bodies import size_of
from azdicom_proxy.cassette.model import Empty, Inline, RecordedRequest
from azdicom_proxy.parity.redaction import Redaction

OWN_BUSINESS = frozenset(
    ("host", "user-agent", "accept-encoding", "connection", "content-length", "via", "traceparent", "transfer-encoding")
)
"""Headers that curl sends as it sees fit, or that only the client's transport needed."""
MAX_BODY_BYTES = 2_000
BEARER = '-H "Authorization: Bearer $TOKEN"'


def curl_of(request: RecordedRequest, redaction: Redaction) -> str:
    """One line for a POSIX shell. A token is `$TOKEN`; a long or binary body is the file `body`."""
    words = ["curl", "-i"]
    if request.method != "GET":
        words += ["-X", shlex.quote(request.method)]
    for name, value in masked_headers(request.headers):
        if name.lower() == "authorization":
            words.append(BEARER)
        elif name.lower() not in OWN_BUSINESS and value != MASK:
            words += ["-H", shlex.quote(f"{name}: {redaction.text(value)}")]
    words += [*_body(request, redaction), shlex.quote(redaction.uri(request.uri))]
    return " ".join(words)


def _body(request: RecordedRequest, redaction: Redaction) -> list[str]:
    body = request.body
    if isinstance(body, Empty) or not size_of(body):
        return []
    if isinstance(body, Inline) and len(body.content) <= MAX_BODY_BYTES:
        try:
            text = body.content.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" not in text:
            return ["--data-binary", shlex.quote(redaction.text(text))]
    return ["--data-binary", "@body"]
