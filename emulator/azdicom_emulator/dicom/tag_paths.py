"""Attributes as requests name them: a keyword or eight hex digits (spec search §5.2, azure-apis §1.1)."""

import re

from azdicom_emulator.dicom.dictionary import entry_of, is_private

HEX_PATH = re.compile(r"[0-9A-Fa-f]{8}")
SEQUENCE_MESSAGE = (
    "Dicom element '{path}' failed validation for VR 'SQ': Sequential dicom tags are currently not supported."
)


class SequencePathError(ValueError):
    """A path into a sequence. Its text is the service's message."""

    def __init__(self, path: str) -> None:
        super().__init__(SEQUENCE_MESSAGE.format(path=path))


def parse_tag_path(path: str) -> int | None:
    """The tag `0xGGGGEEEE` that `path` names; None: not a tag.

    A keyword is case-sensitive and of the standard dictionary, retired ones count. Eight hex digits of an even group
    must be in the standard dictionary; those of an odd group are private and always a tag. Raises SequencePathError
    when there is a dot in it, sense or not.
    """
    if "." in path:
        raise SequencePathError(path)
    if not path:
        return None  # the dictionary has elements without a keyword
    if not HEX_PATH.fullmatch(path):
        return _tag_of_keyword(path)
    tag = int(path, 16)
    return tag if is_private(tag) or entry_of(tag) else None


def tag_path(tag: int) -> str:
    """`GGGGEEEE`, upper-case: the key of a DICOM JSON object (PS3.18 F.2.2)."""
    return f"{tag:08X}"


def _tag_of_keyword(keyword: str) -> int | None:
    # pydicom takes 0.2 s to import, which a server that is not asked for unusual keywords need not pay.
    from pydicom.datadict import tag_for_keyword

    return tag_for_keyword(keyword)
