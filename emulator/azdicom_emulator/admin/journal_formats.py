"""Journal entries for other programs: HTTP Archive 1.2, and commands that repeat them."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from azdicom_emulator import __version__
from azdicom_emulator.admin.masking import MASK

NOT_FOR_CURL = frozenset({"host", "content-length", "via", "expect", "connection", "transfer-encoding"})

Shown = Mapping[str, Any]
"""An entry as the journal shows it: masked."""


def as_har(entries: Iterable[Shown]) -> dict[str, Any]:
    """HTTP Archive 1.2, without bodies."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "azdicom", "version": __version__},
            "entries": [_har_entry(entry) for entry in entries],
        }
    }


def as_curl(entries: Iterable[Shown]) -> str:
    """A command each, one a line; secrets are left to be put in, a body is read from the file `body`."""
    return "".join(f"{_curl(entry)}\n" for entry in entries)


def _har_entry(entry: Shown) -> dict[str, Any]:
    wait = entry.get("first_byte_ms", entry["duration_ms"])
    return {
        "startedDateTime": entry["started_at"],
        "time": entry["duration_ms"],
        "request": {
            "method": entry["method"],
            "url": entry["base_url"] + entry["target"],
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(entry["request_headers"]),
            "queryString": _pairs(_query(entry["target"])),
            "headersSize": -1,
            "bodySize": entry["received_bytes"],
        },
        "response": {
            "status": entry["status"],
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(entry["response_headers"]),
            "content": {"size": entry["sent_bytes"], "mimeType": _media_type(entry["response_headers"])},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": entry["sent_bytes"],
        },
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": max(entry["duration_ms"] - wait, 0)},
        "_azdicom": {name: entry[name] for name in ("id", "source", "fault", "recording", "verdict") if name in entry},
    }


def _pairs(lines: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in lines]


def _query(target: str) -> Iterable[tuple[str, str]]:
    for pair in filter(None, target.partition("?")[2].split("&")):
        name, _, value = pair.partition("=")
        yield unquote_plus(name), unquote_plus(value)


def _media_type(lines: Iterable[tuple[str, str]]) -> str:
    return next((value for name, value in lines if name.lower() == "content-type"), "")


def _curl(entry: Shown) -> str:
    words = ["curl", "-i"]
    if entry["method"] == "HEAD":
        words.append("-I")
    elif entry["method"] != "GET":
        words += ["-X", shlex.quote(entry["method"])]
    for name, value in entry["request_headers"]:
        if name.lower() == "authorization" and value == MASK:
            words += ["-H", '"Authorization: Bearer $TOKEN"']
        elif name.lower() not in NOT_FOR_CURL:
            words += ["-H", shlex.quote(f"{name}: {value}")]
    if entry["received_bytes"]:
        words += ["--data-binary", "@body"]
    return " ".join([*words, shlex.quote(entry["base_url"] + entry["target"])])
