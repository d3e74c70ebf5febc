"""Which attributes can be extended query tags: the checks of each entry, in the service's order (azure-apis §1.3)."""

from collections.abc import Sequence
from typing import NoReturn

from azdicom_emulator.dicom.content_rules import has_backslash_or_control_except_esc, length_of
from azdicom_emulator.dicom.dictionary import entry_of, is_private, keyword_of
from azdicom_emulator.dicom.elements import VRS
from azdicom_emulator.dicom.tag_paths import SequencePathError, parse_tag_path
from azdicom_emulator.management.query_tag_body import TagEntry
from azdicom_emulator.storage.query_tags import CORE_TAGS, QueryTag
from azdicom_emulator.web.errors import BadRequestError

NOT_A_TAG = "The extended query tag '{path}' is invalid as it cannot be parsed into a valid Dicom Tag."
BUILT_IN = "The query tag '{path}' is already supported."
CREATOR_OF_STANDARD_TAG = "The private creator is not empty for standard tag '{path}'."
CREATOR_OF_CREATOR = "The private creator is not empty for private identification code '{path}'."
NO_CREATOR = "The private creator for private tag '{path}' is missing."
CREATOR_NOT_LO = "The private creator for tag '{path}' is not a valid LO attribute."
UNKNOWN_VR = "The VR code '{vr}' for tag '{path}' is invalid."
OTHER_VR = (
    "The VR code '{vr}' is incorrectly specified for '{path}'. The expected VR code for it is '{expected}'. "
    "Retry this request either with the correct VR code or without specifying it."
)
NO_VR = "The vr for tag '{path}' is missing."
UNSUPPORTED_VR = "The VR code '{vr}' specified for tag '{path}' is not supported."
REPEATED = "The extended query tag '{path}' has been specified before."
NO_TAGS = "The extended query tag(s) is missing."

SUPPORTED_VRS = frozenset(
    ("AE", "AS", "CS", "DA", "DT", "FD", "FL", "IS", "LO", "PN", "SH", "SL", "SS", "TM", "UI", "UL", "US")
)
CREATOR_ELEMENTS = range(0x0010, 0x0100)
"""PS3.5 §7.8.1."""


def checked_tags(entries: Sequence[TagEntry]) -> list[QueryTag]:
    """Raises BadRequestError for the first entry that is refused."""
    if not entries:
        raise BadRequestError(NO_TAGS)
    seen: set[str] = set()
    tags = []
    for entry in entries:
        tags.append(_checked(entry))
        if entry.path.lower() in seen:
            raise BadRequestError(REPEATED.format(path=entry.path))
        seen.add(entry.path.lower())
    return tags


def tag_of_path(path: str) -> int:
    """The tag that a path names, in a body or a URL. Raises BadRequestError."""
    try:
        tag = parse_tag_path(path)
    except SequencePathError as error:
        raise BadRequestError(str(error)) from error
    if tag is None:
        raise BadRequestError(NOT_A_TAG.format(path=path))
    return tag


def _checked(entry: TagEntry) -> QueryTag:
    tag = tag_of_path(entry.path)
    if tag in CORE_TAGS:
        _refuse(BUILT_IN, entry)
    is_creator = is_private(tag) and tag & 0xFFFF in CREATOR_ELEMENTS
    _check_creator(entry, tag, is_creator=is_creator)
    vr = _vr(entry, "LO" if is_creator else _dictionary_vr(tag))
    if vr not in SUPPORTED_VRS:
        _refuse(UNSUPPORTED_VR, entry, vr=vr)
    return QueryTag(
        tag=tag, keyword=keyword_of(tag), vr=vr, level=entry.level, private_creator=entry.private_creator or None
    )


def _check_creator(entry: TagEntry, tag: int, *, is_creator: bool) -> None:
    creator = entry.private_creator
    if not is_private(tag) or is_creator:
        if creator:
            _refuse(CREATOR_OF_CREATOR if is_creator else CREATOR_OF_STANDARD_TAG, entry)
    elif not creator:
        _refuse(NO_CREATOR, entry)
    elif length_of(creator) > 64 or has_backslash_or_control_except_esc(creator):
        _refuse(CREATOR_NOT_LO, entry)


def _vr(entry: TagEntry, dictionary_vr: str) -> str:
    """dictionary_vr: as the dictionary has it, `US or SS` too; empty for private tags."""
    given = entry.vr.upper()
    allowed = dictionary_vr.split(" or ")
    if not given:
        if not dictionary_vr:
            _refuse(NO_VR, entry)
        return allowed[0]
    if given not in VRS:
        _refuse(UNKNOWN_VR, entry, vr=entry.vr)
    if dictionary_vr and given not in allowed:
        _refuse(OTHER_VR, entry, vr=entry.vr, expected=allowed[0])
    return given


def _dictionary_vr(tag: int) -> str:
    entry = entry_of(tag)
    return entry.vr if entry is not None else ""


def _refuse(message: str, entry: TagEntry, **values: str) -> NoReturn:
    raise BadRequestError(message.format(path=entry.path, **values))
