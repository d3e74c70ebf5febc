"""Scenario files on disk: found, read, checked, and made into scenarios."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from azdicom_scenarios.findings import Finding, Level
from azdicom_scenarios.linting import Document, check
from azdicom_scenarios.loading import building
from azdicom_scenarios.loading.converting import converted
from azdicom_scenarios.loading.nodes import compose
from azdicom_scenarios.model import Mark, Scenario, Text

SUFFIX = ".scenario.yaml"


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """scenario: None when there are errors. name: None when there is none to be read. findings: by place."""

    file: Path
    scenario: Scenario | None
    findings: tuple[Finding, ...]
    name: Text | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level is Level.ERROR)

    def fails(self, *, strict: bool = False) -> bool:
        """Whether it cannot be run: for an error, or, if it or the caller is strict, a warning."""
        is_strict = strict or (self.scenario is not None and self.scenario.settings.is_strict)
        return bool(self.findings if is_strict else self.errors)


def scenario_files(paths: Iterable[Path]) -> list[Path]:
    """Files as they are given, and every `*.scenario.yaml` below folders, sorted. Raises FileNotFoundError."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(path.rglob(f"*{SUFFIX}"))
        elif path.exists():
            files.append(path)
        else:
            raise FileNotFoundError(f"{path}: no such file or folder")
    return list(dict.fromkeys(files))


def load(file: Path, *, today: date | None = None) -> LoadedFile:
    """All that can be said of one file. today: for rules that expire; None: the day by UTC.

    Raises OSError when the file cannot be read.
    """
    return read(file.read_bytes(), file, today=today)


def read(data: bytes, file: Path, *, today: date | None = None) -> LoadedFile:
    """All that can be said of what `file` holds; a name will do for it."""
    root, findings = compose(data, str(file))
    if root is None:
        empty = [] if findings else [Finding(Mark(str(file), 1, 1), "syntax", "the file is empty")]
        return LoadedFile(file, None, (*findings, *empty))
    record, wrong = converted(root)
    lines = tuple(data.decode("utf-8-sig").splitlines())
    document = Document(file, root, record, lines, today or datetime.now(UTC).date())
    findings = sorted({*findings, *wrong, *check(document)}, key=lambda finding: (finding.mark, finding.rule))
    has_errors = any(finding.level is Level.ERROR for finding in findings)
    scenario = None if has_errors else building.scenario(record, file)
    return LoadedFile(file, scenario, tuple(findings), record.get("name"))


def load_all(files: Iterable[Path], *, today: date | None = None) -> list[LoadedFile]:
    """Files in their order; a name that an earlier one of them has is an error of the later one."""
    loaded = [load(file, today=today) for file in files]
    taken: dict[str, Mark] = {}
    return [_with_unique_name(each, taken) for each in loaded]


def _with_unique_name(loaded: LoadedFile, taken: dict[str, Mark]) -> LoadedFile:
    name = loaded.name
    if name is None:
        return loaded
    first = taken.setdefault(str(name), name.mark)
    if first == name.mark:
        return loaded
    duplicate = Finding(
        name.mark, "duplicate-name", f"the scenario of {first.file}:{first.line} is called '{name}' too"
    )
    findings = sorted((*loaded.findings, duplicate), key=lambda finding: (finding.mark, finding.rule))
    return LoadedFile(loaded.file, None, tuple(findings), name)
