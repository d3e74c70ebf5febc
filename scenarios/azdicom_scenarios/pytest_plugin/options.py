"""What the plugin's options say."""

import os

import pytest

EMULATOR = "emulator"
LIVE = "live"


def upstream_of(config: pytest.Config) -> str | None:
    """The service that is recorded and compared with; None: there is none."""
    return config.getoption("--dicom-upstream") or config.getini("dicom_upstream") or None


def target_of(config: pytest.Config) -> str | None:
    """The URL that tests talk to; None: an emulator of the run's own. Raises pytest.UsageError."""
    target: str = config.getoption("--dicom-target")
    if target == EMULATOR:
        return None
    if target == LIVE:
        upstream = upstream_of(config)
        if upstream is None:
            raise pytest.UsageError("--dicom-target live needs --dicom-upstream URL")
        return upstream
    if "://" not in target:
        raise pytest.UsageError(f"--dicom-target {target}: neither emulator, live nor a URL")
    return target


def record_mode_of(config: pytest.Config) -> str:
    """The record mode of cassettes, unless a mark says otherwise."""
    return config.getoption("--dicom-record") or ("none" if os.environ.get("CI") else "once")
