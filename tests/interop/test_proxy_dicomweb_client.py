"""dicomweb-client recorded against a service, and replayed when the service is gone."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from dicomweb_client import DICOMwebClient
from PIL import Image
from pydicom.uid import JPEG2000Lossless

from azdicom_emulator.settings import Settings
from azdicom_proxy.settings import Mode
from tests.proxy.proxies import proxying
from tests.support.instances import an_instance, another_in_series
from tests.support.server import running

AS_STORED = (("application/dicom", "*"),)
STORED_FRAMES = (("application/octet-stream", "*"),)
ROOT = "1.2.826.0.1.3680043.8.498.815"
UIDS = (f"{ROOT}.1", f"{ROOT}.2", f"{ROOT}.3")


def conversation(client: DICOMwebClient) -> list[Any]:
    """What users of the package do, with the results in a form that can be compared."""
    study, series, instance = UIDS
    first = an_instance(
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        SOPInstanceUID=instance,
        PatientID="P-1",
        PatientName="Müller^Änne",
        frames=3,
        transfer_syntax=JPEG2000Lossless,
    )
    second = another_in_series(first, SOPInstanceUID=f"{ROOT}.4", InstanceNumber=2)
    client.store_instances([first, second])
    return [
        client.search_for_studies(search_filters={"PatientName": "muller"}, fuzzymatching=True),
        client.search_for_series(study, search_filters={"Modality": "CT"}),
        client.search_for_instances(study, series, limit=1, offset=1),
        client.retrieve_instance(*UIDS, media_types=AS_STORED).to_json(),
        [found.SOPInstanceUID for found in client.retrieve_study(study, media_types=AS_STORED)],
        client.retrieve_instance_frames(*UIDS, [3, 1], media_types=STORED_FRAMES),
        client.retrieve_series_metadata(study, series),
        Image.open(BytesIO(client.retrieve_instance_frames_rendered(*UIDS, [2], media_types=("image/png",)))).size,
        client.delete_study(study),
        client.search_for_studies(search_filters={"PatientID": "P-1"}),
    ]


@pytest.mark.parametrize("prefix", ["", "/_r/viewer"], ids=["default recording", "recording named in the path"])
def test_conversation_is_recorded_and_replayed_with_the_service_gone(prefix: str, tmp_path: Path) -> None:
    """Every result is the same, nothing is missed, nothing is left."""
    name = prefix.rpartition("/")[2] or "default"
    cassette = tmp_path / f"{name}.yaml"
    with (
        running(Settings(data_dir=tmp_path / "data")) as service,
        proxying(service.base_url, Mode.RECORD, cassette_dir=tmp_path) as proxy,
    ):
        recorded = conversation(DICOMwebClient(url=f"{proxy.url}{prefix}/v2"))

    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        replayed = conversation(DICOMwebClient(url=f"{proxy.url}{prefix}/v2"))

    assert _without_hosts(replayed) == _without_hosts(recorded)
    recording = next(recording for recording in proxy.closed if recording.name == name)
    assert recording.missed == 0
    assert recording.player is not None
    assert recording.player.unplayed() == []


def _without_hosts(results: list[Any]) -> str:
    """As text, with the ports of the two proxies left out."""
    return re.sub(r"http://127\.0\.0\.1:\d+", "", repr(results))
