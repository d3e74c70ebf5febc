"""Adding extended query tags over HTTP, and waiting for the re-index."""

import json
from typing import Any

from tests.support.client import Emulator, Json, Response
from tests.support.waiting import eventually

APPLICATION_JSON = "application/json"
TAGS = "/extendedquerytags"
TEXT = "text/plain; charset=utf-8"
REINDEX_WITHIN_S = 120


def a_tag(path: str, level: str = "Study", **properties: Any) -> Json:
    return {"path": path, "level": level, **properties}


def post_tags(emulator: Emulator, body: Any, *, content_type: str | None = APPLICATION_JSON) -> Response:
    """body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return emulator.post(TAGS, content, content_type=content_type, accept=None)


def patch_tag(emulator: Emulator, path: str, body: Any, *, content_type: str = APPLICATION_JSON) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    target = f"/{emulator.version}{TAGS}/{path}"
    return emulator.request("PATCH", target, headers={"Content-Type": content_type}, body=content)


def add_tags(emulator: Emulator, *tags: Json) -> str:
    """Adds tags and waits until they are ready; the path of the operation."""
    answer = post_tags(emulator, list(tags))
    assert answer.status == 202, answer.text
    operation = operation_path(emulator, answer)
    finished(emulator, operation)
    return operation


def operation_path(emulator: Emulator, answer: Response) -> str:
    path: str = answer.json()["href"]
    return path.removeprefix(emulator.service_url)


def finished(emulator: Emulator, operation: str) -> Json:
    """What the operation says when it is done."""

    def done() -> Json | None:
        answer = emulator.get(operation, accept=None)
        assert answer.status in (200, 202), answer.text
        found: Json = answer.json()
        return found if answer.status == 200 else None

    found = eventually(done, within_s=REINDEX_WITHIN_S, what="the end of the operation")
    assert found is not None
    return found


def tags(emulator: Emulator, query: str = "") -> list[Json]:
    answer = emulator.get(f"{TAGS}{query}", accept=None)
    assert answer.status == 200, answer.text
    found: list[Json] = answer.json()
    return found


def tag(emulator: Emulator, path: str) -> Json:
    answer = emulator.get(f"{TAGS}/{path}", accept=None)
    assert answer.status == 200, answer.text
    found: Json = answer.json()
    return found


def tag_errors(emulator: Emulator, path: str, query: str = "") -> list[Json]:
    answer = emulator.get(f"{TAGS}/{path}/errors{query}", accept=None)
    assert answer.status == 200, answer.text
    found: list[Json] = answer.json()
    return found
