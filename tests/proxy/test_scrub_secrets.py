"""Secrets: planted in every place of an exchange, found in no written byte (record-replay §9.1, §16 check 6)."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.model import Interaction
from azdicom_proxy.cassette.writing import CassetteWriter
from azdicom_proxy.scrub.policy import Phi
from azdicom_proxy.scrub.pseudonyms import Pseudonyms
from azdicom_proxy.scrub.secrets import FAKE_JWT, PLACEHOLDER_HOST, Secrets, credentials_in, suspicious
from tests.proxy.made_cassettes import (
    DICOM_JSON,
    KEY,
    UPSTREAM_HOST,
    a_scrubber,
    an_interaction,
    record,
    recorded,
    written_bytes,
)
from tests.support.instances import an_instance, part10
from tests.support.multipart import multipart_related


def a_jwt(subject: str) -> str:
    segments = ({"alg": "RS256", "typ": "JWT"}, {"sub": subject, "aud": "https://dicom.healthcareapis.azure.com"})
    head = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in segments]
    return ".".join([*head, "c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"])


BEARER = a_jwt("planted-subject")
OPAQUE = "planted-opaque-token-4711"
SIGNATURE = "plantedSignature%2Bab12cd34ef56gh78%3D"
CLIENT_SECRET = "planted~Client.Secret-0815"
ACCOUNT_KEY = "plantedAccountKey+ab/cd12EF34gh=="
SECRETS = (BEARER, OPAQUE, SIGNATURE, CLIENT_SECRET, ACCOUNT_KEY)
SAS = f"?sv=2023-11-03&se=2031-01-01T00%3A00%3A00Z&sp=racwdl&sig={SIGNATURE}"
JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain"),)


def with_dataset(text: str) -> dict[str, Any]:
    content_type, body = multipart_related([part10(an_instance(ImageComments=text, rows=128, columns=128))])
    return {"method": "POST", "headers": (("Content-Type", content_type),), "body": body}


def part_with_header(value: str) -> dict[str, Any]:
    body = f"--b\r\nContent-Type: text/plain\r\nX-Trace: Bearer {value}\r\n\r\n{value}\r\n--b--\r\n".encode()
    return {"method": "POST", "headers": (("Content-Type", "multipart/related; boundary=b"),), "body": body}


PLACES: dict[str, dict[str, Any]] = {
    "authorization": {"headers": (("authorization", f"Bearer {BEARER}"),)},
    "opaque token, echoed in the error": {
        "headers": (("Authorization", f"Bearer {OPAQUE}"),),
        "status": 401,
        "answer": f"The token {OPAQUE} is not valid".encode(),
        "answer_headers": (*TEXT, ("WWW-Authenticate", f'Bearer error_description="token {OPAQUE} expired"')),
    },
    "other secret headers": {
        "headers": (
            ("Cookie", f"session={OPAQUE}"),
            ("x-api-key", OPAQUE),
            ("Ocp-Apim-Subscription-Key", OPAQUE),
            ("x-functions-key", OPAQUE),
            ("x-ms-encryption-key", ACCOUNT_KEY),
            ("Proxy-Authorization", f"Basic {OPAQUE}"),
        )
    },
    "cookie of the response": {"answer_headers": (("Set-Cookie", f"session={OPAQUE}; Secure"),)},
    "uri": {"path": f"/studies{SAS}&access_token={OPAQUE}"},
    "location": {"status": 202, "answer_headers": (("Location", f"https://x.blob.core.windows.net/c{SAS}"),)},
    "json, .NET escapes": {
        "method": "POST",
        "headers": JSON,
        "body": json.dumps({"url": f"https://x.blob.core.windows.net/c{SAS}"}).replace("&", "\\u0026").encode(),
    },
    "json members": {
        "method": "POST",
        "headers": JSON,
        "body": json.dumps(
            {
                "client_secret": CLIENT_SECRET,
                "clientSecret": CLIENT_SECRET,
                "connectionString": f"DefaultEndpointsProtocol=https;AccountKey={ACCOUNT_KEY};",
                "destination": {"blobContainerUri": f"https://x.blob.core.windows.net/c?{SIGNATURE}"},
                "nested": [{"refresh_token": OPAQUE, "sasToken": SAS, "password": CLIENT_SECRET}],
            }
        ).encode(),
        "answer": f'{{"error": "bad secret, AccountKey={ACCOUNT_KEY}; token {BEARER}"}}'.encode(),
        "answer_headers": JSON,
    },
    "form": {
        "method": "POST",
        "headers": (("Content-Type", "application/x-www-form-urlencoded"),),
        "body": f"grant_type=client_credentials&client_secret={CLIENT_SECRET}".encode(),
    },
    "dicom json": {"answer": [{"00204000": {"vr": "LT", "Value": [f"Bearer {OPAQUE}", BEARER]}}]},
    "data set": with_dataset(f"token {BEARER} ; https://x/c{SAS.replace('%', '')}"),
    "multipart part": part_with_header(OPAQUE),
    "text of an error": {
        "status": 500,
        "answer": f"client_secret={CLIENT_SECRET} {BEARER}".encode(),
        "answer_headers": TEXT,
    },
    "unknown type": {"answer": b"\x00\x01" + BEARER.encode() + b"\xff", "answer_headers": ()},
    "status message": {"reason": f"Bearer {OPAQUE} refused"},
}


@pytest.mark.parametrize("phi", [Phi.KEEP, Phi.BASIC])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_planted_secret_is_in_any_written_byte(tmp_path: Path, place: dict[str, Any], phi: Phi) -> None:
    """record-replay §9.1: always on, whatever happens to data of patients; nor is it in the partial file."""
    writer = CassetteWriter(tmp_path / "c.yaml", scrubber=a_scrubber(phi))
    writer.append(an_interaction(**place))
    partial = written_bytes(tmp_path)
    writer.close()

    written = written_bytes(tmp_path)
    assert "c.yaml" in written
    for name, content in {**partial, **written}.items():
        decoded = content + b"".join(map(base64.b64decode, _base64_blocks(content)))
        for secret in (*SECRETS, SIGNATURE.replace("%", "")):
            assert secret.encode() not in decoded, f"{secret} in {name}"


def _base64_blocks(content: bytes) -> list[str]:
    """What stands in `!!binary` blocks and in the partial file's members."""
    import re

    blocks = re.findall(rb"!!binary \|\n((?: +[A-Za-z0-9+/=]+\n)+)", content)
    members = re.findall(rb'"\$base64": "([^"]*)"', content)
    return [block.decode().replace("\n", "").replace(" ", "") for block in blocks] + [m.decode() for m in members]


def test_what_takes_the_place_of_secrets_is_fixed(tmp_path: Path) -> None:
    """record-replay §9.1, the column of replacements."""
    (kept,) = recorded(
        tmp_path / "c.yaml",
        an_interaction(
            path=f"/studies{SAS}",
            headers=(("Authorization", f"Bearer {BEARER}"),),
            answer=f'{{"x": "{BEARER}"}}'.encode(),
            answer_headers=(*JSON, ("Set-Cookie", "a=b")),
        ),
    ).interactions

    assert kept.request.headers == (("Authorization", "REDACTED"),)
    assert kept.request.uri.endswith("/v2/studies?sv=0&se=0&sp=0&sig=REDACTED")
    assert json.loads(content_of(kept.response.body)) == {"x": FAKE_JWT}
    assert [name for name, _ in kept.response.headers] == ["Content-Length", "Content-Type"]
    assert {"authorization", "uri", "response-body", "set-cookie"} <= set(kept.scrubbed)


def test_the_real_host_is_in_no_written_byte(tmp_path: Path) -> None:
    """record-replay §9.1: one placeholder for the workspace's host, also in Warning and without a scheme."""
    interaction = an_interaction(
        answer=[{"00081190": {"vr": "UR", "Value": [f"https://{UPSTREAM_HOST}/v2/studies/1.2.3"]}}],
        answer_headers=(
            ("Warning", f'299 {UPSTREAM_HOST} "The search is slow"'),
            ("Location", f"https://{UPSTREAM_HOST.upper()}/v2/operations/1"),
            ("Link", "<https://clinic7-dicom.dicom.azurehealthcareapis.com/v2>"),
        ),
    )

    (kept,) = recorded(tmp_path / "c.yaml", interaction).interactions

    headers = dict(kept.response.headers)
    assert headers["Warning"] == f'299 {PLACEHOLDER_HOST} "The search is slow"'
    assert headers["Location"] == f"https://{PLACEHOLDER_HOST}/v2/operations/1"
    assert headers["Link"] == f"<https://{PLACEHOLDER_HOST}/v2>"
    assert not [n for n, text in written_bytes(tmp_path).items() if b"ward7" in text.lower() or b"clinic7" in text]


def test_tenants_subscriptions_and_accounts_get_stable_fakes() -> None:
    """record-replay §9.1: one original, one replacement; and a replacement stays as it is."""
    secrets = Secrets(Pseudonyms(KEY))
    guid = "72f988bf-86f1-41af-91ab-2d7cd011db47"
    text = (
        f'authorization_uri="https://login.microsoftonline.com/{guid}/oauth2", tenant {guid}, '
        f"/subscriptions/{guid.upper()}/resourceGroups, https://clinicstore.blob.core.windows.net/c"
    )

    scrubbed = secrets.text(text)

    assert guid not in scrubbed.lower()
    assert "clinicstore" not in scrubbed
    assert scrubbed.count(Pseudonyms(KEY).guid(guid)) == 3
    assert secrets.text(scrubbed) == scrubbed
    assert Secrets(Pseudonyms(KEY)).text(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "/v2/studies?PatientID=P-42&limit=10",
        'Bearer realm="x", error="invalid_token"',
        "status code=404; keyword=sig; the password is wrong",
        '{"00080060":{"vr":"CS","Value":["CT"]},"password_hint":"none"}',
        'multipart/related; type="application/dicom"; transfer-syntax=*',
        "1.2.840.10008.5.1.4.1.1.2",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    """A rule that takes more than secrets breaks replay."""
    assert Secrets(Pseudonyms(KEY)).text(text) == text
    assert credentials_in(text) == []


def test_a_scrubbed_text_is_not_scrubbed_again() -> None:
    """record-replay §9: the same scrubbing runs at replay on requests that may be scrubbed already."""
    secrets = Secrets(Pseudonyms(KEY))
    once = secrets.text(f"{SAS} {BEARER} AccountKey={ACCOUNT_KEY}; Bearer {OPAQUE}")

    assert secrets.text(once) == once
    assert credentials_in(once) == []
    assert len(credentials_in(f"{SAS} {BEARER} AccountKey={ACCOUNT_KEY}; Bearer {OPAQUE}")) == 4


def test_binary_bodies_keep_their_length(tmp_path: Path) -> None:
    """A data set's lengths stand elsewhere in it: what is taken away is overwritten in place."""
    content = b"\x00" * 20_000 + f" {BEARER} ".encode() + b"\x01" * 20_000
    interaction = an_interaction(answer=content, answer_headers=(("Content-Type", "application/octet-stream"),))

    (kept,) = recorded(tmp_path / "c.yaml", interaction).interactions

    body = content_of(kept.response.body)
    assert len(body) == len(content)
    assert body[:20_001] == content[:20_001]
    assert b"planted" not in body
    assert BEARER.encode()[:20] not in body


def test_what_looks_like_a_key_is_a_second_line(tmp_path: Path) -> None:
    """record-replay §9.1: high entropy beside a word that says key is a warning of `check`."""
    assert suspicious('"storageKey": "q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6"') != []
    assert suspicious('"path": "00101002", "key": "short"') == []
    assert suspicious("SOPInstanceUID: 1.2.826.0.1.3680043.8.498.45787841905188114249811") == []


def a_chain() -> list[Interaction]:
    """A token, then its echo in a later exchange."""
    return [
        an_interaction(headers=(("Authorization", f"Bearer {OPAQUE}"), ("Accept", DICOM_JSON))),
        an_interaction(answer=f"audit: {OPAQUE}".encode(), answer_headers=TEXT),
    ]


def test_a_secret_is_known_in_later_exchanges(tmp_path: Path) -> None:
    """record-replay §9: consistent over the whole recording."""
    record(tmp_path / "c.yaml", *a_chain())

    assert OPAQUE.encode() not in (tmp_path / "c.yaml").read_bytes()
