"""An upstream that is not this emulator: Orthanc, recorded with dicomweb-client and replayed when it is gone."""

import re
from pathlib import Path
from typing import Any

import pytest
from dicomweb_client import DICOMwebClient

from azdicom_proxy.cassette.reading import load
from azdicom_proxy.settings import Mode
from tests.interop.orthanc import missing, orthanc
from tests.proxy.conversations import only
from tests.proxy.proxies import proxying
from tests.support.instances import an_instance, another_in_series

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

ROOT = "1.2.826.0.1.3680043.8.498.816"
UIDS = (f"{ROOT}.1", f"{ROOT}.2", f"{ROOT}.3")


def conversation(client: DICOMwebClient) -> list[Any]:
    """Store, search, retrieve, metadata, frames: what both services offer."""
    study, series, instance = UIDS
    first = an_instance(
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        SOPInstanceUID=instance,
        PatientID="P-1",
        PatientName="Doe^Jane",
    )
    client.store_instances([first, another_in_series(first, SOPInstanceUID=f"{ROOT}.4")])
    return [
        client.search_for_studies(search_filters={"PatientID": "P-1"}),
        sorted(match["00080018"]["Value"][0] for match in client.search_for_instances(study)),
        client.retrieve_instance(*UIDS).PixelData,
        sorted(found.SOPInstanceUID for found in client.retrieve_series(study, series)),
        [len(client.retrieve_instance_metadata(*UIDS)) > 10],
        client.retrieve_instance_frames(*UIDS, [1], media_types=("application/octet-stream",)),
    ]


def test_orthanc_is_recorded_and_replayed_when_it_is_gone(tmp_path: Path) -> None:
    """Its service is below a path, its answers are its own: chunked, quoted boundaries, other headers."""
    cassette = tmp_path / "orthanc.yaml"
    with orthanc(tmp_path / "orthanc") as service, proxying(service, Mode.RECORD, cassette=cassette) as proxy:
        recorded = conversation(DICOMwebClient(url=proxy.url))
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        replayed = conversation(DICOMwebClient(url=proxy.url))

    assert _without_hosts(replayed) == _without_hosts(recorded)
    assert only(proxy.closed).missed == 0
    assert len(load(cassette).interactions) == 7
    assert "127.0.0.1" not in cassette.read_text()


def test_retrieve_urls_of_orthanc_lead_through_the_proxy(tmp_path: Path) -> None:
    """RetrieveURL names the proxy, without the path below which Orthanc's service is."""
    with orthanc(tmp_path / "orthanc") as service, proxying(service) as proxy:
        client = DICOMwebClient(url=proxy.url)
        conversation(client)
        (found,) = client.search_for_studies(search_filters={"PatientID": "P-1"})

    assert found["00081190"]["Value"] == [f"{proxy.url}/studies/{UIDS[0]}"]


def _without_hosts(results: list[Any]) -> str:
    return re.sub(r"http://127\.0\.0\.1:\d+(/dicom-web)?", "", repr(results))
