"""Rules about what a scenario means, on top of what its keys and values may be (record-replay §13.5)."""

from collections.abc import Callable, Iterator

from azdicom_scenarios.findings import Finding
from azdicom_scenarios.linting.document import Document
from azdicom_scenarios.linting.files import missing_files
from azdicom_scenarios.linting.names import duplicate_names
from azdicom_scenarios.linting.references import wrong_references
from azdicom_scenarios.linting.routes import unknown_routes
from azdicom_scenarios.linting.steps import wrong_steps
from azdicom_scenarios.linting.values import wrong_values

_CHECKS: tuple[Callable[[Document], Iterator[Finding]], ...] = (
    duplicate_names,
    wrong_references,
    missing_files,
    unknown_routes,
    wrong_steps,
    wrong_values,
)


def check(document: Document) -> list[Finding]:
    """What is wrong with a converted file; what could not be converted is left out."""
    return [finding for each in _CHECKS for finding in each(document)]


__all__ = ["Document", "check"]
