"""Options of `azdicom serve` that concern browsers and request ids: flag, environment, file, and what is refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from azdicom_emulator.serve import serve
from azdicom_emulator.settings import Settings


class SettingsOf:
    """What the command line makes of options, environment and `azdicom.yaml`, without starting a server."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._config = folder / "azdicom.yaml"
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(folder)

    def __call__(self, *arguments: str, file: str = "", **environment: str) -> Settings:
        self._config.write_text(file)
        with self._monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            return Settings(**serve.make_context("serve", list(arguments)).params)

    def refusal(self, *arguments: str, file: str = "") -> str:
        """What is printed when the options are refused, with exit code 2."""
        self._config.write_text(file)
        done = CliRunner().invoke(serve, ["--ephemeral", *arguments])
        assert done.exit_code == 2
        return done.output


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsOf:
    return SettingsOf(tmp_path, monkeypatch)


def test_pages_of_this_machine_are_allowed_unless_strict(settings_of: SettingsOf) -> None:
    """docs/http.md, CORS."""
    assert settings_of().allowed_origins == ("loopback",)
    assert settings_of("--strict").allowed_origins == ()


def test_strict_server_can_be_given_origins(settings_of: SettingsOf) -> None:
    """Azure: Configure cross-origin resource sharing: they are configured on the service."""
    assert settings_of("--strict", "--cors-origin", "https://a.example").allowed_origins == ("https://a.example",)


def test_origins_come_from_flags_environment_or_file(settings_of: SettingsOf) -> None:
    """docs/configuration.md: the flag wins over the environment, that over the file; each can name several."""
    file = "cors-origin:\n  - https://file.example\n  - loopback\n"
    environment = {"AZDICOM_CORS_ORIGIN": "https://env.example *"}

    from_file = settings_of(file=file)
    from_environment = settings_of(file=file, **environment)
    from_flags = settings_of("--cors-origin", "https://a", "--cors-origin", "http://b:1", file=file, **environment)

    assert from_file.cors_origins == ("https://file.example", "loopback")
    assert from_environment.cors_origins == ("https://env.example", "*")
    assert from_flags.cors_origins == ("https://a", "http://b:1")


def test_one_value_in_the_file_needs_no_list(settings_of: SettingsOf) -> None:
    """docs/configuration.md."""
    assert settings_of(file="cors-method: GET\n").cors_methods == ("GET",)


def test_other_cors_options_and_request_ids(settings_of: SettingsOf) -> None:
    """docs/http.md, CORS and request ids."""
    settings = settings_of(
        *("--cors-origin", "https://a.example", "--cors-header", "Accept", "--cors-method", "GET"),
        *("--cors-max-age", "60", "--cors-credentials", "--request-ids", "off"),
    )

    assert settings.cors_headers == ("Accept",)
    assert settings.cors_methods == ("GET",)
    assert settings.cors_max_age_s == 60
    assert settings.cors_credentials
    assert not settings.sends_request_ids
    assert settings_of("--strict", file="request-ids: on\n").sends_request_ids


def test_cors_can_be_off(settings_of: SettingsOf) -> None:
    """docs/http.md, CORS."""
    assert settings_of("--cors-origin", "off").cors_origins == ()


def test_mappings_and_units_of_the_file_reach_the_settings(settings_of: SettingsOf) -> None:
    """docs/configuration.md: the names of the third column."""
    settings = settings_of(
        file="extensions:\n  search.wildcards: off\nquirks:\n  uid.alphabet: alphanumeric\nexpiry-interval: 5\n"
    )

    assert not settings.extension("search.wildcards")
    assert settings.quirk("uid.alphabet") == "alphanumeric"
    assert settings.expiry_interval_s == 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--cors-origin", "viewer.example"), "'viewer.example': expected an origin such as https://viewer.example"),
        (("--cors-origin", "https://a.example/page"), "'https://a.example/page': expected an origin"),
        (("--cors-origin", "off", "--cors-origin", "*"), "'off' allows no other origin beside it"),
        (("--cors-origin", "*", "--cors-credentials"), "--cors-credentials needs origins by name"),
        (("--cors-max-age", "-1"), "-1 is not in the range"),
    ],
)
def test_options_that_make_no_sense_are_refused(settings_of: SettingsOf, arguments: tuple[str, ...], text: str) -> None:
    """Own design; credentials with `*`: Azure: Configure cross-origin resource sharing."""
    assert text in " ".join(settings_of.refusal(*arguments).split())


def test_unknown_name_in_the_file_is_refused_with_its_line(settings_of: SettingsOf) -> None:
    """docs/configuration.md: the line, and what is known."""
    output = settings_of.refusal(file="port: 0\ncors-orgin: x\n")

    assert "azdicom.yaml:2: unknown setting 'cors-orgin'. Known: " in output
    assert "cors-origin" in output
