"""What can be wrong with a cassette: the command line ends with exit code 4 for each of these."""

from pathlib import Path


class CassetteError(Exception):
    """Trouble with the cassette `path`; the text is for people and names it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class CassetteMissingError(CassetteError):
    """There is no such file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "no such cassette")


class CassetteLockedError(CassetteError):
    """Another process writes it."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(path, f"is being written by process {pid or 'unknown'}")
        self.pid = pid


class SideFileError(CassetteError):
    """A side file is missing or not what its name says."""


class BodyOmittedError(Exception):
    """The body was over the recording limit, so that only its size and hash are known."""
