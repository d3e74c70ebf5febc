"""`azdicom token`: prints an access token of the built-in issuer, also one that a server must refuse."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import click

from azdicom_emulator.identity.errors import KeyUnusableError
from azdicom_emulator.identity.issuer import AUDIENCE, LIFETIME_S, ROLES_BY_NAME, Issuer
from azdicom_emulator.settings import DEFAULT_PORT, DEVELOPMENT_ISSUER

DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"
TOKEN_PATH = "/development/oauth2/v2.0/token"
TIMEOUT_S = 30
EXAMPLES = f"""
\b
Examples:
  azdicom token
  azdicom token --role reader --expires-in 300
  azdicom token --data-dir data                  without a running server
  azdicom token --expires-in -60                 expired: a server answers 401
  azdicom token --role none                      without a role: a server answers 403
  azdicom token --audience https://example.org   for another service: a server answers 401
  curl -H "Authorization: Bearer $(azdicom token)" -H "Accept: application/dicom+json" {DEFAULT_URL}/v2/studies
"""


class TokenError(click.ClickException):
    """No token: one line, exit code 2."""

    exit_code = 2


@click.command(epilog=EXAMPLES)
@click.option(
    "--role",
    type=click.Choice(list(ROLES_BY_NAME)),
    default="owner",
    show_default=True,
    help="DICOM Data Owner, DICOM Data Reader, or no role at all.",
)
@click.option(
    "--expires-in",
    type=int,
    default=LIFETIME_S,
    show_default=True,
    metavar="SECONDS",
    help="Life time; below 0 for a token that has expired.",
)
@click.option("--audience", default=AUDIENCE, show_default=True, help="Claim aud: the service that the token is for.")
@click.option("--url", help=f"Server whose issuer is asked.  [default: {DEFAULT_URL}]")
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Make the token here, with the key in a server's data folder.",
)
@click.option("--issuer", help=f"Claim iss, with --data-dir.  [default: {DEVELOPMENT_ISSUER}]")
def token(
    role: str, expires_in: int, audience: str, url: str | None, data_dir: Path | None, issuer: str | None
) -> None:
    """Print an access token of the built-in development issuer."""
    if data_dir is None:
        if issuer is not None:
            raise click.UsageError("--issuer needs --data-dir: a server makes tokens in its own name")
        click.echo(_asked(url or DEFAULT_URL, role, audience, expires_in))
        return
    if url is not None:
        raise click.UsageError("--url and --data-dir exclude each other")
    try:
        made = Issuer(data_dir, issuer or DEVELOPMENT_ISSUER).token(
            client_id=role, audience=audience, lifetime_s=expires_in
        )
    except KeyUnusableError as error:
        raise TokenError(str(error)) from None
    click.echo(made)


def _asked(url: str, role: str, audience: str, expires_in: int) -> str:
    """The token that the server at `url` makes. Raises TokenError."""
    form = {
        "grant_type": "client_credentials",
        "client_id": role,
        "client_secret": "any",
        "scope": f"{audience}/.default",
        "expires_in": expires_in,
    }
    try:
        request = urllib.request.Request(url.rstrip("/") + TOKEN_PATH, urlencode(form).encode())
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return str(json.load(answer)["access_token"])
    except urllib.error.HTTPError as error:
        with error:
            raise TokenError(_refusal(url, error)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TokenError(
            f"cannot get a token from {url}: {reason}. Is `azdicom serve` running there? "
            "Without a server: azdicom token --data-dir FOLDER"
        ) from None


def _refusal(url: str, error: urllib.error.HTTPError) -> str:
    if error.code == 404:
        return f"{url} gives no tokens: it takes those of another issuer (--auth-jwks), or it is no azdicom server"
    try:
        return f"{url} gives no token: {json.load(error)['error_description']}"
    except (ValueError, KeyError):
        return f"{url} gives no token: HTTP {error.code}"
