"""`azdicom report`: renders a stored parity result again."""

import json
import os
from pathlib import Path
from typing import Any

import click

from azdicom_proxy.exit_codes import UsageFailure
from azdicom_proxy.parity.report_options import (
    file_options,
    taken_reports,
    taken_threshold,
    threshold_options,
)
from azdicom_proxy.parity.results import SCHEMA

EXAMPLES = """
\b
Examples:
  azdicom report render result.json
  azdicom report render result.json --html parity.html
  azdicom report render result.json --junit parity.xml --junit-by fingerprint
  azdicom report render result.json --md - --fail-on minor
"""
MEMBERS = ("run", "summary", "routes", "fingerprints", "exchanges", "details", "rules", "coverage", "latency")


@click.group(epilog=EXAMPLES)
def report() -> None:
    """Make reports of stored parity results."""


@report.command(epilog=EXAMPLES)
@click.argument("result", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
@file_options
@threshold_options
def render(result: Path, **options: Any) -> None:
    """Show RESULT, which a parity run wrote with --json, and make other reports of it.

    \b
    Exit codes: 0 success, 1 as --fail-on, --min-score and --strict-rules say, 2 wrong usage.
    """
    from azdicom_proxy.parity.reports import write

    threshold = taken_threshold(options)
    loaded = load_result(result)
    write(loaded, taken_reports(options, os.environ))
    failures = threshold.failures(loaded)
    for line in failures:
        click.echo(f"failed: {line}", err=True)
    raise SystemExit(threshold.exit_code(loaded))


def load_result(path: Path) -> dict[str, Any]:
    """A result that `Results.as_json` gave. Raises UsageFailure: unreadable, or something else."""
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            loaded = json.load(file)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFailure(f"cannot read {path}: {error}") from None
    except (ValueError, RecursionError):
        raise UsageFailure(f"{path} is not JSON") from None
    if not isinstance(loaded, dict) or not all(name in loaded for name in MEMBERS):
        raise UsageFailure(f"{path} is no parity result: expected what --json of `azdicom diff` writes")
    if loaded.get("schema") != SCHEMA:
        raise UsageFailure(f"{path} has schema {loaded.get('schema')!r}; this version reads {SCHEMA}")
    return loaded
