"""The DICOM files that pydicom and pydicom-data bring along."""

from importlib.util import find_spec
from pathlib import Path


def sample_files() -> list[Path]:
    """All `.dcm` files, by name."""
    found: list[Path] = []
    for package in ("pydicom", "data_store"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        found += Path(spec.origin).parent.rglob("*.dcm")
    return sorted(found, key=lambda path: path.name)
