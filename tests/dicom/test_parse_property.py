"""Whatever pydicom writes, in any syntax, is read back."""

import json
import string
from io import BytesIO
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from azdicom_emulator.dicom.json_model import data_set_json
from azdicom_emulator.dicom.parse import parse

text = st.text(string.ascii_letters + string.digits + " äöüß山田ЖΩ", min_size=1, max_size=16).map(str.strip)
code = st.text(string.ascii_uppercase + string.digits + "_", min_size=1, max_size=16)
uid = st.lists(st.integers(1, 10**6), min_size=1, max_size=8).map(lambda numbers: ".".join(map(str, numbers)))

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "AccessionNumber": text,
    "ImageType": st.lists(code, min_size=2, max_size=5),
    "StudyDate": st.dates().map(lambda date: f"{date:%Y%m%d}".rjust(8, "0")),
    "StudyTime": st.times().map(lambda time: f"{time:%H%M%S}"),
    "PatientName": text,
    "StudyInstanceUID": uid,
    "PatientComments": st.text("ab\\\r\n山", max_size=300).map(lambda value: value.rstrip()),
    "Rows": st.integers(0, 2**16 - 1),
    "FrameIncrementPointer": st.integers(0x00080000, 0x7FE00010),
    "RecommendedDisplayFrameRate": st.integers(-(2**31), 2**31 - 1),
    "PixelSpacing": st.lists(st.decimals(-1000, 1000, places=3), min_size=2, max_size=2),
    "ReferencePixelX0": st.integers(-(2**31), 2**31 - 1),
    "TagThickness": st.floats(allow_nan=False, allow_infinity=False),
    "RealWorldValueSlope": st.floats(allow_nan=False, allow_infinity=False),
}
level = st.fixed_dictionaries({}, optional=VALUES)
tree = st.recursive(level, lambda inner: st.tuples(level, st.lists(inner, max_size=3)), max_leaves=8)


def data_set_of(content: Any) -> Dataset:
    """Attributes, and items of a sequence."""
    attributes, items = content if isinstance(content, tuple) else (content, [])
    data_set = Dataset()
    for keyword, value in attributes.items():
        setattr(data_set, keyword, value)
    if items:
        data_set.ReferencedStudySequence = Sequence([data_set_of(inner) for inner in items])
    return data_set


def normal(attributes: dict[str, Any]) -> dict[str, Any]:
    """DICOM JSON to compare: strings of numbers as numbers, all ways of writing an empty value alike."""
    result = {}
    for tag, attribute in attributes.items():
        values = attribute.get("Value", [])
        if attribute["vr"] == "SQ":
            values = [normal(value) for value in values]
        elif attribute["vr"] in ("DS", "IS"):
            values = [float(value) for value in values]
        result[tag] = (attribute["vr"], [] if values in ([None], [""]) else values)
    return result


@settings(max_examples=150, deadline=None)
@given(
    content=tree,
    syntax=st.sampled_from(
        (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
    ),
    has_lengths=st.booleans(),
)
def test_what_is_written_is_read(content: Any, syntax: UID, has_lengths: bool) -> None:
    """PS3.5 §7, §A; PS3.18 Annex F."""
    data_set = data_set_of(content)
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = syntax
    data_set.file_meta.MediaStorageSOPClassUID = data_set.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    for element in data_set:
        if element.VR == "SQ":
            element.is_undefined_length = not has_lengths
            for inner in element.value:
                inner.is_undefined_length_sequence_item = not has_lengths
    buffer = BytesIO()
    data_set.save_as(buffer, enforce_file_format=True)

    read = parse(buffer.getvalue())

    assert read.transfer_syntax_uid == syntax
    assert normal(json.loads(data_set_json(read.data_set))) == normal(data_set.to_json_dict())
