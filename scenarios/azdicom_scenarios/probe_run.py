"""`azdicom parity --probe`: asks a service the open questions, and prints the settings that follow."""

import asyncio
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from azdicom_emulator.settings import QUIRKS
from azdicom_proxy.exit_codes import ExitCode, UpstreamFailure
from azdicom_proxy.parity.probing import Finding, probe, settings_of
from azdicom_proxy.parity.report_options import ReportSettings
from azdicom_proxy.settings import ProxySettings

WIDTH = max(map(len, QUIRKS)) + 2


def run_probe(settings: ProxySettings, report: ReportSettings, *, may_change_service: bool) -> int:
    """Prints each finding as it is there; the exit code. Raises UpstreamFailure."""
    from azdicom_proxy.upstream.errors import UpstreamError
    from azdicom_proxy.upstream_auth import TokenUnavailableError

    try:
        findings = asyncio.run(_findings(settings, may_change_service=may_change_service))
    except (UpstreamError, TokenUnavailableError) as error:
        raise UpstreamFailure(str(error)) from None
    options = list(settings_of(findings))
    click.echo()
    advice = f"azdicom serve {' '.join(options)}" if options else "The emulator's defaults are the service's readings."
    click.echo(advice)
    if report.reports.json is not None:
        document = {"schema": 1, "findings": [finding.as_json() for finding in findings], "options": options}
        with click.open_file(str(report.reports.json), "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=2) + "\n")
    return ExitCode.OK


async def _findings(settings: ProxySettings, *, may_change_service: bool) -> list[Finding]:
    from azdicom_proxy.parity.sides import Side

    assert settings.upstream is not None
    with tempfile.TemporaryDirectory(prefix="azdicom-probe-") as spool, ThreadPoolExecutor(1) as executor:
        side = Side(settings.upstream, settings, spool=Path(spool), executor=executor)
        try:
            await side.check()
            return await probe(side, may_change_service=may_change_service, on_finding=_tell)
        finally:
            await side.close()


def _tell(finding: Finding) -> None:
    if finding.value is None:
        said = f"not found out: {finding.reason}"
    elif finding.is_default:
        said = finding.value
    else:
        said = f"{finding.value}  (default: {QUIRKS[finding.quirk].default})"
    click.echo(f"{finding.quirk:<{WIDTH}}{said}")
