"""Scenario files as tests: one for each scenario, or for each row of its parameters."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from azdicom_scenarios.pytest_plugin.options import target_of, upstream_of

if TYPE_CHECKING:
    from azdicom_scenarios.running.run import Planned

NOT_IN_MARKS = re.compile(r"\W+")


class ScenarioError(Exception):
    """A scenario that failed, or cannot be run; the text is for people."""


class ScenarioFile(pytest.File):
    """One `*.scenario.yaml`."""

    def collect(self) -> "Iterable[ScenarioItem]":
        from azdicom_scenarios.running.runner import plan
        from azdicom_scenarios.scenario_files import load

        loaded = load(self.path)
        if loaded.scenario is None or loaded.fails():
            raise self.CollectError("\n".join(map(str, loaded.findings)))
        for planned in plan([loaded.scenario]):
            yield ScenarioItem.from_parent(self, name=planned.id, planned=planned)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, self.CollectError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class ScenarioItem(pytest.Item):
    """One run of a scenario. Its tags are marks."""

    def __init__(self, *, planned: "Planned", **words: Any) -> None:
        super().__init__(**words)
        self._planned = planned
        for tag in planned.scenario.tags:
            mark = NOT_IN_MARKS.sub("_", tag)
            self.config.addinivalue_line("markers", f"{mark}: a tag of scenarios")
            self.add_marker(mark)

    def runtest(self) -> None:
        from azdicom_scenarios.running.results import Outcome
        from azdicom_scenarios.running.run import Options
        from azdicom_scenarios.running.runner import run_scenarios

        options = Options(updates_snapshots=self.config.getoption("--dicom-update-snapshots"))
        result = run_scenarios([self._planned], target_for(self.config), options=options).results[0]
        if result.outcome is Outcome.SKIPPED:
            pytest.skip(result.reason)
        if result.outcome is Outcome.FAILED:
            from azdicom_scenarios.running.reports.texts import failure_text

            raise ScenarioError(failure_text(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ScenarioError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, self._planned.scenario.mark.line - 1, self.name


def target_for(config: pytest.Config) -> Any:
    """What `--dicom-target` names."""
    from azdicom_proxy.settings import ProxySettings, UpstreamAuth
    from azdicom_proxy.upstream.address import Address
    from azdicom_scenarios.running.targets import EmulatorTarget, ServiceTarget

    url = target_of(config)
    if url is None:
        return EmulatorTarget()
    auth = UpstreamAuth(config.getoption("--dicom-auth"))
    is_live = url == upstream_of(config)
    return ServiceTarget(ProxySettings(upstream=Address.parse(url), auth=auth), is_live=is_live)
