"""The options about reports, rules and thresholds that all commands with a parity result share."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from azdicom_proxy.command_options import FILE, Size, group, option
from azdicom_proxy.parity.learning import ASK_FIRST, Learning
from azdicom_proxy.parity.noise_profile import DEFAULT_PATH as NOISE_PATH
from azdicom_proxy.parity.noise_profile import load_profile
from azdicom_proxy.parity.rules import Rules
from azdicom_proxy.parity.rules_files import load_rules, project_has_rules
from azdicom_proxy.parity.thresholds import FailOn, Threshold
from azdicom_proxy.project_file import DEFAULT_NAME

WRITABLE = click.Path(dir_okay=False, path_type=Path, allow_dash=True)


class JUnitBy(StrEnum):
    """What a test case is."""

    EXCHANGE = "exchange"
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where reports go; `-` is stdout. is_quiet: nothing on the console; color: None is what the terminal takes."""

    json: Path | None = None
    junit: Path | None = None
    junit_by: JUnitBy = JUnitBy.EXCHANGE
    html: Path | None = None
    md: Path | None = None
    full: bool = False
    is_quiet: bool = False
    color: bool | None = None
    step_summary: Path | None = None
    """The CI job's page, from GITHUB_STEP_SUMMARY: the Markdown report is added at its end."""


file_options = group(
    option("--json", "json_path", type=WRITABLE, help="Write the result as JSON there, `-` for stdout."),
    option("--junit", "junit_path", type=WRITABLE, help="Write a JUnit report there."),
    option(
        "--junit-by",
        type=click.Choice([by.value for by in JUnitBy]),
        default=JUnitBy.EXCHANGE.value,
        show_default=True,
        help="What a test case of the JUnit report is.",
    ),
    option("--html", "html_path", type=WRITABLE, help="Write a page to look at there, one file without links."),
    option("--md", "md_path", type=WRITABLE, help="Write a summary in Markdown there."),
    option("--full", is_flag=True, help="Print all fingerprints, and values uncut."),
)
threshold_options = group(
    option(
        "--fail-on",
        type=click.Choice([on.value for on in FailOn]),
        default=FailOn.BREAKING.value,
        show_default=True,
        help="Exit with 1 from this kind of difference on; any also wants everything to be compared.",
    ),
    option(
        "--min-score",
        type=click.FloatRange(0, 100),
        default=0.0,
        metavar="PERCENT",
        help="Exit with 1 when the score is lower.",
    ),
    option("--strict-rules", is_flag=True, help="Exit with 1 when a rule was not used."),
)
rule_options = group(
    option(
        "--rules",
        "rules_path",
        type=FILE,
        help="YAML file with rules that say what differences mean.  [default: the `parity:` block of azdicom.yaml]",
    ),
)
learn_options = group(
    option(
        "--learn",
        type=click.IntRange(min=0),
        default=ASK_FIRST,
        show_default=True,
        metavar="N",
        help="Ask the upstream again the first N times on each route, then 1 in 20, to learn what is noise; 0: never.",
    ),
    option(
        "--learn-max-bytes",
        type=Size(),
        default="4MiB",
        show_default=True,
        metavar="SIZE",
        help="Do not ask again for larger answers.",
    ),
    option(
        "--noise", "noise_path", type=FILE, default=NOISE_PATH, show_default=True, help="What was learned is kept here."
    ),
)
report_options = group(file_options, threshold_options, rule_options, learn_options)
"""All of them; the command gets what `take_report_options` takes out of its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """What the options say. learning: its profile is empty where nothing was learned before."""

    reports: ReportOptions
    threshold: Threshold
    rules: Rules
    learning: Learning
    noise_path: Path


def take_report_options(options: dict[str, Any], environment: Mapping[str, str]) -> ReportSettings:
    """Takes the options of `report_options` out of a command's, and reads the files that they name.

    Raises RulesError, NoiseProfileError: exit code 2.
    """
    reports = taken_reports(options, environment)
    threshold = taken_threshold(options)
    rules = chosen_rules(options.pop("rules_path"))
    noise_path = options.pop("noise_path")
    learning = Learning(load_profile(noise_path), first=options.pop("learn"), max_bytes=options.pop("learn_max_bytes"))
    return ReportSettings(reports=reports, threshold=threshold, rules=rules, learning=learning, noise_path=noise_path)


def taken_reports(options: dict[str, Any], environment: Mapping[str, str]) -> ReportOptions:
    """Takes the options of `file_options` out of a command's."""
    summary = environment.get("GITHUB_STEP_SUMMARY")
    return ReportOptions(
        json=options.pop("json_path"),
        junit=options.pop("junit_path"),
        junit_by=JUnitBy(options.pop("junit_by")),
        html=options.pop("html_path"),
        md=options.pop("md_path"),
        full=options.pop("full"),
        is_quiet=bool(options.get("quiet", False)),
        step_summary=Path(summary) if summary else None,
    )


def taken_threshold(options: dict[str, Any]) -> Threshold:
    """Takes the options of `threshold_options` out of a command's."""
    return Threshold(
        fail_on=FailOn(options.pop("fail_on")),
        min_score=options.pop("min_score"),
        strict_rules=options.pop("strict_rules"),
    )


def chosen_rules(path: Path | None) -> Rules:
    """The rules of a file, else of the project file; none where neither is there. Raises RulesError."""
    if path is not None:
        return load_rules(path)
    return load_rules(DEFAULT_NAME) if project_has_rules(DEFAULT_NAME) else Rules()
