"""`python -m tests.conformance`: runs the tests and writes docs/conformance.md, which rule is shown by which test."""

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

PROJECT = Path(__file__).parents[1]
TESTS = PROJECT / "tests"
PAGE = PROJECT / "docs" / "conformance.md"

CHAPTERS: Mapping[str, tuple[str, Mapping[int, str]]] = {
    "store": (
        "Store (STOW-RS)",
        {
            1: "Routes",
            2: "Order of checks",
            3: "Accept",
            4: "Request bodies",
            5: "What counts as DICOM",
            6: "Required attributes",
            7: "What happens to an instance",
            8: "Validation",
            9: "Uniqueness, upsert, expiry",
            10: "Status and body",
            11: "Errors",
            12: "Response headers",
            13: "Version 1 and version 2",
            14: "Open questions",
        },
    ),
    "retrieve": (
        "Retrieve (WADO-RS)",
        {
            1: "Resources",
            2: "Order of checks",
            3: "UIDs in the path",
            4: "Accept negotiation",
            5: "Not found",
            6: "Response layout",
            7: "Frames",
            8: "Metadata",
            9: "Transcoding",
            10: "Rendered",
            11: "Original versions",
            12: "Errors",
            13: "Response headers",
        },
    ),
    "search": (
        "Search (QIDO-RS)",
        {
            1: "Resources",
            2: "Order of checks",
            3: "Accept",
            4: "Parameters",
            5: "Filters",
            6: "Fuzzy matching",
            7: "Included fields",
            8: "Where values come from",
            9: "Response",
            10: "Order and paging",
            11: "Extensions",
        },
    ),
    "http": (
        "HTTP",
        {
            1: "Routing",
            2: "Versions",
            3: "Errors",
            4: "Negotiation",
            5: "Authentication and roles",
            6: "CORS",
            7: "UIDs",
            8: "Limits",
            9: "Health",
            10: "OpenAPI",
            11: "Order of checks",
            12: "Open questions",
            13: "Announcements of extensions",
        },
    ),
    "azure-apis": (
        "Azure APIs",
        {
            0: "JSON",
            1: "Extended query tags",
            2: "Operations",
            3: "Change feed",
            4: "Delete",
            5: "Data partitions",
        },
    ),
    "async-and-events": (
        "Operations, expiry, events",
        {
            1: "Long-running operations",
            2: "Bulk update",
            3: "Export",
            4: "Import",
            5: "Expiry",
            6: "Events",
            7: "Audit",
            8: "Roles",
        },
    ),
    "worklist": (
        "Worklist (UPS-RS)",
        {
            1: "Modes",
            2: "Routes",
            3: "Create",
            4: "Errors",
            5: "Retrieve",
            6: "Update",
            7: "Change of state",
            8: "Request for cancelation",
            9: "Final states",
            10: "Search",
            11: "Transaction UIDs",
            12: "Extension: seed dialect",
            13: "Extension: subscriptions",
        },
    ),
    "seed-features": ("Extensions", {8: "Triggers"}),
    "ps3": ("DICOM standard", {3: "Information objects", 5: "Encoding", 10: "Files", 18: "Web services"}),
}
"""By the word that a docstring cites a chapter with: its title, and short titles of its sections."""

CITATION = re.compile(rf"\b({'|'.join(name for name in CHAPTERS if name != 'ps3')}) §(\d+)((?:\.\d+)*)", re.IGNORECASE)
STANDARD = re.compile(r"\b(PS3)\.(\d+) (?:§|Annex|Table)\s?([\w.]*)")
PASSED, FAILED, SKIPPED, NOT_RUN = "passed", "failed", "skipped", "not run"
ROW = re.compile(r"^\| .* \| \[`(.+?)`\]\(\S+\)(?: `(\w+)`)? \| (.+) \|$")


@dataclass(frozen=True, slots=True)
class Proof:
    """One test function that cites a rule. chapter: a key of CHAPTERS; section: numbers, () where none is cited."""

    path: Path
    class_name: str
    name: str
    source: str
    chapter: str
    section: tuple[int, ...]

    @property
    def key(self) -> str:
        """As in the name of a JUnit test case: module, class, function."""
        module = self.path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".")
        return ".".join(filter(None, (module, self.class_name, self.name)))

    @property
    def behaviour(self) -> str:
        words = self.name.removeprefix("test_").replace("_", " ")
        return words[:1].upper() + words[1:]


def collected() -> list[Proof]:
    """All tests that cite a rule, in the order of chapters and sections."""
    proofs = [proof for path in sorted(TESTS.rglob("test_*.py")) for proof in _proofs(path)]
    order = list(CHAPTERS)
    return sorted(proofs, key=lambda proof: (order.index(proof.chapter), proof.section, proof.path, proof.behaviour))


def _proofs(path: Path) -> Iterator[Proof]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            around = ast.get_docstring(node) or ""
            for function in node.body:
                yield from _proof(path, node.name, function, around)
        else:
            yield from _proof(path, "", node, "")


def _proof(path: Path, class_name: str, node: ast.stmt, around: str) -> Iterator[Proof]:
    """around: the class's docstring, whose rule is that of tests which cite none."""
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
        return
    own = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    inherited = " ".join(around.split("\n\n")[0].split())
    for text, source in ((own, own), (inherited, f"{own} ({inherited.rstrip('.')})" if own else inherited)):
        if (cited := _cited(text)) is not None:
            yield Proof(path, class_name, node.name, source, *cited)
            return


def _cited(text: str) -> tuple[str, tuple[int, ...]] | None:
    """The first chapter and section that a docstring cites; the standard only where it cites nothing else."""
    if found := CITATION.search(text):
        numbers = (int(found[2]), *map(int, re.findall(r"\d+", found[3])))
        return found[1].lower(), numbers
    if found := STANDARD.search(text):
        return "ps3", (int(found[2]),)
    return None


def results_of(junit: Path) -> dict[str, str]:
    """The result of each test function by `Proof.key`; of several cases the worst, and how many there were."""
    cases: dict[str, Counter[str]] = {}
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        key = f"{case.get('classname')}.{(case.get('name') or '').partition('[')[0]}"
        failed = case.find("failure") is not None or case.find("error") is not None
        result = FAILED if failed else SKIPPED if case.find("skipped") is not None else PASSED
        cases.setdefault(key, Counter())[result] += 1
    return {key: _summary(counted) for key, counted in cases.items()}


def _summary(counted: Counter[str]) -> str:
    total = counted.total()
    worst = next(result for result in (FAILED, PASSED, SKIPPED) if counted[result])
    if total == 1:
        return worst
    others = f", {counted[SKIPPED]} skipped" if worst != SKIPPED and counted[SKIPPED] else ""
    return f"{worst}, {counted[worst]} of {total} cases" if worst == FAILED else f"{worst}, {total} cases{others}"


def shown_results(page: str, proofs: Iterable[Proof]) -> dict[str, str]:
    """The results that a page shows, by `Proof.key`."""
    shown = {}
    by_place = {(_place(proof), proof.class_name, proof.behaviour): proof.key for proof in proofs}
    for line in page.splitlines():
        if row := ROW.match(line):
            behaviour = line.removeprefix("| ").partition(" | ")[0]
            key = by_place.get((row[1], row[2] or "", behaviour))
            if key is not None:
                shown[key] = row[3]
    return shown


def page_of(proofs: Iterable[Proof], results: Mapping[str, str]) -> str:
    """The page, from the results of test functions by `Proof.key`."""
    listed = list(proofs)
    lines = [
        "# Conformance",
        "",
        "What the tests show, rule by rule. Each row is one test function, its name in words; the source is what",
        "the test says of it. Chapters and sections (`store §4`) group the behaviours of the service; `PS3` is the",
        "DICOM standard.",
        "",
        "`make conformance` runs the tests and writes this page.",
        "",
        "| chapter | tests | passed | failed | skipped or not run |",
        "| --- | --- | --- | --- | --- |",
    ]
    chapters = [(chapter, list(found)) for chapter, found in groupby(listed, key=lambda proof: proof.chapter)]
    for chapter, found in chapters:
        title = CHAPTERS[chapter][0]
        counted = Counter(results.get(proof.key, NOT_RUN).partition(",")[0] for proof in found)
        numbers = (len(found), counted[PASSED], counted[FAILED], counted[SKIPPED] + counted[NOT_RUN])
        lines.append(f"| [{title}](#{_anchor(title)}) | {' | '.join(map(str, numbers))} |")
    for chapter, found in chapters:
        lines += ["", f"## {CHAPTERS[chapter][0]}"]
        for number, rows in groupby(found, key=lambda proof: proof.section[0]):
            lines += ["", f"### {_heading(chapter, number)}", "", "| behaviour | source | test | result |"]
            lines += ["| --- | --- | --- | --- |", *(_row(proof, results.get(proof.key, NOT_RUN)) for proof in rows)]
    return "\n".join(lines) + "\n"


def _heading(chapter: str, number: int) -> str:
    title = CHAPTERS[chapter][1].get(number, "")
    name = f"PS3.{number}" if chapter == "ps3" else f"{chapter} §{number}"
    return f"{name}: {title}" if title else name


def _row(proof: Proof, result: str) -> str:
    source = re.sub(r"([|\\<>])", r"\\\1", proof.source)
    link = f"[`{_place(proof)}`](../{proof.path.relative_to(PROJECT).as_posix()})"
    in_class = f" `{proof.class_name}`" if proof.class_name else ""
    return f"| {proof.behaviour} | {source} | {link}{in_class} | {result} |"


def _place(proof: Proof) -> str:
    return proof.path.relative_to(TESTS).as_posix()


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def main() -> int:
    parser = argparse.ArgumentParser(description="Write docs/conformance.md from a run of the tests.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--junit", type=Path, nargs="+", help="take the results of earlier runs with --junitxml")
    source.add_argument("--keep-results", action="store_true", help="update the list; new tests are marked as not run")
    arguments = parser.parse_args()
    proofs, status = collected(), 0
    if arguments.keep_results:
        results = shown_results(PAGE.read_text(), proofs)
    elif arguments.junit is not None:
        results = {key: result for junit in arguments.junit for key, result in results_of(junit).items()}
    else:
        results, status = _run()
    PAGE.write_text(page_of(proofs, results))
    return status


def _run() -> tuple[dict[str, str], int]:
    """The results of a run of all tests, those of `make interop` included, and its exit status."""
    environment = {**os.environ, "AZDICOM_TEST_CONTAINER": "1"}
    left_out = ("--deselect=tests/test_conformance.py", "--ignore=tests/test_container.py")
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder) / "results.xml"
        command = (sys.executable, "-m", "pytest", "-n", "2", "-q", *left_out, f"--junitxml={junit}")
        status = subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode
        return results_of(junit), status


if __name__ == "__main__":
    sys.exit(main())
