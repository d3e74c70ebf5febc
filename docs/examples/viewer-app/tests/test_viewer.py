"""The application against the emulator, a cassette, and a service that is busy."""

import urllib.error

import pytest
from viewer import studies_of


def test_counts_the_images_of_a_study(dicom_clean):
    study = dicom_clean.synthetic(
        patient={"id": "P-1", "name": "Doe^Jane"}, series=[{"modality": "CT", "instances": 3}]
    )

    assert studies_of(dicom_clean.service_url, "P-1") == {study.study: 3}


def test_knows_no_patient_that_is_not_there(dicom_clean):
    assert studies_of(dicom_clean.service_url, "P-404") == {}


def test_passes_on_that_the_service_is_busy(dicom_clean, dicom_faults):
    dicom_faults.put({"route": "GET /studies", "do": {"status": 503, "retry_after": 2}})

    with pytest.raises(urllib.error.HTTPError) as error:
        studies_of(dicom_clean.service_url, "P-1")

    assert error.value.headers["Retry-After"] == "2"


def test_works_from_a_recording(dicom_cassette):
    assert studies_of(dicom_cassette.service_url, "P-2") == {}
