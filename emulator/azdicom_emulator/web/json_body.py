"""JSON bodies as the service's own APIs take them: comments and trailing commas are no error (azure-apis §0)."""

import re
from typing import Any

import orjson
from aiohttp import web

from azdicom_emulator.web.errors import BadRequestError, UnsupportedMediaTypeError

JSON = "application/json"
EMPTY_BODY = "A non-empty request body is required."
NOT_JSON = "The request body is not valid JSON."

# Strings come first, so that what looks like a comment or a comma in them stays.
_STRING = r'"(?:\\.|[^"\\])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n\r]*|/\*.*?\*/", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)


def require_json(request: web.Request) -> None:
    """Raises UnsupportedMediaTypeError (415, empty body), also without a Content-Type."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaTypeError(hint=f"Content-Type: {JSON}")


async def read_json(request: web.Request) -> Any:
    """The value of the body. Raises BadRequestError when it is empty, no JSON, or the literal `null`."""
    content = await request.read()
    value = _parsed(content) if content.strip() else None
    if value is None:
        raise BadRequestError.body_field("", EMPTY_BODY)
    return value


def lenient_json(content: bytes) -> Any:
    """The value of a JSON text that may have comments and trailing commas. Raises ValueError."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        text = _COMMENT.sub(lambda match: match[1] or " ", content.decode())
        return orjson.loads(_TRAILING_COMMA.sub(lambda match: match[1] or " ", text))


def _parsed(content: bytes) -> Any:
    try:
        return lenient_json(content)
    except ValueError as error:
        raise BadRequestError.body_field("$", NOT_JSON) from error
