"""What may be shown of a request: no secrets ever, no names and ids of persons unless somebody asks for them."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

MASK = "***"
SECRET_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-identity-header",
        "x-api-key",
        "api-key",
        "ocp-apim-subscription-key",
        "x-functions-key",
    }
)
SECRET_HEADER_PREFIX = "x-ms-encryption-key"
SECRET_PARAMETERS = frozenset({"sig", "code", "access_token", "client_secret", "password", "token"})
PERSONAL_KEYWORD = re.compile(r"patient.*|.*(name|id|ids|accessionnumber|insuranceplanidentification)|.*address")
"""Keywords of PS3.6, in lower case, whose values are names or ids of persons or lead to one. Rather one too many."""
PERSONAL_GROUP = re.compile(r"(0010|0038|0040a1|4008)[0-9a-f]*")
PERSONAL_TAGS = frozenset(
    {
        "00080050",  # AccessionNumber
        "00080090",  # ReferringPhysicianName
        "00081048",  # PhysiciansOfRecord
        "00081050",  # PerformingPhysicianName
        "00081060",  # NameOfPhysiciansReadingStudy
        "00081070",  # OperatorsName
        "00200010",  # StudyID
        "00321032",  # RequestingPhysician
        "00400006",  # ScheduledPerformingPhysicianName
        "00402016",  # PlacerOrderNumberImagingServiceRequest
        "00402017",  # FillerOrderNumberImagingServiceRequest
    }
)
SHOWN = frozenset({"includefield", "limit", "offset", "fuzzymatching"})


def masked_target(target: str, *, with_personal: bool = False) -> str:
    """Path and query of a request line without values that nobody should read. with_personal: names and ids stay."""
    path, mark, query = target.partition("?")
    return (
        target
        if not mark
        else f"{path}?{'&'.join(masked_pair(pair, with_personal=with_personal) for pair in query.split('&'))}"
    )


def masked_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The lines, with those values hidden that let somebody in."""
    return [(name, MASK if _is_secret(name.lower()) else value) for name, value in headers]


def masked_pair(pair: str, *, with_personal: bool = False) -> str:
    """One `key=value` of a query, coded as it was sent."""
    key, equals, _ = pair.partition("=")
    # Of a path into a sequence the last attribute decides: ReferencedPatientSequence.PatientID.
    name = unquote(key).strip().lower().rpartition(".")[2].removeprefix("(").removesuffix(")").replace(",", "")
    if not equals or name in SHOWN:
        return pair
    hidden = name in SECRET_PARAMETERS or (_is_personal(name) and not with_personal)
    return f"{key}={MASK}" if hidden else pair


def _is_secret(name: str) -> bool:
    return name in SECRET_HEADERS or name.startswith(SECRET_HEADER_PREFIX)


def _is_personal(name: str) -> bool:
    is_tag = re.fullmatch(r"[0-9a-f]{8}", name)
    if is_tag:
        return name in PERSONAL_TAGS or PERSONAL_GROUP.fullmatch(name) is not None
    return not name.endswith("uid") and PERSONAL_KEYWORD.fullmatch(name) is not None
