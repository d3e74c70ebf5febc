"""What schemathesis is told about DICOM, for which OpenAPI has no word: bodies, boundaries, Accept headers."""

from itertools import cycle
from typing import Any
from urllib.parse import urljoin

import requests
import schemathesis
from hypothesis import strategies

from azdicom_emulator.web.openapi_operations import PATH_PARAMETERS
from tests.support.instances import an_instance, part10

TIMEOUT_S = 30
BOUNDARY = "fuzz"
MULTIPART_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
ACCEPTS = cycle(
    (
        "application/dicom+json",
        "*/*",
        'multipart/related; type="application/dicom"; transfer-syntax=*',
        "application/dicom; transfer-syntax=*",
        "application/octet-stream; transfer-syntax=*",
        'multipart/related; type="application/octet-stream"',
        "image/jpeg",
        "image/png",
        "nonsense",
    )
)
STUDY, SERIES, SOP_INSTANCE = (PATH_PARAMETERS[name][2] for name in ("study", "series", "instance"))
INSTANCE = part10(an_instance(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=SOP_INSTANCE))
"""What the example values of the description name."""

schemathesis.openapi.format(
    "binary", strategies.one_of(strategies.binary(max_size=512), strategies.sampled_from([INSTANCE, INSTANCE[:300]]))
)


@schemathesis.serializer("application/dicom")
def as_sent(_context: Any, value: Any) -> bytes:
    """A single instance, or what is not one."""
    return _bytes(value)


@schemathesis.serializer("multipart/related")
def as_one_part(_context: Any, value: Any) -> bytes:
    """A multipart body with one part of type application/dicom."""
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return head + _bytes(value) + f"\r\n--{BOUNDARY}--\r\n".encode()


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    """Brings back what a request deleted, so that later ones find it."""
    if case.method.upper() == "DELETE" and response.status_code == 204:
        prepare(response.request.url)


def prepare(url: str) -> None:
    """Stores the instance, and adds the extended query tag, that the example values name. url: any of the server."""
    headers = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}
    requests.put(urljoin(url, "/v2/studies"), data=INSTANCE, headers=headers, timeout=TIMEOUT_S).raise_for_status()
    tag = {"path": PATH_PARAMETERS["tag"][2], "level": "Series"}
    requests.post(urljoin(url, "/v2/extendedquerytags"), json=[tag], timeout=TIMEOUT_S)  # 409: it is still there


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Every Accept in turn; the boundary that the body has."""
    case.headers["Accept"] = next(ACCEPTS)
    if case.media_type == "multipart/related":
        case.headers["Content-Type"] = MULTIPART_TYPE
