"""The end of a parity run: reports and the noise profile are written, and it is said whether the run failed."""

from collections.abc import Mapping
from typing import Any

import click

from azdicom_proxy.parity.noise_profile import save_profile
from azdicom_proxy.parity.report_options import ReportSettings
from azdicom_proxy.parity.reports.writing import write


def report_on(result: Mapping[str, Any], settings: ReportSettings) -> bool:
    """Whether the run failed, of which the reasons are on stderr. result: of `Results.as_json`.

    Raises UsageFailure: a file cannot be written.
    """
    write(result, settings.reports)
    if settings.learning.has_learned:
        save_profile(settings.noise_path, settings.learning.profile)
    failures = settings.threshold.failures(result)
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    return bool(failures)
