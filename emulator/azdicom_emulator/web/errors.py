"""What a request can be refused for, and the one place that turns it into HTTP.

ServiceError
├─ BadRequestError (400)           InvalidUidError
├─ UnauthorizedError (401, WWW-Authenticate)
├─ ForbiddenError (403)
├─ ResourceNotFoundError (404)
├─ ConflictError (409)
├─ NotAcceptableError (406)
├─ PayloadTooLargeError (413)
├─ UnsupportedMediaTypeError (415)
├─ MissingPackageError (501)
├─ TagLimitError (503)
└─ BusyError (503, Retry-After)
"""

from typing import Self

from aiohttp import web

INTERNAL_ERROR = (
    "The server encountered an internal error. Please retry the request. If the issue persists, please contact support."
)
SERVICE_BUSY = (
    "The server is currently unable to receive requests. Please retry your request. "
    "If the issue persists, please contact support."
)
HINT_HEADER = "azdicom-hint"
MAX_HINT_CHARACTERS = 500
STREAM_ABORTED = "The request stream was aborted."
UID_RULE = (
    "DICOM Identifier is invalid. Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)


class ServiceError(Exception):
    """A refusal. An empty message sends an empty body, as the errors of the service's framework do (http §3)."""

    status = 500

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        """What the client could do; goes into the header `azdicom-hint` and the log, never into the body."""


class BadRequestError(ServiceError):
    status = 400

    @classmethod
    def query_parameter(cls, key: str, reason: str) -> Self:
        return cls(f"The query parameter '{key}' is invalid. {reason}")

    @classmethod
    def body_field(cls, key: str, reason: str) -> Self:
        return cls(f"The field '{key}' in request body is invalid: {reason}")


class InvalidUidError(BadRequestError):
    @classmethod
    def of(cls, element: str) -> Self:
        """element: `StudyInstanceUid`, `SeriesInstanceUid` or `SopInstanceUid` (http §7)."""
        return cls(f"Dicom element '{element}' failed validation for VR 'UI': {UID_RULE}")


class UnauthorizedError(ServiceError):
    """An empty body; `challenge` is the value of `WWW-Authenticate` (http §5.2)."""

    status = 401

    def __init__(self, challenge: str) -> None:
        super().__init__()
        self.challenge = challenge


class ForbiddenError(ServiceError):
    status = 403

    def __init__(self) -> None:
        super().__init__("Authorization failed.")


class ResourceNotFoundError(ServiceError):
    status = 404

    @classmethod
    def of(cls, resource: str) -> Self:
        """resource: study, series, instance or frame (http §3.2)."""
        return cls(f"The specified {resource} cannot be found.")


class ConflictError(ServiceError):
    status = 409


class NotAcceptableError(ServiceError):
    status = 406


class PayloadTooLargeError(ServiceError):
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request exceeded the allowed limit of {limit} bytes.")


class UnsupportedMediaTypeError(ServiceError):
    status = 415

    @classmethod
    def of(cls, content_type: str) -> Self:
        return cls(f"The specified content type '{content_type}' is not supported.")


class MissingPackageError(ServiceError):
    """An answer of this program alone: the library that the feature needs is optional."""

    status = 501

    def __init__(self, package: str) -> None:
        super().__init__(
            f"This needs the Python package {package}. Install it, then start the server again: "
            "pip install 'azure-dicom-emulator[azure]'"
        )


class TagLimitError(ServiceError):
    """The service has no status of its own for it (azure-apis §1.3)."""

    status = 503

    def __init__(self, limit: int) -> None:
        super().__init__(f"Extended query tags exceeds max allowed count '{limit}'.")


class BusyError(ServiceError):
    status = 503

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__(SERVICE_BUSY)
        self.retry_after_s = retry_after_s


def error_response(error: ServiceError) -> web.Response:
    """The bare message as `text/plain; charset=utf-8`, or an empty body (http §3)."""
    headers = {}
    if error.hint:
        headers[HINT_HEADER] = _header_value(error.hint)
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = error.challenge
    if not error.message:
        return web.Response(status=error.status, headers=headers)
    return web.Response(status=error.status, text=error.message, headers=headers)


def _header_value(text: str) -> str:
    """One line of printable ASCII: a hint may quote what a file, a codec or the client said."""
    line = " ".join(text.replace("×", "x").split())[:MAX_HINT_CHARACTERS]
    return "".join(character if " " <= character <= "~" else "?" for character in line)
