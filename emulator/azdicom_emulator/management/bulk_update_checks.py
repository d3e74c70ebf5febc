"""Which elements a bulk update may change, and what is said of the others (async §2.2, §2.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from azdicom_emulator.dicom import elements
from azdicom_emulator.dicom.json_data_set import DataSet, Element, element, value_text
from azdicom_emulator.dicom.text import SPECIFIC_CHARACTER_SET
from azdicom_emulator.dicom.validate_full import failures

NOT_SUPPORTED = "Updating the tag is not supported"
OTHER_VR = "The VR is {vr}, and that of {keyword} is {expected}"
"""Own design: the service takes any VR that its JSON reader knows."""
FAILED_ATTRIBUTES, ERROR_COMMENT = "00741048", "00000902"
UTF_8 = b"ISO_IR 192"


class Updatable(NamedTuple):
    """An attribute that a bulk update may change, with the VR of the dictionary."""

    keyword: str
    vr: str


UPDATABLE: Mapping[int, Updatable] = {
    0x00080050: Updatable("AccessionNumber", "SH"),
    0x00080090: Updatable("ReferringPhysicianName", "PN"),
    0x00081030: Updatable("StudyDescription", "LO"),
    0x00100010: Updatable("PatientName", "PN"),
    0x00100020: Updatable("PatientID", "LO"),
    0x00100021: Updatable("IssuerOfPatientID", "LO"),
    0x00100022: Updatable("TypeOfPatientID", "CS"),
    0x00100030: Updatable("PatientBirthDate", "DA"),
    0x00100032: Updatable("PatientBirthTime", "TM"),
    0x00100040: Updatable("PatientSex", "CS"),
    0x00100200: Updatable("QualityControlSubject", "CS"),
    0x00101000: Updatable("OtherPatientIDs", "LO"),
    0x00101001: Updatable("OtherPatientNames", "PN"),
    0x00101005: Updatable("PatientBirthName", "PN"),
    0x00101010: Updatable("PatientAge", "AS"),
    0x00101020: Updatable("PatientSize", "DS"),
    0x00101030: Updatable("PatientWeight", "DS"),
    0x00101040: Updatable("PatientAddress", "LO"),
    0x00101060: Updatable("PatientMotherBirthName", "PN"),
    0x00101080: Updatable("MilitaryRank", "LO"),
    0x00101081: Updatable("BranchOfService", "LO"),
    0x00101090: Updatable("MedicalRecordLocator", "LO"),
    0x00102150: Updatable("CountryOfResidence", "LO"),
    0x00102152: Updatable("RegionOfResidence", "LO"),
    0x00102154: Updatable("PatientTelephoneNumbers", "SH"),
    0x00102160: Updatable("EthnicGroup", "SH"),
    0x00102180: Updatable("Occupation", "SH"),
    0x001021F0: Updatable("PatientReligiousPreference", "LO"),
    0x00102201: Updatable("PatientSpeciesDescription", "LO"),
    0x00102292: Updatable("PatientBreedDescription", "LO"),
    0x00102295: Updatable("BreedRegistrationNumber", "LO"),
    0x00102297: Updatable("ResponsiblePerson", "PN"),
    0x00102298: Updatable("ResponsiblePersonRole", "CS"),
    0x00102299: Updatable("ResponsibleOrganization", "LO"),
    0x00104000: Updatable("PatientComments", "LT"),
    0x00403001: Updatable("ConfidentialityConstraintOnPatientDataDescription", "LO"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """An element of a change that is refused, and why."""

    tag: int
    reason: str

    @property
    def message(self) -> str:
        """As in the answers to a store."""
        return f"DICOM100: ({self.tag >> 16:04x},{self.tag & 0xFFFF:04x}) - {self.reason}"


def refused_elements(changes: DataSet) -> list[Refused]:
    """In tag order, one an element; none when all may be changed, and as they are given."""
    refused: list[Refused] = []
    readable: dict[str, Element] = {}
    for path, given in sorted(changes.items()):
        tag = int(path, 16)
        updatable = UPDATABLE.get(tag)
        if updatable is None:
            refused.append(Refused(tag, NOT_SUPPORTED))
        elif given["vr"] != updatable.vr:
            refused.append(
                Refused(tag, OTHER_VR.format(vr=given["vr"], keyword=updatable.keyword, expected=updatable.vr))
            )
        else:
            readable[path] = given
    return sorted(refused + _invalid(readable), key=lambda each: each.tag)


def scanned(changes: DataSet) -> elements.DataSet:
    """The elements as a scan of a file in UTF-8 would give them. All may be changed."""
    tags = {int(path, 16): given for path, given in changes.items()}
    return [
        (elements.attribute_of(SPECIFIC_CHARACTER_SET, "CS"), UTF_8),
        *((elements.attribute_of(tag, given["vr"]), value_text(given).encode()) for tag, given in tags.items()),
    ]


def _invalid(changes: DataSet) -> list[Refused]:
    """Elements whose values do not pass the checks that a store warns about, with their texts."""
    return [Refused(attribute.tag, reason) for attribute, reason, _ in failures(scanned(changes))]


def failed_attributes(refused: list[Refused]) -> DataSet:
    """The data set of the answer: FailedAttributesSequence (0074,1048), an item an element (async §2.2)."""
    items = ({ERROR_COMMENT: element("LO", each.message)} for each in refused)
    return {FAILED_ATTRIBUTES: element("SQ", *items)}
