"""What logs and the journal may show of a request: no tokens ever, no names and ids of patients unless asked for."""

import re

from azdicom_proxy.scrub.secrets import SECRET_HEADER_PREFIX, SECRET_HEADERS
from azdicom_proxy.upstream.head import RawHeaders

MASK = "***"
MASKED_VALUE = MASK.encode()
QUERY_PAIR = re.compile(r"([?&]|, )([\w.%]+=[^&\s,]*)")
PERSONAL = frozenset(
    {
        "patientname", "00100010", "patientid", "00100020", "issuerofpatientid", "00100021", "patientbirthdate",
        "00100030", "otherpatientids", "00101000", "otherpatientnames", "00101001", "patientbirthname", "00101005",
        "patientmothersbirthname", "00101060", "accessionnumber", "00080050", "referringphysicianname", "00080090",
        "performingphysicianname", "00081050", "operatorsname", "00081070", "studyid", "00200010", "admissionid",
        "00380010",
    }
)  # fmt: skip
"""Query keys, keyword or tag, whose values name a person (PS3.6)."""
SECRET_NAMES = frozenset(name.encode() for name in (*SECRET_HEADERS, "set-cookie"))
SECRET_PREFIX = SECRET_HEADER_PREFIX.encode()
SECRET_PARAMETERS = frozenset({"sig", "code", "access_token", "client_secret", "password", "token"})


def masked_target(target: str, *, with_personal: bool) -> str:
    """Path and query with the values hidden that nobody should read. with_personal: names and ids stay."""
    path, mark, query = target.partition("?")
    if not mark:
        return target
    return f"{path}?{'&'.join(_masked_pair(pair, with_personal=with_personal) for pair in query.split('&'))}"


def masked_miss(text: str) -> str:
    """The explanation of a miss without values that name a person: without the lines that compare values, too."""
    lines = [line for line in text.split("\n") if not line.startswith(" ")]
    shown = QUERY_PAIR.sub(lambda found: found[1] + _masked_pair(found[2], with_personal=False), "\n".join(lines))
    return f"{shown}\nvalues:  in the answer to the client, or with --log-phi"


def masked_headers(headers: RawHeaders) -> RawHeaders:
    """The header lines with those values hidden that let somebody in."""
    return tuple((name, MASKED_VALUE if _is_secret(name.lower()) else value) for name, value in headers)


def _is_secret(key: bytes) -> bool:
    return key in SECRET_NAMES or key.startswith(SECRET_PREFIX)


def _masked_pair(pair: str, *, with_personal: bool) -> str:
    key, equals, _ = pair.partition("=")
    name = re.sub(r"%[0-9A-Fa-f]{2}", "", key).lower().rpartition(".")[2]
    hidden = name in SECRET_PARAMETERS or (name in PERSONAL and not with_personal)
    return f"{key}={MASK}" if hidden and equals else pair
