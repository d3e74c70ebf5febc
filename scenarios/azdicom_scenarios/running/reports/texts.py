"""A failed run as a text: what, where, expected and actual, and how to see it again."""

from collections.abc import Iterator
from shlex import quote

from azdicom_scenarios.running.exchanges import as_curl
from azdicom_scenarios.running.results import Failure, Mismatch, RunResult

MISSES_SHOWN = 10
WIDTH = 120


def failure_text(result: RunResult, *, repeat_options: str = "") -> str:
    """All failures of a run. repeat_options: what the command to repeat it needs beside the file."""
    return "\n".join(_lines(result, repeat_options))


def headline(result: RunResult) -> str:
    """The first thing that is wrong, in one line."""
    for failure in result.failures:
        miss = failure.mismatches[0]
        return f"{miss.mark}: {miss.what}: expected {_short(miss.expected)}, got {_short(miss.actual)}"
    return result.reason


def _lines(result: RunResult, repeat_options: str) -> Iterator[str]:
    yield f"FAILED {result.id}"
    if result.reason:
        yield f"  {result.reason}"
    for failure in result.failures:
        yield from _failure(failure)
    if result.variables:
        yield "  captured  " + ", ".join(f"{name}={value}" for name, value in result.variables.items())
    if result.journal:
        yield "  journal   " + "\n            ".join(result.journal)
    for note in result.notes:
        yield f"  note      {note}"
    exchange = next((each.exchange for each in result.failures if each.exchange is not None), None)
    if exchange is not None:
        yield f"  curl      {as_curl(exchange)}"
    step = result.failures[0].step if result.failures else 0
    words = ["azdicom scenario run", quote(result.file), *([f"--step {step}"] if step else []), repeat_options]
    yield "  repeat    " + " ".join(word for word in words if word)


def _failure(failure: Failure) -> Iterator[str]:
    where = f" ({failure.side})" if failure.side else ""
    attempts = f", {failure.attempts} attempts" if failure.attempts > 1 else ""
    step = f"step {failure.step}: " if failure.step else ""
    yield f"  {step}{failure.title}{where}{attempts}"
    if failure.exchange is not None:
        yield f"    {failure.exchange.line()}"
    for miss in failure.mismatches[:MISSES_SHOWN]:
        yield from _miss(miss)
    left = len(failure.mismatches) - MISSES_SHOWN
    if left > 0:
        yield f"    … and {left} more"


def _miss(miss: Mismatch) -> Iterator[str]:
    yield f"    {miss.mark}: {miss.what}"
    yield f"      expected  {miss.expected}"
    yield f"      actual    {miss.actual}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}…"
