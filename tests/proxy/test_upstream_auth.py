"""Whose token reaches the upstream, what is said when it is refused, and that no token is ever written."""

import logging
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from azdicom_emulator.settings import AuthMode
from azdicom_proxy.settings import Mode, UpstreamAuth
from azdicom_proxy.upstream_auth import REFRESH_BEFORE_S, SCOPE, AzureToken, TokenUnavailableError
from tests.conftest import EmulatorWith
from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import Peer, raw_upstream
from tests.support.tokens import bearer, token_for

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLIENTS = "client-token-1234567890"


def sent_authorization(headers: dict[str, str] | None = None, **settings: Any) -> list[bytes]:
    """The `Authorization` lines that the upstream sees."""
    heads = []

    def script(peer: Peer) -> None:
        heads.append(peer.head())
        peer.say(OK)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url, **settings) as proxy:
        assert proxy.client.request("GET", "/", headers=headers).status == 200
    return [line for line in heads[0].split(b"\r\n") if line.lower().startswith(b"authorization")]


def test_clients_token_goes_through_by_default() -> None:
    """--auth passthrough."""
    assert sent_authorization(bearer(CLIENTS)) == [b"Authorization: Bearer " + CLIENTS.encode()]
    assert sent_authorization() == []


def test_no_token_is_sent_when_none_is_wanted() -> None:
    """--auth none."""
    assert sent_authorization(bearer(CLIENTS), auth=UpstreamAuth.NONE) == []


def test_token_of_a_variable_replaces_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """--auth token-env."""
    monkeypatch.setenv("MY_TOKEN", " abc.def \n")

    sent = sent_authorization(bearer(CLIENTS), auth=UpstreamAuth.TOKEN_ENV, token_env="MY_TOKEN")

    assert sent == [b"Authorization: Bearer abc.def"]


def test_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """--auth token-file: a token that something else renews."""
    path = tmp_path / "token"
    path.write_text("first-token\n")
    heads = []

    def script(peer: Peer) -> None:
        for _ in range(2):
            heads.append(peer.head())
            peer.say(OK)
        peer.wait_for_end()

    with (
        raw_upstream(script) as upstream,
        proxying(upstream.url, auth=UpstreamAuth.TOKEN_FILE, token_file=path) as proxy,
    ):
        proxy.client.request("GET", "/")
        path.write_text("the-second-token\n")
        proxy.client.request("GET", "/")

    assert b"Authorization: Bearer first-token\r\n" in heads[0]
    assert b"Authorization: Bearer the-second-token\r\n" in heads[1]


@pytest.mark.parametrize("content", ["", "two words", "line\nbreak"], ids=["empty", "blank", "line break"])
def test_file_without_a_token_is_502_and_its_content_is_not_shown(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`x-azdicom-error: token-unavailable`; nothing reaches the upstream."""
    path = tmp_path / "token"
    path.write_text(content)
    with (
        raw_upstream(lambda peer: peer.wait_for_end()) as upstream,
        proxying(upstream.url, auth=UpstreamAuth.TOKEN_FILE, token_file=path) as proxy,
    ):
        response = proxy.client.request("GET", "/")

    assert response.status == 502
    assert response.headers["x-azdicom-error"] == "token-unavailable"
    assert not content or content not in response.text + caplog.text
    assert upstream.connections == 0


class Credential:
    """In place of `DefaultAzureCredential`, which needs an account: it gives numbered tokens."""

    def __init__(self, lives_s: float) -> None:
        self.lives_s = lives_s
        self.scopes: list[str] = []

    def get_token(self, scope: str) -> Any:
        self.scopes.append(scope)
        return type("Token", (), {"token": f"token-{len(self.scopes)}", "expires_on": time.time() + self.lives_s})

    def close(self) -> None:
        """Nothing is open."""


async def _tokens(credential: Any, count: int) -> list[str]:
    import asyncio

    source = AzureToken(credential)
    return list(await asyncio.gather(*(source.token() for _ in range(count))))


def test_azure_token_is_asked_for_once_and_kept() -> None:
    """Conformance statement, authentication: the scope of the DICOM service."""
    import asyncio

    credential = Credential(lives_s=3600)

    tokens = asyncio.run(_tokens(credential, 20))

    assert set(tokens) == {"token-1"}
    assert credential.scopes == [SCOPE]


def test_azure_token_is_renewed_five_minutes_before_its_end() -> None:
    """A request under way must not meet the end of its token."""
    import asyncio

    credential = Credential(lives_s=REFRESH_BEFORE_S - 1)

    tokens = asyncio.run(_tokens(credential, 2))

    assert tokens == ["token-1", "token-2"]


def test_failing_credential_says_why() -> None:
    """The credential chain's own reasons."""
    import asyncio

    class Failing(Credential):
        def get_token(self, scope: str) -> Any:
            raise RuntimeError("EnvironmentCredential: not configured")

    with pytest.raises(TokenUnavailableError, match="EnvironmentCredential: not configured"):
        asyncio.run(_tokens(Failing(1), 1))


def test_refused_token_is_explained_without_being_shown(
    emulator_with: EmulatorWith, caplog: pytest.LogCaptureFixture
) -> None:
    """401: audience and expiry of the token are what to look at."""
    upstream = emulator_with(auth=AuthMode.JWT)
    token = jwt.encode({"aud": "https://other.test", "exp": int(time.time()) - 90}, "k" * 32, "HS256")
    with caplog.at_level(logging.DEBUG), proxying(upstream.base_url) as proxy:
        response = proxy.client.request("GET", "/v2/studies", headers=bearer(token))

    assert response.status == 401
    assert "Bearer" in response.headers["WWW-Authenticate"]
    assert "aud 'https://other.test'" in caplog.text
    assert "s ago" in caplog.text
    assert token not in caplog.text


def test_missing_role_is_explained(emulator_with: EmulatorWith, caplog: pytest.LogCaptureFixture) -> None:
    """403: the role assignments of the service."""
    upstream = emulator_with(auth=AuthMode.JWT)
    token = token_for(upstream, "none")
    with proxying(upstream.base_url) as proxy:
        response = proxy.client.get("/studies", headers=bearer(token))

    assert response.status == 403
    assert "DICOM Data Owner or DICOM Data Reader" in caplog.text


def test_no_token_is_found_in_journal_metrics_log_or_cassette(
    emulator_with: EmulatorWith, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At the most talkative level, in every form."""
    upstream = emulator_with(auth=AuthMode.ANY)
    cassette = tmp_path / "c" / "auth.yaml"
    with caplog.at_level(logging.DEBUG), proxying(upstream.base_url, Mode.RECORD, cassette=cassette) as proxy:
        headers = bearer(CLIENTS) | {"x-api-key": CLIENTS, "Cookie": f"session={CLIENTS}"}
        assert proxy.client.get(f"/studies?access_token={CLIENTS}", headers=headers).status in (204, 400)
        shown = [
            proxy.admin("GET", path).text
            for path in ("journal", "journal?format=har", "journal?format=curl", "metrics", "info", "misses")
        ]

    written = [path.read_text() for path in cassette.parent.rglob("*") if path.is_file()]
    assert len(written) >= 1
    for text in (*shown, *written, caplog.text):
        assert CLIENTS not in text
    assert "Authorization: Bearer $TOKEN" in shown[2]


def test_token_is_available_to_replay_without_one(emulator: Any, tmp_path: Path) -> None:
    """In replay any token, or none, is taken."""
    cassette = tmp_path / "c.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        recorded = proxy.client.get("/studies", headers=bearer(CLIENTS))
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        replayed = [proxy.client.get("/studies"), proxy.client.get("/studies", headers=bearer("another-token"))]

    assert {answer.status for answer in replayed} == {recorded.status}
