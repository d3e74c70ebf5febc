"""The frame of a DICOM file: preamble and prefix, and who says to have written it."""

from azdicom_emulator import __version__

PREAMBLE_BYTES = 128
PREFIX = b"DICM"

IMPLEMENTATION_CLASS_UID = "1.3.6.1.4.1.311.129"
"""(0002,0012) of the files that the service writes itself."""
IMPLEMENTATION_VERSION_NAME = f"azdicom {__version__}"[:16]


def has_preamble(head: bytes | bytearray | memoryview) -> bool:
    """Whether a file that starts with `head` (its first 132 bytes, or more) has a preamble (PS3.10 §7.1)."""
    return bytes(head[PREAMBLE_BYTES : PREAMBLE_BYTES + len(PREFIX)]) == PREFIX
