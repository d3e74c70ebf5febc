"""A result for reports to show: two real servers asked alike, one of which changes some of its answers.

    python -m tests.parity.sample_result FOLDER

writes the reports there, and docs/parity-report.png where Chromium is installed.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file

from azdicom_proxy.cassette.model import RecordedRequest
from azdicom_proxy.parity.model import Compared, Verdict
from azdicom_proxy.parity.report_options import ReportOptions
from azdicom_proxy.parity.reports import write
from azdicom_proxy.parity.results import Results, RunInfo
from azdicom_proxy.parity.rules import Rules
from tests.parity.cases import darker, discard, first, put
from tests.parity.mutating import (
    Mutation,
    both,
    edit_file,
    edit_image,
    edit_json,
    set_body,
    set_header,
    unchanged,
    with_status,
)
from tests.parity.twins import FILE, Asked, Twins, a_store, answered, reads, twins
from tests.support.client import DICOM_JSON
from tests.support.instances import instance_path

PICTURE = Path(__file__).parents[2] / "docs" / "parity-report.png"
WIDTH, HEIGHT, MAX_BYTES = 1240, 2760, 300_000


RUN = RunInfo(
    upstream="https://workspace-dicom.dicom.azurehealthcareapis.com", local="azdicom emulator", source="tour.yaml"
)


def sample(pair: Twins) -> list[Compared]:
    """Of every read, of two writes, and of answers with one thing changed."""
    ct = dcmread(get_testdata_file("CT_small.dcm"))  # type: ignore[arg-type]
    for server in (pair.upstream, pair.local):
        server.store(ct)
    asked = {**reads(), "store": a_store(), "store-twice": a_store(twice=True), **_of_the_image(instance_path(ct))}
    changes = _changes()
    outcomes: list[Compared] = []
    for name, each in asked.items():
        for mutation in (unchanged, *changes.get(name, ())):
            compared = pair.ask(each, mutation)
            named = replace(
                compared.pair,
                id=f"{name}-{len(outcomes) + 1:04}",
                upstream_ms=_duration_ms(pair.front.url, compared.pair.request),
                local_ms=_duration_ms(pair.local.base_url, replace(compared.pair.request, uri=compared.pair.local_uri)),
            )
            outcomes.append(replace(compared, pair=named))
    unseeded = pair.ask(asked["no-study"])
    return [*outcomes, replace(unseeded, verdict=Verdict.UNSEEDED, reason="never passed by: study 1.2.3")]


def _duration_ms(base: str, request: RecordedRequest) -> float | None:
    """How long one more answer to a read takes."""
    if request.method != "GET":
        return None
    started = time.perf_counter()
    answered(base, request)
    return (time.perf_counter() - started) * 1000


def result_of(outcomes: Iterable[Compared], *, run: RunInfo = RUN, rules: Rules | None = None) -> dict[str, Any]:
    """The result of a run with these outcomes."""
    results = Results(run, rules=rules)
    for each in outcomes:
        results.add(each)
    return results.as_json()


def _of_the_image(path: str) -> dict[str, Asked]:
    return {
        "ct-rendered": Asked("GET", f"{path}/rendered", {"Accept": "image/png"}),
        "ct-file": Asked("GET", path, {"Accept": FILE}),
        "ct-metadata": Asked("GET", f"{path}/metadata", {"Accept": DICOM_JSON}),
    }


def _changes() -> dict[str, tuple[Mutation, ...]]:
    return {
        "ct-rendered": (edit_image(darker, "PNG"),),
        "ct-metadata": (
            both(
                put("00080060", "Value", value=["MR"]),
                put("00100010", "Value", value=[{"Alphabetic": "Confidential^Person"}]),
                first(lambda item: discard(item.pop("00180050"))),
            ),
        ),
        "ct-file": (edit_file(lambda data_set: setattr(data_set, "SeriesDescription", "another series")),),
        "studies": (edit_json(lambda found: found[1:]),),
        "bad-query": (set_body(b"The limit has to be a number between 1 and 200."),),
        "no-workitem": (with_status(410),),
        "workitem": (set_header("Warning", '299 azdicom: "The workitem is old."'),),
    }


def _picture(page: Path, opened: list[str], target: Path) -> None:
    """opened: fingerprints of findings that are shown from near."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("no Chromium: no picture")
    address = f"{page.resolve().as_uri()}#{','.join(opened)}"
    with tempfile.TemporaryDirectory() as profile:
        taken = Path(profile) / "page.png"
        flags = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
            f" --disable-component-update --disable-sync --hide-scrollbars --window-size={WIDTH},{HEIGHT}"
        )
        subprocess.run(
            [chromium, *flags.split(), f"--user-data-dir={profile}", f"--screenshot={taken}", address],
            check=True,
            capture_output=True,
            timeout=120,
        )
        Image.open(taken).convert("RGB").quantize(256).save(target, "PNG", optimize=True)
    assert target.stat().st_size < MAX_BYTES, target.stat().st_size


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as data_folder, twins(Path(data_folder)) as pair:
        result = result_of(sample(pair))
    page = folder / "parity.html"
    write(
        result,
        ReportOptions(
            json=folder / "parity.json", junit=folder / "parity.xml", html=page, md=folder / "parity.md", full=False
        ),
    )
    shown = ("image", "dicom:[*].00080060")
    opened = [row["fingerprint"] for row in result["fingerprints"] if row["at"] in shown]
    _picture(page, opened, PICTURE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
