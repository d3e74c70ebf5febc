"""The bounds on what pixel functions read, decode and build. Light to import."""

MAX_DECODED_BYTES = 1024 * 1024 * 1024
"""Most pixels that one call transcodes, uncompressed: ten times the largest file, which is what lossy codecs save."""

MAX_FRAME_BYTES = 256 * 1024 * 1024
"""Most pixels of one frame, uncompressed: 8192 × 8192 in colour with some room."""

MAX_INFLATED_BYTES = 512 * 1024 * 1024
"""Largest data set in the deflated transfer syntax, inflated."""

MAX_FRAGMENTS = 4 * 1024 * 1024
"""Most fragments that a frame table lists, at 16 bytes each."""

MAX_NESTING = 64
"""Deepest nesting of sequences."""
