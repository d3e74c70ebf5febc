"""What a person sees while scenarios run: a bar on a terminal, else a line for each; then the failures."""

import sys
from types import TracebackType
from typing import Any, Self

import click

from azdicom_scenarios.running.reports.summary import summary_line
from azdicom_scenarios.running.reports.texts import failure_text, headline
from azdicom_scenarios.running.results import Outcome, RunResult, StepResult
from azdicom_scenarios.running.runner import Report

COLOURS = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}
BODY_SHOWN = 2000


class Console:
    """total: how many runs there will be. color: None: as the terminal takes it. is_quiet: only failures and counts."""

    def __init__(self, total: int, *, is_quiet: bool = False, color: bool | None = None) -> None:
        self._total = total
        self._is_quiet = is_quiet
        self._color = color
        self._bar: Any = None

    def __enter__(self) -> Self:
        if not self._is_quiet and self._total and sys.stdout.isatty() and sys.stderr.isatty():
            self._bar = click.progressbar(length=self._total, label="Scenarios", file=sys.stderr)
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

    def tell(self, result: RunResult) -> None:
        """One more is there."""
        if self._bar is not None:
            self._bar.update(1)
        elif not self._is_quiet:
            self._echo(_line(result))

    def finish(self, report: Report, *, repeat_options: str = "") -> None:
        """The failures in full, then the counts."""
        for result in report.results:
            if result.outcome is Outcome.FAILED:
                self._echo("")
                self._echo(failure_text(result, repeat_options=repeat_options))
            elif not self._is_quiet:
                for note in result.notes:
                    self._echo(f"note: {result.id}: {note}")
        worst = Outcome.FAILED if report.count(Outcome.FAILED) else Outcome.PASSED
        self._echo(click.style(summary_line(report), fg=COLOURS[worst], bold=True))

    def show_step(self, step: StepResult) -> None:
        """What was sent and answered in it."""
        self._echo(f"\nstep {step.number}: {step.title}: {step.outcome.value} {step.reason}".rstrip())
        for exchange in step.exchanges:
            self._echo(f"> {exchange.request.title}")
            self._echo("\n".join(f"> {name}: {value}" for name, value in _shown(exchange.request.headers)))
            if exchange.answer is None:
                self._echo(f"< {exchange.trouble}")
                continue
            self._echo(f"< {exchange.answer.status}")
            self._echo("\n".join(f"< {name}: {value}" for name, value in exchange.answer.headers))
            text = exchange.answer.text if exchange.answer.content.isascii() else ""
            self._echo(text[:BODY_SHOWN] if text else f"({len(exchange.answer.content)} bytes)")

    def _echo(self, text: str) -> None:
        click.echo(text, color=self._color)


def _line(result: RunResult) -> str:
    outcome = click.style(f"{result.outcome.value:7}", fg=COLOURS[result.outcome])
    text = f"{outcome} {result.id}  {result.duration_s * 1000:.0f} ms"
    match result.outcome:
        case Outcome.FAILED:
            return f"{text}  {headline(result)}"
        case Outcome.SKIPPED:
            return f"{outcome} {result.id}  {result.reason}"
    return text


def _shown(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, "…" if name.lower() == "authorization" else value) for name, value in headers)
