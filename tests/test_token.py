"""`azdicom token`: tokens from a server and from a data folder, good ones and bad ones."""

from collections.abc import Sequence
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner, Result

from azdicom_emulator.cli import main
from azdicom_emulator.settings import DEVELOPMENT_ISSUER, AuthMode
from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.tokens import AUDIENCE, bearer


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["token", *arguments])


def token(*arguments: str) -> str:
    """What the command prints, which is the token alone."""
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    return result.stdout.strip()


def where(emulator: Emulator, source: str) -> Sequence[str]:
    return ("--url", emulator.base_url) if source == "url" else ("--data-dir", str(emulator.data_dir))


@pytest.mark.parametrize("source", ["url", "data-dir"])
@pytest.mark.parametrize(
    ("arguments", "search", "delete"),
    [
        ((), 204, 404),
        (("--role", "owner"), 204, 404),
        (("--role", "reader"), 204, 403),
        (("--role", "none"), 403, 403),
        (("--expires-in", "60"), 204, 404),
        (("--expires-in", "-60"), 401, 401),
        (("--audience", f"{AUDIENCE}/"), 204, 404),
        (("--audience", "https://example.org"), 401, 401),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_token_is_what_was_asked_for(
    emulator_with: EmulatorWith, source: str, arguments: tuple[str, ...], search: int, delete: int
) -> None:
    """docs/authentication.md, "Tokens for tests"; http §5."""
    emulator = emulator_with(auth=AuthMode.JWT)

    headers = bearer(token(*where(emulator, source), *arguments))

    assert emulator.get("/studies", headers=headers).status == search
    assert emulator.request("DELETE", "/v2/studies/1.2.3", headers=headers).status == delete


def test_token_of_a_data_folder_is_good_for_the_server_that_starts_later(
    emulator_with: EmulatorWith, tmp_path: Path
) -> None:
    """The first of the two to need the key makes it."""
    folder = tmp_path / "later"
    folder.mkdir()
    made = token("--data-dir", str(folder))

    emulator = emulator_with(auth=AuthMode.JWT, data_dir=folder)

    assert emulator.get("/studies", headers=bearer(made)).status == 204


def test_issuer_can_be_chosen(emulator_with: EmulatorWith) -> None:
    """For a server with `--auth-issuer`, and as a bad token for one without."""
    emulator = emulator_with(auth=AuthMode.JWT)

    made = token("--data-dir", str(emulator.data_dir), "--issuer", "https://example.org/")

    assert jwt.decode(made, options={"verify_signature": False})["iss"] == "https://example.org/"
    assert emulator.get("/studies", headers=bearer(made)).status == 401


def test_claims_are_those_of_an_application(tmp_path: Path) -> None:
    """Microsoft identity platform, "Access token claims reference"."""
    claims = jwt.decode(token("--data-dir", str(tmp_path), "--role", "reader"), options={"verify_signature": False})

    assert claims["iss"] == DEVELOPMENT_ISSUER
    assert claims["aud"] == AUDIENCE
    assert claims["roles"] == ["DICOM Data Reader"]
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["nbf"] <= claims["iat"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--role", "admin"), "'admin' is not one of 'owner', 'reader', 'none'"),
        (("--expires-in", "soon"), "'soon' is not a valid integer"),
        (("--data-dir", "/no/such/folder"), "does not exist"),
        (("--data-dir", ".", "--url", "http://127.0.0.1:1"), "--url and --data-dir exclude each other"),
        (("--issuer", "x"), "--issuer needs --data-dir"),
        (("--url", "http://127.0.0.1:1"), "Is `azdicom serve` running there?"),
        (("--url", "nonsense"), "cannot get a token from nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2: wrong usage, or no server; nothing on stdout."""
    result = run(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_server_of_another_issuer_gives_no_token(emulator_with: EmulatorWith) -> None:
    """docs/authentication.md: with `--auth-jwks` the built-in issuer is absent."""
    emulator = emulator_with(auth=AuthMode.JWT, auth_jwks="http://127.0.0.1:1/keys")

    result = run("--url", emulator.base_url)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--auth-jwks" in result.stderr


def test_unusable_key_is_named(tmp_path: Path) -> None:
    """A key file that is damaged is reported, never replaced."""
    (tmp_path / "issuer-key.pem").write_text("no key")

    result = run("--data-dir", str(tmp_path))

    assert result.exit_code == 2
    assert f"cannot use {tmp_path / 'issuer-key.pem'}" in result.stderr
    assert (tmp_path / "issuer-key.pem").read_text() == "no key"
