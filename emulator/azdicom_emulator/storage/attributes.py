"""From the attributes of one instance to those of its study and its series."""

from azdicom_emulator.dicom.indexed import IndexedAttributes
from azdicom_emulator.storage.records import SeriesAttributes, StudyAttributes


def study_attributes(found: IndexedAttributes) -> StudyAttributes:
    return StudyAttributes(
        patient_id=found.patient_id,
        patient_name=found.patient_name,
        patient_birth_date=found.patient_birth_date,
        accession_number=found.accession_number,
        referring_physician_name=found.referring_physician_name,
        study_date=found.study_date,
        study_description=found.study_description,
    )


def series_attributes(found: IndexedAttributes) -> SeriesAttributes:
    return SeriesAttributes(
        modality=found.modality,
        performed_procedure_step_start_date=found.performed_procedure_step_start_date,
        manufacturer_model_name=found.manufacturer_model_name,
    )
