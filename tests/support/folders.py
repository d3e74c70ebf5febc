"""What is in a folder that a server works in at the same time."""

import os
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """The files of a tree; folders that vanish meanwhile count as empty, where `Path.rglob` would raise."""
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
