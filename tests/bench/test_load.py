"""The benchmark measures what it says: its instances are valid and different, its client counts right answers."""

from collections.abc import Callable

import pytest

from tests.bench.corpus import Template, ct, header_only, multi_frame, small_ct
from tests.bench.load import Job, run
from tests.bench.workloads import FIRST_FREE_NUMBER, searches, stores_of
from tests.support.client import Emulator
from tests.support.instances import read


@pytest.mark.parametrize("make", [small_ct, ct, multi_frame, header_only], ids=lambda make: make.__name__)
def test_copies_of_a_template_are_whole_files_with_identifiers_of_their_own(make: Callable[[], Template]) -> None:
    """Own design: fields of a fixed width are patched, the rest is shared."""
    first, second = (
        read(b"".join(make().copy(study=number, series=number, instance=number))) for number in (1, 9_999_999)
    )

    assert first.StudyInstanceUID != second.StudyInstanceUID
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID != second.SOPInstanceUID
    assert first.PatientID != second.PatientID
    assert first.get("PixelData") == second.get("PixelData")


def test_load_client_counts_what_the_server_stored(emulator: Emulator) -> None:
    """Own design: instances are counted when their answer is 200."""
    measured = run(Job(emulator.service_url, stores_of(small_ct, per_request=3), 2, 0.3, FIRST_FREE_NUMBER))

    latest = emulator.get("/changefeed/latest", accept="application/json").json()
    assert measured.wrong == {}
    assert measured.instances == 3 * len(measured.latencies_s) == latest["sequence"]


def test_load_client_reports_wrong_answers(emulator: Emulator) -> None:
    """Own design: a rate of errors is no rate."""
    measured = run(Job(emulator.service_url, searches(lambda study: "StudyDate=nonsense"), 1, 0.05))

    assert sum(measured.wrong.values()) == len(measured.latencies_s)
    assert all(text.startswith("400 ") for text in measured.wrong)
