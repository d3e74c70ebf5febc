"""The exit codes that all commands share, and what ends a command with one line and one of them."""

from enum import IntEnum

import click


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    """A scenario failed, or a difference is too large."""
    USAGE = 2
    """Usage, configuration or lint error; nothing was run."""
    UPSTREAM = 3
    """Upstream unreachable, TLS failure, or no token."""
    CASSETTE = 4
    """Cassette missing or unreadable, a miss in replay, something unplayed under --strict."""
    INTERNAL = 5
    INTERRUPTED = 130


class UsageFailure(click.ClickException):
    exit_code = ExitCode.USAGE


class UpstreamFailure(click.ClickException):
    exit_code = ExitCode.UPSTREAM


class CassetteFailure(click.ClickException):
    exit_code = ExitCode.CASSETTE


class InternalFailure(click.ClickException):
    exit_code = ExitCode.INTERNAL
