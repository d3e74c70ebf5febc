"""Waits: requests repeated until they are answered as wanted, operations followed to their ends."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from azdicom_scenarios.model import OperationFrom, Retry, WaitOperation
from azdicom_scenarios.running.exchanges import Answer, Exchange
from azdicom_scenarios.running.results import Mismatch
from azdicom_scenarios.running.side import Side, Stopping

ENDED = frozenset({"succeeded", "completed", "failed", "canceled"})
"""States of an operation that stay (conformance statement v1 and v2, operations)."""
SAME_STATE = {"completed": "succeeded"}
"""What v1 calls a state, and v2."""
FIRST_POLL_S = 0.02
"""A local operation ends in some milliseconds; the pauses grow to what the step says."""
SLOWER = 1.6


def retried(
    retry: Retry, send: Callable[[], Exchange], unmet: Callable[[Exchange], list[Mismatch]], stopping: Stopping
) -> tuple[Exchange, list[Mismatch], int]:
    """The last exchange, what is not as wanted in it ([]: nothing), and how often it was sent."""
    deadline = time.monotonic() + retry.for_s
    attempts = 0
    while True:
        stopping.check()
        exchange = send()
        attempts += 1
        misses = unmet(exchange)
        if not misses or time.monotonic() + retry.every_s > deadline:
            return exchange, misses, attempts
        stopping.pause(retry.every_s)


def operation_end(
    wait: WaitOperation, started: Exchange, side: Side, stopping: Stopping
) -> tuple[Exchange, Mismatch | None]:
    """The last answer about the operation that `started` began, and what is wrong with it.

    Where none was begun, that is what is wrong, and the exchange is `started` itself.
    """
    url = None if started.answer is None else _url(wait, started.answer, side)
    if url is None:
        where = "the header Location" if wait.come_from is OperationFrom.LOCATION else "the body's href or id"
        actual = started.trouble or f"none in a {started.answer.status if started.answer else 0}"
        return started, _mismatch(wait, f"an operation in {where}", actual)
    wanted = {SAME_STATE.get(state, state) for state in wait.until}
    deadline = time.monotonic() + wait.for_s
    pause_s = min(FIRST_POLL_S, wait.every_s)
    while True:
        stopping.check()
        exchange = side.follow(url)
        state = _state(exchange)
        if state in wanted:
            return exchange, None
        expected = " or ".join(wait.until)
        if state is None or state in ENDED:
            return exchange, _mismatch(wait, expected, state or _described(exchange))
        if time.monotonic() + pause_s > deadline:
            return exchange, _mismatch(wait, f"{expected} within {wait.for_s:g} s", state)
        stopping.pause(pause_s)
        pause_s = min(pause_s * SLOWER, wait.every_s)


def _url(wait: WaitOperation, answer: Answer, side: Side) -> str | None:
    if wait.come_from is OperationFrom.LOCATION:
        url = answer.header("location")
    else:
        try:
            document = answer.json
        except ValueError:
            return None
        if not isinstance(document, dict):
            return None
        identifier = document.get("id")
        url = document.get("href") or (f"/operations/{identifier}" if identifier else None)
    if not url:
        return None
    if not urlsplit(url).netloc and url.startswith(side.prefix + "/"):
        return url.removeprefix(side.prefix)
    return str(url)


def _state(exchange: Exchange) -> str | None:
    """In lower case, by the names of v2; None: the answer tells none."""
    if exchange.answer is None or exchange.answer.status not in (200, 202):
        return None
    try:
        document = exchange.answer.json
    except ValueError:
        return None
    state = str(document.get("status", "")).lower() if isinstance(document, dict) else ""
    return SAME_STATE.get(state, state) or None


def _described(exchange: Exchange) -> str:
    return exchange.trouble or (exchange.answer.text[:200] if exchange.answer is not None else "no answer")


def _mismatch(wait: WaitOperation, expected: str, actual: str) -> Mismatch:
    return Mismatch(mark=wait.mark, what="operation", expected=expected, actual=actual)
