"""The fixtures of scenarios in a server that is about to be used by people (`azdicom serve --scenario`)."""

from collections.abc import Callable, Sequence
from pathlib import Path

from azdicom_emulator.settings import Settings
from azdicom_proxy.exit_codes import UsageFailure
from azdicom_proxy.upstream.address import Address, Trust
from azdicom_scenarios.running.emulators import authorize_for
from azdicom_scenarios.running.endpoints import Endpoint, Kind
from azdicom_scenarios.running.ownership import Creations
from azdicom_scenarios.running.preparing import Preparation, PreparingError, built_studies, scope_of
from azdicom_scenarios.running.results import Failure
from azdicom_scenarios.running.run import Planned
from azdicom_scenarios.running.runner import plan
from azdicom_scenarios.running.side import Side, Stopping
from azdicom_scenarios.scenario_files import load_all

SEED = 0
TIMEOUT_S = 60.0


def preloader(settings: Settings) -> Callable[[str], list[str]]:
    """Reads the files that `settings.scenarios` names; what it gives stores their fixtures in the server at a URL.

    That gives a line for each run of a scenario. Both raise UsageFailure.
    """
    runs = _read(settings.scenarios)

    def preload(url: str) -> list[str]:
        endpoint = endpoint_of(settings, url)
        return [stored(run, endpoint) for run in runs]

    return preload


def endpoint_of(settings: Settings, url: str) -> Endpoint:
    """The server with `settings` that listens at `url`."""
    return Endpoint(
        kind=Kind.OWN,
        address=Address.parse(url),
        authorize=authorize_for(settings),
        trust=Trust(ca_file=settings.tls_cert),
    )


def _read(files: Sequence[Path]) -> list[Planned]:
    """Raises UsageFailure: a file has errors."""
    try:
        loaded = load_all(files)
    except OSError as error:
        raise UsageFailure(str(error)) from None
    wrong = [str(finding) for file in loaded for finding in file.errors]
    if wrong:
        raise UsageFailure("\n".join(wrong))
    return plan(file.scenario for file in loaded if file.scenario is not None)


def stored(run: Planned, endpoint: Endpoint) -> str:
    """Stores the fixtures of one run; the line that says so. Raises UsageFailure."""
    scenario = run.scenario
    try:
        scope = scope_of(scenario, run.row, seed=SEED, salt="")
        side = Side(
            endpoint,
            scope,
            name="",
            base=scenario.settings.base,
            timeout_s=TIMEOUT_S,
            creations=Creations(),
            studies=dict(built_studies(scenario, run.row, scope)),
        )
        preparation = Preparation(scenario, side, Stopping())
        try:
            preparation.prepare()
        finally:
            side.close()
    except PreparingError as error:
        raise UsageFailure(_described(error.failure)) from None
    there = f", {len(preparation.notes)} there already" if preparation.notes else ""
    return f"{run.id} ({scenario.file}): {_counted(run)}{there}"


def _counted(run: Planned) -> str:
    fixtures = run.scenario.fixtures
    counts = (
        (len(fixtures.preload), "study", "studies"),
        (len(fixtures.dicom), "pattern of files", "patterns of files"),
        (len(fixtures.workitems), "workitem", "workitems"),
        (len(fixtures.extended_query_tags), "query tag", "query tags"),
        (len(fixtures.partitions), "partition", "partitions"),
    )
    named = [f"{number} {one if number == 1 else many}" for number, one, many in counts if number]
    return ", ".join(named) or "nothing to store (fixtures.preload names what is)"


def _described(failure: Failure) -> str:
    miss = failure.mismatches[0]
    return f"{miss.mark}: {miss.what}: expected {miss.expected}, got {miss.actual}"
