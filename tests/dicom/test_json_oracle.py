"""Metadata compared with pydicom's DICOM JSON, over all sample files that come with pydicom and pydicom-data."""

import json
import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, config, dcmread
from pydicom.tag import Tag

from azdicom_emulator.dicom.json_model import data_set_json
from azdicom_emulator.dicom.parse import NotDicomError, parse
from tests.dicom.samples import sample_files

# What neither reader can make sense of: the first element does not begin where the file does.
UNREADABLE = {"no_meta.dcm"}

# Both readers give what is there of a file that ends early, but not the same where it ends.
CUT_OFF = {"emri_small_jpeg_2k_lossless_too_short.dcm", "rtplan_truncated.dcm"}

BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}

Json = dict[str, Any]


def normal(data_set: Json) -> Json:
    """A data set's JSON without what either side writes in its own way."""
    return {
        tag: normal_attribute(attribute)
        for tag, attribute in data_set.items()
        if attribute["vr"] not in BINARY and not tag.endswith("0000")
    }


def normal_attribute(attribute: Json) -> Json:
    vr = attribute["vr"]
    values = [normal_value(vr, value) for value in attribute.get("Value", [])]
    return {"vr": vr, "Value": values} if values != [None] else {"vr": vr, "Value": []}


def normal_value(vr: str, value: Any) -> Any:
    """Numbers as numbers, FL as the 32-bit number that it is, names without blank groups, text without padding."""
    if value is None or value == "":
        return None
    if vr == "SQ":
        return normal(value)
    if vr == "FL":
        return struct.unpack("<f", struct.pack("<f", value))[0]
    if vr == "PN":
        return {group: name.rstrip() for group, name in value.items() if name.strip()} or None
    if vr in ("DS", "IS"):
        try:
            return float(value)
        except ValueError:
            return value.strip()
    return value.rstrip(" \0") or None if isinstance(value, str) else value


def read_by_pydicom(content: bytes) -> Dataset:
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        return dcmread(BytesIO(content), force=True)


def pydicom_json(data_set: Dataset, *tags: str) -> Json:
    """What pydicom makes of the attributes that it can make JSON of; of all, or of some."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        chosen = Dataset({Tag(tag): data_set.get_item(Tag(tag)) for tag in tags}) if tags else data_set
        attributes: Json = json.loads(chosen.to_json(bulk_data_threshold=10**9, suppress_invalid_tags=True))
    return attributes


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in sample_files()])
def test_metadata_says_what_pydicom_reads(path: Path) -> None:
    """PS3.18 Annex F: the same values, whoever reads the file."""
    content = path.read_bytes()
    if path.name in UNREADABLE:
        with pytest.raises(NotDicomError):
            parse(content)
        return
    file = parse(content)
    theirs = read_by_pydicom(content)

    ours = normal(json.loads(data_set_json(file.data_set)))
    expected = normal(pydicom_json(theirs))

    # pydicom knows the VRs of many private attributes that are UN to the service.
    unknown = {f"{attribute.tag:08X}" for attribute, _ in file.data_set if attribute.vr == "UN"}
    expected = {tag: value for tag, value in expected.items() if tag not in unknown}
    if path.name in CUT_OFF:
        assert expected.keys() <= ours.keys()
        return
    for tag in ours.keys() - expected.keys():
        assert not pydicom_json(read_by_pydicom(content), tag), tag
        del ours[tag]
    assert ours == expected
