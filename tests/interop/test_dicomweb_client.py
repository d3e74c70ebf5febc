"""The Python package dicomweb-client, as its users call it."""

from io import BytesIO

import pytest
from dicomweb_client import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless
from requests import HTTPError

from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_series, part10, read

AS_STORED = (("application/dicom", "*"),)
NATIVE = (("application/dicom", ExplicitVRLittleEndian),)
STORED_FRAMES = (("application/octet-stream", "*"),)


@pytest.fixture
def client(shared_emulator: Emulator) -> DICOMwebClient:
    return DICOMwebClient(url=shared_emulator.service_url)


def uids(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def test_stores_instances_in_one_request(client: DICOMwebClient) -> None:
    """PS3.18 §10.5. The client reads the outcome only from a Content-Type without charset, which the service sends."""
    first = an_instance()
    second = another_in_series(first)

    client.store_instances([first, second])

    found = client.search_for_instances(first.StudyInstanceUID)
    assert {match["00080018"]["Value"][0] for match in found} == {first.SOPInstanceUID, second.SOPInstanceUID}


def test_refused_instance_is_an_error_for_the_client(client: DICOMwebClient) -> None:
    """Conformance statement v2, Store: 409 when nothing was stored."""
    dataset = an_instance()
    client.store_instances([dataset])

    with pytest.raises(HTTPError, match="409"):
        client.store_instances([dataset])


def test_searches_studies_series_and_instances(client: DICOMwebClient) -> None:
    """PS3.18 §10.6: search with filters and paging, and no matches for an answer of 204."""
    dataset = an_instance(PatientName="Müller^Änne", StudyDate="20230203")
    client.store_instances([dataset, another_in_series(dataset)])
    study, series, _ = uids(dataset)

    (found,) = client.search_for_studies(
        search_filters={"PatientName": "muller^anne", "StudyDate": "20230201-20230228"}, fields=["StudyInstanceUID"]
    )
    assert found["0020000D"]["Value"] == [study]
    (found,) = client.search_for_series(study, search_filters={"Modality": "CT"})
    assert found["0020000E"]["Value"] == [series]
    assert len(client.search_for_instances(study, series)) == 2
    assert len(client.search_for_instances(study, series, limit=1, offset=1)) == 1
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []


def test_retrieves_an_instance_as_stored_and_transcoded(client: DICOMwebClient) -> None:
    """PS3.18 §10.4; retrieve §4.4."""
    dataset = an_instance(transfer_syntax=JPEG2000Lossless)
    client.store_instances([dataset])

    stored = client.retrieve_instance(*uids(dataset), media_types=AS_STORED)
    native = client.retrieve_instance(*uids(dataset), media_types=NATIVE)

    assert stored == read(part10(dataset))
    assert native.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (native.pixel_array == dataset.pixel_array).all()


def test_retrieves_a_series_and_a_study_at_once_and_as_a_stream(client: DICOMwebClient) -> None:
    """PS3.18 §10.4: several instances come in their stored transfer syntax."""
    first = an_instance()
    series = [first, *(another_in_series(first, InstanceNumber=number) for number in range(2, 6))]
    client.store_instances(series)
    study, series_uid, _ = uids(first)

    for retrieved in (
        client.retrieve_series(study, series_uid, media_types=AS_STORED),
        client.retrieve_study(study, media_types=AS_STORED),
        list(client.iter_series(study, series_uid, media_types=AS_STORED)),
    ):
        assert [dataset.SOPInstanceUID for dataset in retrieved] == [dataset.SOPInstanceUID for dataset in series]


def test_retrieves_frames(client: DICOMwebClient) -> None:
    """PS3.18 §10.4, frames: in the order of the request."""
    dataset = an_instance(frames=4)
    client.store_instances([dataset])
    size = dataset.Rows * dataset.Columns * 2

    for media_types in (STORED_FRAMES, ("application/octet-stream",)):
        third, first = client.retrieve_instance_frames(*uids(dataset), [3, 1], media_types=media_types)
        assert third == dataset.PixelData[2 * size : 3 * size]
        assert first == dataset.PixelData[:size]
    assert len(list(client.iter_instance_frames(*uids(dataset), [1, 2], media_types=STORED_FRAMES))) == 2


def test_retrieves_metadata_of_study_series_and_instance(client: DICOMwebClient) -> None:
    """PS3.18 §10.4, metadata: DICOM JSON that the client and pydicom read."""
    first = an_instance()
    client.store_instances([first, another_in_series(first)])
    study, series, _ = uids(first)

    assert len(client.retrieve_study_metadata(study)) == 2
    assert len(client.retrieve_series_metadata(study, series)) == 2
    (metadata,) = [client.retrieve_instance_metadata(*uids(first))]
    described = Dataset.from_json(metadata)
    assert described.PatientName == first.PatientName
    assert "PixelData" not in described


def test_retrieves_a_rendered_frame(client: DICOMwebClient) -> None:
    """PS3.18 §10.4, rendered resources."""
    dataset = an_instance(frames=2, rows=48, columns=64)
    client.store_instances([dataset])

    png = client.retrieve_instance_frames_rendered(*uids(dataset), [2], media_types=("image/png",))

    assert Image.open(BytesIO(png)).size == (64, 48)


def test_retrieves_rendered_instances_and_frames_in_each_format(client: DICOMwebClient) -> None:
    """PS3.18 §10.4, rendered resources; retrieve §10: JPEG and PNG, a quality."""
    dataset = an_instance(frames=2, rows=48, columns=64)
    client.store_instances([dataset])

    png = client.retrieve_instance_rendered(*uids(dataset), media_types=("image/png",))
    jpeg = client.retrieve_instance_rendered(*uids(dataset), media_types=("image/jpeg",), params={"quality": 50})
    frame = client.retrieve_instance_frames_rendered(*uids(dataset), [1], media_types=("image/jpeg",))

    assert [Image.open(BytesIO(picture)).format for picture in (png, jpeg, frame)] == ["PNG", "JPEG", "JPEG"]


def test_retrieves_a_study_of_one_instance_transcoded(client: DICOMwebClient) -> None:
    """Retrieve §4.4: several instances are not transcoded, which is an error for the client."""
    dataset = an_instance(transfer_syntax=JPEG2000Lossless)
    client.store_instances([dataset])
    study, series, _ = uids(dataset)

    for retrieved in (
        client.retrieve_study(study, media_types=NATIVE),
        client.retrieve_series(study, series, media_types=NATIVE),
    ):
        assert [found.file_meta.TransferSyntaxUID for found in retrieved] == [ExplicitVRLittleEndian]
    client.store_instances([another_in_series(dataset)])
    with pytest.raises(HTTPError, match="406"):
        client.retrieve_study(study, media_types=NATIVE)


def test_retrieves_frames_as_jpeg_2000(client: DICOMwebClient) -> None:
    """PS3.18 §10.4, frames; retrieve §4.4: `image/jp2`."""
    dataset = an_instance(frames=2, transfer_syntax=JPEG2000Lossless)
    client.store_instances([dataset])

    frames = client.retrieve_instance_frames(*uids(dataset), [2, 1], media_types=(("image/jp2", JPEG2000Lossless),))

    assert [frame[:4] for frame in frames] == [b"\xff\x4f\xff\x51"] * 2


def test_retrieves_bulk_data(client: DICOMwebClient, shared_emulator: Emulator) -> None:
    """Seed-features §8, extension `retrieve.bulkdata`."""
    dataset = an_instance()
    client.store_instances([dataset])
    study, series, instance = uids(dataset)
    url = f"{shared_emulator.service_url}/studies/{study}/series/{series}/instances/{instance}/bulkdata/7FE00010"

    assert client.retrieve_bulkdata(url) == [dataset.PixelData]


def test_deletes_an_instance_a_series_and_a_study(client: DICOMwebClient) -> None:
    """Conformance statement v2, Delete."""
    first = an_instance()
    client.store_instances([first, another_in_series(first), another_in_series(first)])
    study, series, _ = uids(first)

    client.delete_instance(*uids(first))
    assert len(client.search_for_instances(study)) == 2
    client.delete_series(study, series)
    assert client.search_for_series(study) == []
