"""Waiting for a condition with a deadline: the only place in the tests that polls."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.005


def eventually(condition: Callable[[], T], *, within_s: float = 10, what: str = "the condition") -> T:
    """The first true value of `condition`; AssertionError with the last value after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not hold within {within_s} s; last value: {value!r}")
        time.sleep(POLL_S)
    return value
