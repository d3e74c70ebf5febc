"""How the admin API answers: JSON, and problem documents for what it refuses (RFC 9457)."""

from http import HTTPStatus

import orjson
from aiohttp import web

PROBLEM = "application/problem+json"
JSON = "application/json; charset=utf-8"


class ProblemError(Exception):
    """A refusal. `members` stand beside the standard ones."""

    def __init__(self, status: int, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members


def problem_answer(error: ProblemError) -> web.Response:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        **error.members,
    }
    return web.Response(status=error.status, body=orjson.dumps(document), headers={"Content-Type": PROBLEM})


def json_answer(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), headers={"Content-Type": JSON})
