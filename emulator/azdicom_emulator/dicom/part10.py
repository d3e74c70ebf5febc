"""The frame of a DICOM file: preamble and prefix."""

PREAMBLE_LENGTH = 128
PREFIX = b"DICM"
ZERO_PREAMBLE = bytes(PREAMBLE_LENGTH)


def has_preamble(head: bytes | bytearray | memoryview) -> bool:
    """Whether a file that starts with `head` (its first 132 bytes, or more) has a preamble (PS3.10 §7.1)."""
    return bytes(head[PREAMBLE_LENGTH : PREAMBLE_LENGTH + len(PREFIX)]) == PREFIX


def zero_preamble(head: bytes) -> bytes:
    """`head` (the first 132 bytes of a file, or more) with the preamble, if there is one, replaced by zeros.

    The service does so since a preamble may hold an executable (conformance statement v2, Store; store §5).
    """
    return ZERO_PREAMBLE + head[PREAMBLE_LENGTH:] if has_preamble(head) else head
