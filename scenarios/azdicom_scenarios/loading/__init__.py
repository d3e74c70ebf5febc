"""From a scenario file to its values: nodes, then conversion by the schema, then lint, then the model."""

from azdicom_scenarios.loading.files import LoadedFile, load, load_all, scenario_files
from azdicom_scenarios.loading.synthetic_studies import study_spec

__all__ = ["LoadedFile", "load", "load_all", "scenario_files", "study_spec"]
