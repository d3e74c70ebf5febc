"""From a text of YAML to values of the model, by one table of keys and kinds (record-replay §12)."""

from azdicom_scenarios.loading.synthetic_studies import study_spec

__all__ = ["study_spec"]
