"""Why an upstream gave no answer, or not a whole one.

UpstreamError
├─ UnreachableError    refused, unknown host, TLS: 502
├─ UpstreamTimeoutError     no connection, or nothing heard for too long: 504
└─ BrokenAnswerError   closed before or inside an answer, or what came is not HTTP: 502, or a broken-off answer
"""


class UpstreamError(Exception):
    """`status` is what the client gets while nothing of an answer has been sent."""

    status = 502


class UnreachableError(UpstreamError):
    pass


class UpstreamTimeoutError(UpstreamError):
    status = 504


class BrokenAnswerError(UpstreamError):
    """`was_silent`: no byte of an answer had arrived."""

    def __init__(self, message: str, *, was_silent: bool = False) -> None:
        super().__init__(message)
        self.was_silent = was_silent
