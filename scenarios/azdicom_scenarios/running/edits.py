"""DICOM files changed on the way: attributes set, removed, or written as they are, valid or not."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from azdicom_scenarios.running.data_sets import BadTagPathError, segments_of
from azdicom_scenarios.variables import as_text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

INTEGER_VRS = frozenset(("US", "SS", "UL", "SL", "UV", "SV"))
FLOAT_VRS = frozenset(("FL", "FD"))
BYTES_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
NULL_PADDED_VRS = frozenset(("UI", *BYTES_VRS))
SOP_INSTANCE = 0x00080018
MEDIA_STORAGE_SOP_INSTANCE = 0x00020003

Values = Any
"""A text, several, or items of a sequence by tag, with their variables filled in."""


class EditError(ValueError):
    """A change that cannot be made; the text says which and why."""


def edited(
    content: bytes,
    *,
    replaced: Mapping[str, Values],
    removed: Sequence[str],
    raw: Mapping[str, Values],
) -> bytes:
    """The file with the changes, by tag path; what is not changed keeps its bytes. Raises EditError."""
    if not (replaced or removed or raw):
        return content
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        file = dcmread(BytesIO(content), force=True)
        for path in removed:
            _remove(file, path)
        for path, value in replaced.items():
            _set(file, path, value)
        for path, value in raw.items():
            _set_raw(file, path, value)
        return _written(file)
    except (BadTagPathError, InvalidDicomError) as error:
        raise EditError(str(error)) from None


def _written(file: "FileDataset") -> bytes:
    from pydicom.config import disable_value_validation

    buffer = BytesIO()
    with disable_value_validation():
        file.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


def _remove(file: "FileDataset", path: str) -> None:
    place, tag = _place(file, path, makes=False)
    if place is not None and tag in place:
        del place[tag]


def _set(file: "FileDataset", path: str, value: Values) -> None:
    from pydicom.config import IGNORE
    from pydicom.dataelem import DataElement
    from pydicom.uid import UID

    place, tag = _place(file, path, makes=True)
    assert place is not None
    vr = _vr(place, tag)
    try:
        place[tag] = DataElement(tag, vr, _typed(vr, value), validation_mode=IGNORE)
    except (ValueError, TypeError) as error:
        raise EditError(f"{path}: {error}; `raw` writes values that are not valid for VR {vr}") from None
    if tag == SOP_INSTANCE and place is file and MEDIA_STORAGE_SOP_INSTANCE in file.file_meta:
        file.file_meta.MediaStorageSOPInstanceUID = UID(as_text(value))


def _set_raw(file: "FileDataset", path: str, value: Values) -> None:
    """As bytes of the text in UTF-8, of even length."""
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    place, tag = _place(file, path, makes=True)
    assert place is not None
    vr = _vr(place, tag)
    content = "\\".join(as_text(each) for each in value).encode() if isinstance(value, list) else _bytes(value)
    if len(content) % 2:
        content += b"\0" if vr in NULL_PADDED_VRS else b" "
    is_implicit, is_little = file.original_encoding
    place[tag] = RawDataElement(Tag(tag), vr, len(content), content, 0, bool(is_implicit), bool(is_little))


def _bytes(value: Values) -> bytes:
    return value if isinstance(value, bytes) else as_text(value).encode()


def _place(file: "FileDataset", path: str, *, makes: bool) -> "tuple[Dataset | None, int]":
    """The data set that holds the attribute, and its tag. makes: items on the way that are not there are made."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    *outer, (last, _) = segments_of(path)
    place: Dataset = file.file_meta if not outer and last.startswith("0002") else file
    for key, index in outer:
        tag, at = int(key, 16), index or 0
        if tag not in place:
            if not makes:
                return None, 0
            place.add_new(tag, "SQ", Items())
        items = place[tag].value
        while makes and len(items) <= at:
            items.append(Dataset())
        if len(items) <= at:
            return None, 0
        place = items[at]
    return place, int(last, 16)


def _vr(place: "Dataset", tag: int) -> str:
    from pydicom.datadict import dictionary_VR

    if tag in place:
        written = place.get_item(tag).VR
        if written:
            return str(written)
    try:
        return dictionary_VR(tag).partition(" or ")[0]
    except KeyError:
        return "LO" if tag >> 16 & 1 and tag & 0xFF00 == 0 else "UN"


def _typed(vr: str, value: Values) -> Any:
    """As pydicom takes it for the VR. Raises ValueError."""
    if vr == "SQ":
        return _items(value)
    if vr in BYTES_VRS:
        return _bytes(value)
    convert = int if vr in INTEGER_VRS else float if vr in FLOAT_VRS else None
    values = [as_text(each) for each in value] if isinstance(value, list) else as_text(value).split("\\")
    if vr == "AT":
        return [int(each, 16) for each in values]
    if convert is not None:
        return [convert(each) for each in values if each]
    return values if len(values) > 1 else values[0] if values else ""


def _items(value: Values) -> "list[Dataset]":
    from pydicom.config import IGNORE
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

    items = []
    for written in value if isinstance(value, list) else [value] if value else []:
        if not isinstance(written, Mapping):
            raise ValueError("a sequence has items, each with attributes by their tags")
        item = Dataset()
        for name, each in written.items():
            ((key, _),) = segments_of(name)
            tag = int(key, 16)
            vr = _vr(item, tag)
            item[tag] = DataElement(tag, vr, _typed(vr, each), validation_mode=IGNORE)
        items.append(item)
    return items
