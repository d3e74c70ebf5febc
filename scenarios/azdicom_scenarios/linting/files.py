"""The rule missing-file: files and patterns of files, relative to the scenario."""

from collections.abc import Iterator
from pathlib import Path

from azdicom_scenarios.expressions import Call, Expression, ExpressionError, Literal, has_references, references
from azdicom_scenarios.findings import Finding
from azdicom_scenarios.linting.document import Document, alias_of, dicom_sources, scalars
from azdicom_scenarios.loading.records import Record
from azdicom_scenarios.model import Text


def missing_files(document: Document) -> Iterator[Finding]:
    folder = document.file.parent
    for pattern in document.fixtures.many("dicom"):
        if not has_references(str(pattern)) and not matching(folder, str(pattern)):
            yield Finding(pattern.mark, "missing-file", f"'{pattern}' matches no file")
    for text in _named_files(document):
        if not has_references(str(text)) and not (folder / str(text)).is_file():
            yield Finding(text.mark, "missing-file", f"there is no file '{text}'")
    yield from _files_of_functions(document)


def matching(folder: Path, pattern: str) -> list[Path]:
    """The files that a name or a pattern (`*`, `**`, `?`) stands for, sorted."""
    if not any(character in pattern for character in "*?["):
        return [folder / pattern] if (folder / pattern).is_file() else []
    root = Path(pattern).anchor
    found = Path(root).glob(str(Path(pattern).relative_to(root))) if root else folder.glob(pattern)
    return sorted(path for path in found if path.is_file())


def _named_files(document: Document) -> Iterator[Text]:
    for workitem in document.fixtures.many("workitems"):
        yield from filter(None, (workitem.get("file"),))
    for step in (*document.steps, *document.teardown):
        body = step.get("body")
        yield from _files_of_body(body)
        for source in dicom_sources(body):
            if alias_of(source, document.studies) is None:
                yield source
        retry = step.get("retry")
        for expect in filter(None, (step.get("expect"), retry and retry.get("until"))):
            psnr = expect.get("image") and expect.get("image").get("psnr")
            yield from filter(None, (psnr and psnr.get("to"),))


def _files_of_body(body: Record | None) -> Iterator[Text]:
    if body is None:
        return
    yield from filter(None, (body.get("file"),))
    for part in body.many("multipart"):
        yield from _files_of_body(part.get("body"))


def _files_of_functions(document: Document) -> Iterator[Finding]:
    for scalar in scalars(document.root):
        if "file(" not in scalar.text:
            continue
        try:
            found = list(references(scalar.text))
        except ExpressionError:
            continue  # undefined-variable tells
        for reference in found:
            for name in _names(reference.expression):
                if not (document.file.parent / name).is_file():
                    mark = document.place(scalar, reference.written)
                    yield Finding(mark, "missing-file", f"{reference.written}: there is no file '{name}'")


def _names(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Call):
        for argument in expression.arguments:
            if expression.name == "file" and isinstance(argument, Literal):
                yield argument.value
            else:
                yield from _names(argument)
