"""Writes the reports that the options ask for."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azdicom_proxy.exit_codes import UsageFailure

if TYPE_CHECKING:
    from azdicom_proxy.parity.report_options import ReportOptions

Result = Mapping[str, Any]
STDOUT = Path("-")


def write(result: Result, options: "ReportOptions") -> None:
    """result: of `Results.as_json`. The console's report goes to stdout unless another one does.

    Raises UsageFailure: a file cannot be written.
    """
    files: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (options.json, lambda: json_text(result)),
        (options.junit, lambda: _junit(result, options)),
        (options.html, lambda: _html(result)),
        (options.md, lambda: _markdown(result)),
    )
    for path, render in files:
        if path is not None:
            _write(path, render())
    if options.step_summary is not None:
        _append(options.step_summary, _markdown(result))
    if not options.is_quiet and all(path != STDOUT for path, _ in files):
        from azdicom_proxy.parity.reports.console import render as render_console

        click.echo(render_console(result, full=options.full), nl=False, color=options.color)


def json_text(result: Result) -> str:
    return json.dumps(result, ensure_ascii=False, indent=1) + "\n"


def _junit(result: Result, options: "ReportOptions") -> str:
    from azdicom_proxy.parity.reports.junit import render

    return render(result, by_fingerprint=options.junit_by == "fingerprint")


def _html(result: Result) -> str:
    from azdicom_proxy.parity.reports.page import render

    return render(result)


def _markdown(result: Result) -> str:
    from azdicom_proxy.parity.reports.markdown import render

    return render(result)


def _write(path: Path, text: str) -> None:
    if path == STDOUT:
        click.echo(text, nl=False)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n", errors="backslashreplace")
    except OSError as error:
        raise UsageFailure(f"cannot write {path}: {error.strerror or error}") from None


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8", newline="\n", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise UsageFailure(f"cannot write {path}: {error.strerror or error}") from None
