"""Requests sent byte by byte, so that no client library tidies them up."""

import http.client
import socket

from tests.support.client import Emulator, Response

TIMEOUT_S = 30


def raw(emulator: Emulator, request: str | bytes) -> Response:
    """The answer to `request`, whose connection is closed afterwards."""
    with socket.create_connection(emulator.address, timeout=TIMEOUT_S) as connection:
        connection.sendall(request.encode("latin-1") if isinstance(request, str) else request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Response(answer.status, answer.headers, answer.read())


def raw_get(emulator: Emulator, target: str, *headers: str) -> Response:
    """GET of `target` as written."""
    lines = "".join(f"{header}\r\n" for header in ("Host: h", "Accept: */*", *headers))
    return raw(emulator, f"GET {target} HTTP/1.1\r\n{lines}\r\n")
