"""What the proxy itself refuses: one problem document for each (RFC 9457), with a short code in a header."""

import json

from aiohttp import web

from azdicom_proxy.headers import ERROR_HEADER
from azdicom_proxy.upstream.errors import UpstreamError


class ProxyError(Exception):
    """An answer of the proxy's own. code: the value of `x-azdicom-error`."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    @classmethod
    def of_upstream(cls, error: UpstreamError) -> "ProxyError":
        return cls(error.status, "upstream-unreachable", f"{error}")

    @classmethod
    def bad_request(cls, detail: str) -> "ProxyError":
        return cls(400, "bad-request", detail)


TITLES = {
    "cassette-miss": "The cassette has no answer",
    "upstream-unreachable": "The upstream does not answer",
    "token-unavailable": "No access token for the upstream",
    "body-not-recorded": "The recorded body was over the limit",
}


def problem(error: ProxyError) -> web.Response:
    """The answer to a request that ends in `error`."""
    document = {
        "type": f"about:blank#{error.code}",
        "title": TITLES.get(error.code, error.code.replace("-", " ").capitalize()),
        "status": error.status,
        "detail": error.detail,
    }
    return web.Response(
        status=error.status,
        body=json.dumps(document, ensure_ascii=False, indent=2).encode(),
        content_type="application/problem+json",
        headers={ERROR_HEADER: error.code},
    )
