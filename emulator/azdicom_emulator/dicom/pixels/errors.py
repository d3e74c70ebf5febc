"""What pixel functions refuse. The texts are reasons for the log; the handlers have the service's own messages."""


class MalformedFileError(Exception):
    """The file is not a Part 10 file, or its data elements run past its end."""


class DecodingError(Exception):
    """A frame cannot be decoded: no codec, a codestream that contradicts the data set, or more pixels than allowed."""


class FrameNotFoundError(Exception):
    """The file has no such frame, or no pixel data (retrieve §7)."""


class TranscodingError(Exception):
    """The file or frame cannot be had in the requested transfer syntax (retrieve §9)."""


class RenderingError(Exception):
    """The frame cannot be shown as an image (retrieve §10)."""
