"""Attributes as requests name them: a keyword or eight hex digits (spec search §5.2, azure-apis §1.1)."""

import re

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

    A keyword is case-sensitive and of the standard dictionary, retired ones count. Eight hex digits of an even group must
    be in the standard dictionary; those of an odd group are private and always a tag. Raises SequencePathError when
    there is a dot in it, sense or not.
    """
    # pydicom costs a quarter of a second to import, which a server that only answers health checks should not pay.
    from pydicom.datadict import get_entry, tag_for_keyword

    if "." in path:
        raise SequencePathError(path)
    if not HEX_PATH.fullmatch(path):
        return tag_for_keyword(path)
    tag = int(path, 16)
    if _is_private(tag):
        return tag
    try:
        get_entry(tag)
    except KeyError:
        return None
    return tag


def tag_path(tag: int) -> str:
    """`GGGGEEEE`, upper-case: the key of a DICOM JSON object (PS3.18 F.2.2)."""
    return f"{tag:08X}"


def tag_name(tag: int) -> str:
    """The keyword, or `GGGGEEEE` of what the standard dictionary does not know."""
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag) or tag_path(tag)


def _is_private(tag: int) -> bool:
    return bool(tag >> 16 & 1)
