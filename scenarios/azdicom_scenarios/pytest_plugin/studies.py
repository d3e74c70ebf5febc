"""Synthetic studies for tests, from the keys that scenarios have."""

import os
from collections.abc import Mapping
from typing import Any

from azdicom_scenarios.synthetic.build import BuiltStudy, build
from azdicom_scenarios.synthetic.spec import PatientSpec, SeriesSpec, SpecError, StudySpec

SEED = 0


def build_study(alias: str, written: Mapping[str, Any]) -> BuiltStudy:
    """The same test, alias and keys give the same UIDs and bytes. Raises SpecError."""
    values = dict(written)
    try:
        if "patient" in values:
            values["patient"] = PatientSpec(**values["patient"])
        if "series" in values:
            values["series"] = tuple(SeriesSpec(**series) for series in values["series"])
        spec = StudySpec(alias=alias, **values)
    except TypeError as error:  # an unknown key
        raise SpecError(str(error).partition("() ")[2] or str(error)) from None
    return build(spec, SEED, _current_test())


def _current_test() -> str:
    """So that tests that share a server do not share UIDs."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
