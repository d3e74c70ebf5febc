"""What actions change in a whole answer. Each gives None where the answer is of a kind that it cannot change."""

import re
from dataclasses import replace
from typing import Any

import orjson

from azdicom_emulator.faults.actions import Corrupt, Corruption, PartialStore
from azdicom_emulator.faults.http_message import Head, Message

FAILED_SEQUENCE, REFERENCED_SEQUENCE = "00081198", "00081199"
SOP_CLASS, SOP_INSTANCE, FAILURE_REASON = "00081150", "00081155", "00081197"
STATUSES_OF_STORE = (200, 202, 409)
BOUNDARY = re.compile(rb'(boundary="?)([^";\s]+)', re.IGNORECASE)
TRANSFER_SYNTAX = re.compile(rb'(transfer-syntax="?[0-9.]*)([0-9])(?![0-9.])', re.IGNORECASE)
ENDED = {"succeeded": "running", "completed": "running", "Succeeded": "Running", "Completed": "Running"}
"""The good ends of an operation in both versions and casings, and what a running one says in that casing."""


def corrupted(answer: Message, corrupt: Corrupt) -> Message | None:
    """Bytes of the body flipped, or a label that does not fit what is in the body."""
    match corrupt.what:
        case Corruption.BYTES:
            return _flipped(answer, corrupt)
        case Corruption.BOUNDARY:
            return _changed_or_none(answer, _with_content_type(answer, BOUNDARY))
        case Corruption.TRANSFER_SYNTAX:
            changed = _with_content_type(answer, TRANSFER_SYNTAX)
            return _changed_or_none(answer, replace(changed, body=TRANSFER_SYNTAX.sub(_other_digit, changed.body)))


def partly_stored(answer: Message, partial: PartialStore) -> Message | None:
    """The answer to a store in which the first stored instances are told to have failed (store §10)."""
    if answer.head.status not in STATUSES_OF_STORE:
        return None
    body = _json_object(answer)
    stored = body.get(REFERENCED_SEQUENCE, {}).get("Value", []) if body is not None else []
    if body is None or not stored:
        return None
    failed = body.get(FAILED_SEQUENCE, {}).get("Value", [])
    count = partial.fail.of(len(stored) + len(failed))
    moved = [
        {tag: item[tag] for tag in (SOP_CLASS, SOP_INSTANCE) if tag in item}
        | {FAILURE_REASON: {"vr": "US", "Value": [partial.reason]}}
        for item in stored[:count]
    ]
    if not moved:
        return None
    body[FAILED_SEQUENCE] = {"vr": "SQ", "Value": [*failed, *moved]}
    body[REFERENCED_SEQUENCE] = {"vr": "SQ", "Value": stored[count:]}
    if not stored[count:]:
        del body[REFERENCED_SEQUENCE]
        body.pop("00081190", None)
    return answer.with_body(orjson.dumps(body)).with_status(202 if stored[count:] else 409)


def still_running(answer: Message, url: str) -> Message | None:
    """The answer about an operation that has ended well, as of one that runs (azure-apis §2). url: of the operation."""
    body = _json_object(answer) if answer.head.status == 200 else None
    if body is None or body.get("status") not in ENDED:
        return None
    body["status"] = ENDED[body["status"]]
    if body.get("percentComplete") is not None:
        body["percentComplete"] = 0
    body.pop("results", None)
    running = answer.with_body(orjson.dumps(body)).with_status(202)
    return replace(running, head=running.head.having("Location", url))


def _flipped(answer: Message, corrupt: Corrupt) -> Message | None:
    body = bytearray(answer.body)
    first = corrupt.at.of(len(body))
    for at in range(first, min(first + corrupt.count, len(body))):
        body[at] ^= 0xFF
    return _changed_or_none(answer, replace(answer, body=bytes(body)))


def _with_content_type(answer: Message, pattern: re.Pattern[bytes]) -> Message:
    headers = tuple(
        (name, pattern.sub(_other_digit, value) if name.lower() == b"content-type" else value)
        for name, value in answer.head.headers
    )
    return replace(answer, head=Head(answer.head.status, answer.head.reason, headers))


def _other_digit(found: re.Match[bytes]) -> bytes:
    """The match with its last character changed: as long as before, and another one."""
    last = found[2][-1:]
    other = b"%d" % ((int(last) + 1) % 10) if last.isdigit() else (b"x" if last != b"x" else b"y")
    return found[1] + found[2][:-1] + other


def _changed_or_none(before: Message, after: Message) -> Message | None:
    return after if after != before else None


def _json_object(answer: Message) -> dict[str, Any] | None:
    try:
        value = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
