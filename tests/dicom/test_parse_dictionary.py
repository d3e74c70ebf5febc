"""The dictionary: what pydicom knows, and quickly that it does not know."""

import pytest
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import get_entry

from azdicom_emulator.dicom.dictionary import UNBOUNDED, entry_of, keyword_of


def test_all_public_attributes_are_known() -> None:
    """PS3.6, repeating attributes included."""
    repeating = [int(mask.replace("x", "0"), 16) for mask in RepeatersDictionary]
    for tag in [*DicomDictionary, *repeating]:
        entry = entry_of(tag)
        assert entry is not None
        assert (entry.vr, entry.name, entry.keyword) == (get_entry(tag)[0], get_entry(tag)[2], get_entry(tag)[4])


@pytest.mark.parametrize("tag", [0x00091001, 0x60010010, 0x00281299, 0x01100001, 0x00080000])
def test_private_and_unknown_attributes_are_not(tag: int) -> None:
    """Group 6001 is private, whatever repeating groups there are around it (PS3.5 §7.6)."""
    assert entry_of(tag) is None
    assert keyword_of(tag) == f"{tag:08X}"


@pytest.mark.parametrize(
    ("tag", "multiplicity", "fewest", "most"),
    [
        (0x00280010, "1", 1, 1),
        (0x00280030, "2", 2, 2),
        (0x00080008, "2-n", 2, UNBOUNDED),
        (0x00281101, "3", 3, 3),
        (0x00181600, "1-3", 1, 3),
        (0x30060050, "3-3n", 3, UNBOUNDED),
        (0x00100010, "1-3", 1, 3),
    ],
)
def test_multiplicity_has_bounds(tag: int, multiplicity: str, fewest: int, most: int) -> None:
    """PS3.5 §6.4; the step of `3-3n` is not checked (store §8.2)."""
    entry = entry_of(tag)

    assert entry is not None
    assert (entry.multiplicity, entry.minimum_values, entry.maximum_values) == (multiplicity, fewest, most)
