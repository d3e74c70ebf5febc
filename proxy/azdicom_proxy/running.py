"""A proxy's life on the command line: from listening to stopping, what it says, and the exit code."""

import asyncio
import logging
import os
import signal
import ssl
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from azdicom_emulator import __version__
from azdicom_emulator.logs import configure
from azdicom_emulator.settings import LogFormat
from azdicom_proxy.exit_codes import (
    CassetteFailure,
    ExitCode,
    InternalFailure,
    UpstreamFailure,
    UsageFailure,
)
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address

log = logging.getLogger(__name__)

UNPLAYED_SHOWN = 20
SIGNALLED = 128
SWITCH_INTERVAL_S = 0.0005
"""A client's exchange waits so long for a thread that compares; Python's default is ten times that."""
LOCAL_LOGS = ("azdicom.access", "azdicom_emulator")


def run(settings: ProxySettings, options: Mapping[str, Any], command: Sequence[str] = ()) -> int:
    """Serves until a signal, a shutdown request or the end of `command`; the exit code.

    Raises click.ClickException with the exit code of its kind.
    """
    configure(str(options["log_level"]), LogFormat(str(options["log_format"])))
    if settings.quiet:
        logging.getLogger("azdicom.exchange").setLevel(logging.WARNING)
    if settings.mode is Mode.DIFF:
        for name in LOCAL_LOGS:  # the local side's own lines would mix with those of the exchanges
            logging.getLogger(name).setLevel(logging.WARNING)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
    if settings.trust.is_insecure:
        log.warning("--insecure: the upstream's certificate is not checked")
    try:
        return asyncio.run(_Run(settings, command).run())
    except click.ClickException:
        raise
    except Exception as error:
        raise InternalFailure(f"internal error: {error} (details: {_saved_traceback()})") from None


class _Run:
    def __init__(self, settings: ProxySettings, command: Sequence[str]) -> None:
        self._settings = settings
        self._command = command
        self._signals: list[int] = []

    async def run(self) -> int:
        from azdicom_proxy.server import ProxyServer

        server = ProxyServer(self._settings)
        try:
            await self._start(server)
            self._announce(server.url)
            self._handle_signals(server)
            code = await self._until_done(server)
        except BaseException:
            await server.close()
            raise
        return await self._close(server, code)

    async def _start(self, server: Any) -> None:
        from azdicom_emulator.faults.errors import FaultsError, UnknownPresetError
        from azdicom_proxy.cassette.errors import CassetteError
        from azdicom_proxy.scrub.key import BadKeyError
        from azdicom_proxy.scrub.policy import PolicyError
        from azdicom_proxy.upstream.errors import UpstreamError
        from azdicom_proxy.upstream_auth import TokenUnavailableError

        try:
            await server.start()
            await server.check_upstream(is_required=bool(self._command and self._settings.offline_fallback is None))
        except CassetteError as error:
            raise CassetteFailure(str(error)) from None
        except (TokenUnavailableError, UpstreamError, ssl.SSLError) as error:
            raise UpstreamFailure(str(error)) from None
        except (FaultsError, UnknownPresetError) as error:
            raise UsageFailure(str(error)) from None
        except (PolicyError, BadKeyError, OSError, ValueError) as error:
            raise UsageFailure(f"cannot start: {error}") from None

    def _announce(self, url: str) -> None:
        settings = self._settings
        if settings.port_file is not None:
            settings.port_file.write_text(f"{url}\n")
        # With a command, stdout is that command's.
        click.echo(f"Listening on {url}", err=bool(self._command))
        lines = [
            f"azdicom {__version__}",
            f"  mode      {settings.mode.value}{_record_mode(settings)}",
            f"  upstream  {_named(settings.upstream) or 'none'}",
        ]
        if settings.mode is Mode.DIFF:
            lines.append(f"  local     {_named(settings.local) or 'a fresh strict emulator'}")
        if settings.cassette or settings.cassette_dir:
            lines.append(f"  cassette  {settings.cassette or settings.cassette_dir}")
        if not self._command:
            lines.append(f"  try       curl -i '{url}/v2/studies?limit=10' -H 'Accept: application/dicom+json'")
            lines.append("  stop      Ctrl+C")
        click.echo("\n".join(lines), err=True)

    def _handle_signals(self, server: Any) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number, server)

    def _on_signal(self, number: int, server: Any) -> None:
        self._signals.append(number)
        if len(self._signals) > 1:
            log.warning("interrupted again: what was recorded stays in the .partial.jsonl file")
            server.recordings.abandon()
            os._exit(ExitCode.INTERRUPTED)
        server.stopping.set()

    async def _until_done(self, server: Any) -> int:
        if not self._command:
            await server.stopping.wait()
            return ExitCode.INTERRUPTED if signal.SIGINT in self._signals else ExitCode.OK
        return await self._run_command(server)

    async def _run_command(self, server: Any) -> int:
        """The exit code of the command; 128 and the signal's number when a signal ended it."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, env={**os.environ, "AZDICOM_URL": server.url}
            )
        except OSError as error:
            message = f"cannot run {self._command[0]}: {error.strerror or error}"
            raise UsageFailure(message) from None
        ending = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(server.stopping.wait())
        await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ending.done() and signal.SIGINT not in self._signals:  # Ctrl+C reaches the command by itself
            process.terminate()
        code = await ending
        return code if code >= 0 else SIGNALLED - code

    async def _close(self, server: Any, code: int) -> int:
        from azdicom_proxy.cassette.errors import CassetteError

        try:
            recordings = await server.close()
        except (CassetteError, OSError) as error:
            raise CassetteFailure(f"the cassette could not be written: {error}") from None
        has_failed = server.diff is not None and self._report(await server.diff.as_json())
        if has_failed and code in (ExitCode.OK, ExitCode.INTERRUPTED):
            code = ExitCode.FAILED
        has_trouble = False
        for recording in recordings:
            has_trouble |= self._tell(recording)
        return code if code not in (ExitCode.OK, ExitCode.INTERRUPTED) or not has_trouble else ExitCode.CASSETTE

    def _report(self, result: Mapping[str, Any]) -> bool:
        """Writes what diff mode has found. True: the run failed."""
        from azdicom_proxy.parity.reporting import report_on

        assert self._settings.report is not None, "the command gives it"
        return report_on(result, self._settings.report)

    def _tell(self, recording: Any) -> bool:
        """Says how a recording ended. True: something was missing or not played as it should."""
        report = recording.report
        if report is not None:
            click.echo(f"{recording.path}: {report.summary()}", err=True)
            for change in report.changes:
                click.echo(f"  {change}", err=True)
            if report.rule_counts:
                scrubbed = ", ".join(f"{name} {count}" for name, count in sorted(report.rule_counts.items()))
                click.echo(f"  scrubbed: {scrubbed}", err=True)
        if recording.refusal is not None:
            click.echo(f"{recording.path}: not everything was recorded; last: {recording.refusal}", err=True)
        return self._tell_played(recording) or recording.refusal is not None

    def _tell_played(self, recording: Any) -> bool:
        if recording.player is None or recording.writer is not None:
            return False
        unplayed = recording.player.unplayed()
        if recording.mode is Mode.SPY:
            return bool(self._settings.strict and unplayed)
        played = recording.player.played_count
        click.echo(f"{recording.path}: {played} played, {len(unplayed)} unplayed, {recording.missed} missed", err=True)
        for interaction in unplayed[:UNPLAYED_SHOWN]:
            click.echo(f"  unplayed: {interaction.id}  {interaction.route}", err=True)
        return bool(recording.missed or (self._settings.strict and unplayed))


def _named(address: Address | None) -> str:
    return f"{address.origin}{address.path}" if address is not None else ""


def _record_mode(settings: ProxySettings) -> str:
    return f", {settings.record_mode}" if settings.mode is Mode.RECORD else ""


def _saved_traceback() -> Path:
    number, name = tempfile.mkstemp(prefix="azdicom-", suffix=".log")
    with os.fdopen(number, "w") as file:
        file.write(traceback.format_exc())
    return Path(name)
