"""Which runs are wanted: by words and tags, and those that failed the last time."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from azdicom_scenarios.running.results import Outcome, RunResult
from azdicom_scenarios.running.run import Planned

LAST_RUN = Path(".azdicom/last.json")
TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
SCHEMA = 1

Holds = Callable[[Planned], bool]


class BadSelectionError(ValueError):
    """An expression or a state file that cannot be read; the text says why."""


def with_tags(runs: Iterable[Planned], tags: Collection[str]) -> list[Planned]:
    """Those that have one of the tags; all without any."""
    return [run for run in runs if not tags or any(tag in run.scenario.tags for tag in tags)]


def by_words(expression: str) -> Holds:
    """Of `-k`: words joined by `and`, `or`, `not` and parentheses; a word holds where name, file or a tag has it.

    Raises BadSelectionError.
    """
    tokens = TOKEN.findall(expression)
    if not tokens or "".join(tokens) != re.sub(r"\s+", "", expression):
        raise BadSelectionError(f"-k '{expression}': words are expected, joined by and, or, not and parentheses")
    holds = _either(tokens)
    if tokens:
        raise BadSelectionError(f"-k '{expression}': '{tokens[0]}' was not expected")
    return holds


def save_last(results: Iterable[RunResult], path: Path = LAST_RUN) -> None:
    """Keeps what failed for `--rerun-failed`; a folder that cannot be written to is no trouble."""
    failed = [result.key for result in results if result.outcome is Outcome.FAILED]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schema": SCHEMA, "failed": failed}, indent=2) + "\n", "utf-8")
    except OSError:
        return


def failed_last(runs: Sequence[Planned], path: Path = LAST_RUN) -> list[Planned]:
    """Those that failed the last time. Raises BadSelectionError: it is not known."""
    try:
        failed = set(json.loads(path.read_text("utf-8"))["failed"])
    except FileNotFoundError:
        raise BadSelectionError(f"--rerun-failed: there is no {path}; no run has been kept here") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSelectionError(f"--rerun-failed: cannot read {path}: {error}") from None
    return [run for run in runs if run.key in failed]


def _either(tokens: list[str]) -> Holds:
    parts = [_all(tokens)]
    while tokens[:1] == ["or"]:
        del tokens[0]
        parts.append(_all(tokens))
    return parts[0] if len(parts) == 1 else lambda run: any(part(run) for part in parts)


def _all(tokens: list[str]) -> Holds:
    parts = [_one(tokens)]
    while tokens[:1] == ["and"]:
        del tokens[0]
        parts.append(_one(tokens))
    return parts[0] if len(parts) == 1 else lambda run: all(part(run) for part in parts)


def _one(tokens: list[str]) -> Holds:
    if not tokens or tokens[0] in ("and", "or", ")"):
        raise BadSelectionError(f"-k: a word is expected{f' before {tokens[0]}' if tokens else ' at the end'}")
    token = tokens.pop(0)
    if token == "not":
        inner = _one(tokens)
        return lambda run: not inner(run)
    if token == "(":
        inner = _either(tokens)
        if tokens[:1] != [")"]:
            raise BadSelectionError("-k: a closing parenthesis is missing")
        del tokens[0]
        return inner
    word = token.lower()
    return lambda run: any(word in text.lower() for text in (run.id, run.scenario.file.name, *run.scenario.tags))
