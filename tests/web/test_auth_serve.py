"""`azdicom serve`: what it says about authentication and https, and where the options can stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from azdicom_emulator.cert import make_certificate
from azdicom_emulator.settings import DEVELOPMENT_ISSUER
from tests.support.process import serving
from tests.support.waiting import eventually

ISSUER_OPTIONS = ("--auth=jwt", "--auth-jwks=http://127.0.0.1:1/keys", "--auth-issuer=https://login.example.org/")


def printed(tmp_path: Path, *options: str) -> str:
    """Banner and log of a server that was started and stopped."""
    with serving(tmp_path / "data", tmp_path, *options):
        pass
    return (tmp_path / "serve.log").read_text()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "none (--auth any or jwt asks for tokens)"),
        (("--auth=any",), "any bearer token"),
        (("--auth=jwt",), f"tokens of {DEVELOPMENT_ISSUER}"),
        (ISSUER_OPTIONS, "tokens of https://login.example.org/"),
    ],
    ids=["none", "any", "jwt", "own issuer"],
)
def test_banner_names_the_mode(tmp_path: Path, options: tuple[str, ...], line: str) -> None:
    """Own design: the block printed when the server listens says how to get in."""
    assert f"\n  auth     {line}\n" in printed(tmp_path, *options)


def test_curl_line_of_the_banner_works_with_token_and_certificate(tmp_path: Path) -> None:
    """Own design: what is printed can be pasted."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(b"".join(make_certificate()))
    with serving(tmp_path / "data", tmp_path, "--auth=jwt", f"--tls-cert={pem}"):
        log = tmp_path / "serve.log"
        # The banner follows the port file, which is what says that the server listens.
        [line] = eventually(lambda: re.findall(r"^  try +(.+)$", log.read_text(), re.MULTILINE))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ("sh", "-c", line), env={"PATH": path, "NO_PROXY": "*"}, capture_output=True, text=True, check=False
        )

    assert re.search(r"^  service  https://127\.0\.0\.1:\d+/v2$", log.read_text(), re.MULTILINE)
    assert done.stdout.startswith("HTTP/1.1 204 No Content"), done.stderr


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        (("--host=0.0.0.0",), "listening on 0.0.0.0 without authentication"),
        (("--host=0.0.0.0", "--auth=any"), "listening on 0.0.0.0 and taking any bearer token"),
        (("--host=0.0.0.0", "--auth=jwt"), "listening on 0.0.0.0 and giving a token to whoever asks"),
        (("--host=0.0.0.0", *ISSUER_OPTIONS), None),
        (("--host=127.0.0.1",), None),
        (("--host=localhost",), None),
    ],
    ids=["none", "any", "jwt", "own issuer", "loopback", "localhost"],
)
def test_server_that_strangers_can_use_prints_a_warning(
    tmp_path: Path, options: tuple[str, ...], warning: str | None
) -> None:
    """docs/authentication.md, Modes."""
    log = printed(tmp_path, *options)

    assert ("everybody who reaches this address can read and write" in log) == (warning is not None)
    assert warning is None or warning in log


@pytest.mark.parametrize("place", ["environment", "file"])
def test_options_can_stand_in_the_environment_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """docs/configuration.md: every option is also an environment variable and a key of azdicom.yaml."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(b"".join(make_certificate()))
    values = {"auth": "any", "tls-cert": str(pem), "tls-key": str(pem), "auth-issuer": "x", "auth-jwks": "http://x/"}
    if place == "environment":
        for name, value in values.items():
            monkeypatch.setenv(f"AZDICOM_{name.upper().replace('-', '_')}", value)
        banner = printed(tmp_path)
    else:
        config = tmp_path / "settings.yaml"
        config.write_text("".join(f"{name}: {value}\n" for name, value in values.items()))
        banner = printed(tmp_path, f"--config={config}")

    assert "  auth     any bearer token\n" in banner
    assert "  service  https://" in banner


def test_start_without_tokens_loads_nothing_of_them() -> None:
    """A server that asks for no token starts without the libraries that check them."""
    script = "import sys, azdicom_emulator.application; print({'jwt', 'cryptography'} & set(sys.modules))"

    done = subprocess.run((sys.executable, "-c", script), capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
