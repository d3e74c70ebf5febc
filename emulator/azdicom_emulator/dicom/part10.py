"""The frame of a DICOM file: preamble and prefix."""

PREAMBLE_BYTES = 128
PREFIX = b"DICM"


def has_preamble(head: bytes | bytearray | memoryview) -> bool:
    """Whether a file that starts with `head` (its first 132 bytes, or more) has a preamble (PS3.10 §7.1)."""
    return bytes(head[PREAMBLE_BYTES : PREAMBLE_BYTES + len(PREFIX)]) == PREFIX
