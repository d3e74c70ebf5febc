"""Whether a draft holds: it is written, linted and run against a fresh emulator."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from azdicom_scenarios.recording.drafts import Draft, DraftStep
from azdicom_scenarios.recording.writing import write
from azdicom_scenarios.running.results import Outcome, RunResult
from azdicom_scenarios.running.run import Options
from azdicom_scenarios.running.runner import run_scenarios
from azdicom_scenarios.running.targets import EmulatorTarget
from azdicom_scenarios.scenario_files import SUFFIX, load


class DraftError(ValueError):
    """What was written is no scenario; the text has the findings of lint."""


def ran(draft: Draft, steps: Sequence[DraftStep] | None = None) -> RunResult:
    """What becomes of the draft, or of some of its steps, against a fresh emulator. Raises DraftError."""
    with tempfile.TemporaryDirectory(prefix="azdicom-draft-") as folder:
        path = Path(folder) / f"draft{SUFFIX}"
        write(draft, path, steps)
        return ran_file(path)


def ran_file(path: Path, *, updates_snapshots: bool = True) -> RunResult:
    """Raises DraftError."""
    loaded = load(path)
    if loaded.scenario is None:
        raise DraftError("\n".join(map(str, loaded.errors)))
    report = run_scenarios([loaded.scenario], EmulatorTarget(), options=Options(updates_snapshots=updates_snapshots))
    return report.results[0]


def has_passed(result: RunResult) -> bool:
    return result.outcome is Outcome.PASSED


def symptom(result: RunResult, names: Sequence[str]) -> tuple[str, ...]:
    """What of a failure stays the same while steps are left out: the step that fails, and what was unexpected."""
    failure = next(iter(result.failures), None)
    if failure is None or not 0 < failure.step <= len(names):
        return ()
    return (names[failure.step - 1], *sorted({miss.what for miss in failure.mismatches}))


def minimised(draft: Draft, keep: str, still: Callable[[Sequence[DraftStep]], bool]) -> list[DraftStep]:
    """The steps up to `keep`, without those that can be left out while `still` holds (delta debugging, one by one).

    Raises DraftError: no step is called so, or it does not hold for all of them.
    """
    names = [step.name for step in draft.steps]
    if keep not in names:
        raise DraftError(f"no step is called '{keep}'. There are: {', '.join(names)}")
    steps = draft.steps[: names.index(keep) + 1]
    if not still(steps):
        raise DraftError(f"the steps up to '{keep}' do not behave as the whole does")
    size = max(1, len(steps) // 2)
    while size:
        start = 0
        while start < len(steps) - 1:
            end = min(start + size, len(steps) - 1)
            fewer = steps[:start] + steps[end:]
            if still(fewer):
                steps = fewer
            else:
                start = end
        size //= 2
    return steps
