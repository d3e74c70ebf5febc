"""Runs of pytest with the plugin, in projects made for them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

PLUGIN = "azdicom_scenarios.pytest_plugin"
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?|deselected)")
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class PytestRun:
    """How a run ended. counts: `passed`, `failed`, `skipped`, `error`."""

    code: int
    text: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with tests."""

    folder: Path

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
        return path

    def run(self, *arguments: str, **environment: str) -> PytestRun:
        """The plugin comes by its entry point, or, where the installed package is older than it, by name."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
        kept.pop("GITHUB_STEP_SUMMARY", None)
        done = subprocess.run(
            (sys.executable, "-m", "pytest", *_plugin(), "-p", "no:cacheprovider", "-rA", *arguments),
            cwd=self.folder,
            env=kept | environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        text = done.stdout + done.stderr
        last = next((line for line in reversed(done.stdout.splitlines()) if " in " in line), "")
        counts = {word.removesuffix("s") if word == "errors" else word: int(n) for n, word in COUNT.findall(last)}
        return PytestRun(done.returncode, text, counts)


def _plugin() -> tuple[str, ...]:
    from importlib.metadata import entry_points

    is_installed = any(point.value == PLUGIN for point in entry_points(group="pytest11"))
    return () if is_installed else ("-p", PLUGIN)
