"""The options of `azdicom serve` for faults and the admin API, and faults over TLS."""

import http.client
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from azdicom_emulator.cert import make_certificate
from azdicom_emulator.faults.presets import PRESETS
from azdicom_emulator.serve import serve
from azdicom_emulator.serve_options import CHAOS
from azdicom_emulator.settings import Settings
from tests.support.instances import an_instance, instance_path
from tests.support.process import serving

OPTIONS = {"faults": "rules.yaml", "chaos": ["slow-disk"], "seed": "4", "no-admin": "true", "admin-token": "t"}


def settings_of(*arguments: str) -> Settings:
    return Settings(**serve.make_context("serve", list(arguments)).params)


@pytest.mark.parametrize("way", ["flags", "environment", "file"])
def test_options_come_from_flags_environment_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """docs/configuration.md."""
    monkeypatch.chdir(tmp_path)
    arguments: list[str] = []
    if way == "flags":
        arguments = ["--faults=rules.yaml", "--chaos=slow-disk", "--seed=4", "--no-admin", "--admin-token=t"]
    elif way == "environment":
        for name, value in OPTIONS.items():
            text = value if isinstance(value, str) else " ".join(value)
            monkeypatch.setenv(f"AZDICOM_{name.upper().replace('-', '_')}", text)
    else:
        (tmp_path / "azdicom.yaml").write_text("".join(f"{name}: {value}\n" for name, value in OPTIONS.items()))

    settings = settings_of(*arguments)

    assert (settings.faults, tuple(settings.chaos)) == (Path("rules.yaml"), ("slow-disk",))
    assert (settings.seed, settings.no_admin, settings.admin_token) == (4, True, "t")


def test_names_of_presets_are_those_that_there_are() -> None:
    """Own design: the option lists them without loading them."""
    assert set(CHAOS) == set(PRESETS)


def test_a_mistake_in_the_rules_stops_the_start(tmp_path: Path) -> None:
    """Own design: one line, exit code 2."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("faults:\n  - do: {hang: true}\n    rout: GET /x\n")

    done = CliRunner().invoke(serve, ["--ephemeral", "--port=0", f"--faults={rules}"])

    assert done.exit_code == 2
    assert f"{rules}:3:5: unknown word 'rout'. Did you mean 'route'?" in done.output


def test_faults_are_seen_over_tls_as_well(tmp_path: Path) -> None:
    """§14: the connection's own transport is below TLS."""
    cert = tmp_path / "cert.pem"
    cert.write_bytes(b"".join(make_certificate()))
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "faults:\n"
        "  - {route: GET /changefeed, do: {reset: true}}\n"
        "  - {route: GET /studies/**/metadata, do: {delay: 1ms}}\n"
        "  - {route: GET /studies/**, do: {truncate: 50%}}\n"
    )
    context = ssl.create_default_context(cafile=cert)
    with serving(tmp_path / "data", tmp_path, f"--tls-cert={cert}", f"--faults={rules}") as server:
        emulator = replace(
            server.emulator, base_url=f"https://localhost:{server.emulator.address[1]}", certificate=cert
        )
        dataset = emulator.store(an_instance(rows=300, columns=300))
        connection = http.client.HTTPSConnection(*emulator.address, timeout=10, context=context)

        with pytest.raises(ConnectionError):
            emulator.get("/changefeed")
        assert len(emulator.metadata(instance_path(dataset))) == 1
        connection.request(
            "GET", f"/v2{instance_path(dataset)}", headers={"Accept": "application/dicom; transfer-syntax=*"}
        )
        answer = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        connection.close()

    assert len(cut.value.partial) == pytest.approx(180_000 / 2, rel=0.05)
