"""What stands below `do:`: one reader for each action, and which of them go together."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from azdicom_emulator.faults.actions import (
    Actions,
    Corrupt,
    Corruption,
    Delay,
    Dribble,
    FixedDelay,
    LognormalDelay,
    PartialStore,
    Refusal,
    RetryAfter,
    SlowOperation,
    UniformDelay,
)
from azdicom_emulator.faults.reading import Item

PROCESSING_FAILURE = 272  # PS3.18 Table 10.5.3-2, 0110H
CHALLENGE = 'Bearer error="invalid_token", error_description="The token expired"'
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
MAX_SIGMA = 10
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def read_actions(item: Item) -> tuple[Actions, int | None]:
    """The actions, and how often they act unless the rule says so: a token expires once. Raises FaultsError."""
    found = item.mapping(ACTION_WORDS)
    if not found:
        item.refuse(f"nothing to do. Known: {', '.join(ACTION_WORDS)}")
    for word in BESIDE_STATUS:
        if word in found and "status" not in found:
            found[word].refuse(f"'{word}' belongs to `status:`")
    if ("stale_read" in found or "slow_operation" in found) and len(found) > 1 + ("delay" in found):
        item.refuse("'stale_read' and 'slow_operation' go together with 'delay' only")
    endings = [word for word in ENDINGS if word in found]
    others = [word for word in found if word in READERS and word not in (*ENDINGS, "delay")]
    if endings and len(endings) + len(others) > 1:
        together = " and ".join(f"'{word}'" for word in (*endings, *others)[:2])
        item.refuse(f"{together} do not go together: one of {', '.join(ENDINGS)} ends the exchange")
    if "rate" in found and "dribble" in found:
        item.refuse("'rate' and 'dribble' do not go together")
    given: dict[str, Any] = {word: read(found[word]) for word, read in READERS.items() if word in found}
    if "status" in found:
        given["status"] = _refusal(found)
    if given.pop("expire_token", False):
        given["status"] = Refusal(401, (("WWW-Authenticate", CHALLENGE),))
        return Actions(**given), 1
    return Actions(**given), None


def _switched_on(item: Item) -> bool:
    if not item.is_on():
        item.refuse("leave it out, or say true")
    return True


def _delay(item: Item) -> Delay:
    if not item.is_mapping:
        return FixedDelay(item.seconds())
    found = item.mapping(DELAY_WORDS)
    kind = _required(item, found, "dist").word(tuple(DISTRIBUTIONS))
    first, second = (_required(item, found, word) for word in DISTRIBUTIONS[kind])
    if kind == "uniform":
        if first.seconds() > second.seconds():
            first.refuse("min is above max")
        return UniformDelay(first.seconds(), second.seconds())
    if not first.seconds():
        first.refuse("expected a time above 0")
    return LognormalDelay(first.seconds(), second.number(0, MAX_SIGMA))


def _refusal(found: Mapping[str, Item]) -> Refusal:
    status = found["status"].whole(200, 599)
    headers = (
        tuple((_header_name(key), _header_value(value)) for key, value in found["headers"].pairs())
        if "headers" in found
        else ()
    )
    if status == 401 and not any(name.lower() == "www-authenticate" for name, _ in headers):
        headers += (("WWW-Authenticate", CHALLENGE),)
    retry_after = _retry_after(found["retry_after"]) if "retry_after" in found else None
    body, content_type = _body(found["body"]) if "body" in found else (b"", TEXT)
    return Refusal(status, headers, retry_after, body, content_type)


def _header_name(item: Item) -> str:
    if not HEADER_NAME.fullmatch(item.text()):
        item.refuse(f"'{item.text()}' is no name of a header")
    return item.text()


def _header_value(item: Item) -> str:
    written = item.text()
    if not (written.isascii() and written.isprintable()):
        item.refuse("a header value is one line of ASCII")
    return written


def _retry_after(item: Item) -> RetryAfter:
    if item.is_mapping:
        return RetryAfter(_required(item, item.mapping(("date",)), "date").seconds(), is_date=True)
    return RetryAfter(item.seconds())


def _body(item: Item) -> tuple[bytes, str]:
    if not item.is_mapping:
        return item.text().encode(), TEXT
    found = item.mapping(("json", "text"))
    if len(found) != 1:
        item.refuse("expected one of json, text")
    if "text" in found:
        return found["text"].text().encode(), TEXT
    try:
        return orjson.dumps(found["json"].value()), JSON
    except TypeError:
        found["json"].refuse("expected a value as JSON has it")


def _rate(item: Item) -> float:
    size = item.size_bytes(suffix="/s")
    if size == 0:
        item.refuse("expected more than 0 bytes a second")
    return float(size)


def _dribble(item: Item) -> Dribble:
    found = item.mapping(("chunks", "over"))
    return Dribble(_required(item, found, "chunks").whole(1), _required(item, found, "over").seconds())


def _corrupt(item: Item) -> Corrupt:
    if not item.is_mapping:
        return Corrupt(Corruption(item.word([Corruption.BOUNDARY.value, Corruption.TRANSFER_SYNTAX.value])))
    found = item.mapping(("at", "bytes"))
    count = found["bytes"].whole(1) if "bytes" in found else 1
    return Corrupt(Corruption.BYTES, _required(item, found, "at").amount(), count)


def _partial_store(item: Item) -> PartialStore:
    found = item.mapping(("fail", "reason"))
    reason = found["reason"].whole(1, 65535) if "reason" in found else PROCESSING_FAILURE
    return PartialStore(_required(item, found, "fail").amount(), reason)


def _stale_read(item: Item) -> float:
    return _required(item, item.mapping(("for",)), "for").seconds() if item.is_mapping else item.seconds()


def _slow_operation(item: Item) -> SlowOperation:
    found = item.mapping(("polls", "for"))
    if len(found) != 1:
        item.refuse("expected one of polls, for")
    if "polls" in found:
        return SlowOperation(polls=found["polls"].whole(1))
    return SlowOperation(seconds=found["for"].seconds())


def _required(parent: Item, found: Mapping[str, Item], word: str) -> Item:
    if word not in found:
        parent.refuse(f"'{word}' is missing")
    return found[word]


ENDINGS = ("status", "expire_token", "reset", "hang", "empty")
BESIDE_STATUS = ("retry_after", "headers", "body")
DISTRIBUTIONS = {"uniform": ("min", "max"), "lognormal": ("median", "sigma")}
DELAY_WORDS = ("dist", "min", "max", "median", "sigma")
READERS: Mapping[str, Callable[[Item], object]] = {
    "delay": _delay,
    "expire_token": _switched_on,
    "reset": _switched_on,
    "hang": _switched_on,
    "empty": _switched_on,
    "rate": _rate,
    "dribble": _dribble,
    "truncate": Item.amount,
    "corrupt": _corrupt,
    "partial_store": _partial_store,
    "stale_read": _stale_read,
    "slow_operation": _slow_operation,
}
ACTION_WORDS = ("status", *BESIDE_STATUS, *READERS)
