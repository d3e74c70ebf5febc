"""Which sinks there are: `EVENT_PROVIDERS` as the earlier emulator read it, and the file of `--events`."""

import logging
from pathlib import Path

import pytest

from azdicom_emulator.events.envelopes import Schema
from azdicom_emulator.events.providers import (
    Batch,
    Encoding,
    Kind,
    ProvidersError,
    providers_of_environment,
    providers_of_file,
)
from azdicom_emulator.settings import Settings
from tests.support.process import COMMAND
from tests.support.server import running

WEBHOOK = '{"type": "webhook", "url": "http://127.0.0.1:9/x"}'


@pytest.mark.parametrize("text", [f"[{WEBHOOK}]", f'{{"providers": [{WEBHOOK}]}}'], ids=["array", "object"])
def test_environment_is_an_array_or_an_object_with_one(text: str) -> None:
    """async §6.4."""
    (provider,) = providers_of_environment(text)

    assert (provider.type, provider.url) == (Kind.WEBHOOK, "http://127.0.0.1:9/x")
    assert (provider.schema, provider.batch, provider.validate) == (Schema.EVENT_GRID, Batch.ARRAY, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "EVENT_PROVIDERS is ignored"),
        ("5", "expected a list of providers"),
        ('[{"type": "carrier_pigeon"}]', "unknown type 'carrier_pigeon'. Known: webhook"),
        ('[{"type": "webhook"}]', "webhook needs url"),
        ('[{"type": "azure_storage_queue", "queue_name": "q"}]', "azure_storage_queue needs connection_string"),
        ('[{"type": "webhook", "url": "ftp://x"}]', "'ftp://x' is no http or https URL"),
        ("[7]", "expected `name: value` pairs"),
    ],
)
def test_what_is_wrong_in_the_environment_is_logged_and_left_out(
    text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """async §6.4: parse error: no providers; unknown types and missing fields logged and skipped."""
    with caplog.at_level(logging.ERROR):
        assert providers_of_environment(text) == ()

    assert said in caplog.text


def test_entries_that_are_not_enabled_or_wrong_do_not_hide_the_others() -> None:
    """async §6.4: `enabled: false` is skipped; fields that nobody knows are no error there."""
    text = '[{"type": "webhook", "url": "http://x/", "enabled": false}, {"type": "?"}, {"type": "in_memory", "x": 1}]'

    assert [provider.type for provider in providers_of_environment(text)] == [Kind.IN_MEMORY]


def test_schema_seed_has_the_defaults_of_the_earlier_emulator() -> None:
    """async §6.4: one object a request, three attempts, plain text in queues."""
    (provider,) = providers_of_environment(f"[{WEBHOOK[:-1]}, " + '"schema": "seed"}]')

    assert (provider.batch, provider.encoding, provider.retry_attempts) == (Batch.SINGLE, Encoding.TEXT, 3)


def test_names_stay_the_same_and_differ() -> None:
    """Own design: the position of a sink is kept by its name."""
    first, second = (providers_of_environment(f"[{WEBHOOK}, {WEBHOOK}]") for _ in range(2))

    assert first == second
    assert len({provider.name for provider in first}) == 2


def test_file_lists_providers(tmp_path: Path) -> None:
    """docs/events.md."""
    path = tmp_path / "events.yaml"
    path.write_text("providers:\n  - type: file\n    file_path: e.jsonl\n    schema: cloudevents\n")

    (provider,) = providers_of_file(path)

    assert (provider.type, provider.file_path, provider.schema) == (Kind.FILE, "e.jsonl", Schema.CLOUD_EVENTS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- type: wobhook\n", "provider 1: unknown type 'wobhook'"),
        ("- {type: in_memory, colour: red}\n", "provider 1: unknown field 'colour'. Known: batch"),
        ("- {type: in_memory, schema: x}\n", "provider 1: unknown schema 'x'. Known: eventgrid, cloudevents, seed"),
        ("- {type: webhook, url: 'http://x/', retry_attempts: 0}\n", "retry_attempts is to be a whole number"),
        ("- {type: webhook, url: 'http://x/', validate: perhaps}\n", "validate is to be true or false"),
        ("- {type: in_memory, name: 'a b'}\n", "a name has 1 to 64 letters"),
        ("a: [", "is not YAML"),
        ("providers: 3", "expected a list of providers"),
    ],
)
def test_what_is_wrong_in_the_file_stops_the_start(tmp_path: Path, content: str, said: str) -> None:
    """docs/events.md: one line that says where and what."""
    path = tmp_path / "events.yaml"
    path.write_text(content)

    with pytest.raises(ProvidersError) as raised:
        providers_of_file(path)

    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_serve_ends_with_exit_code_2_and_one_line(tmp_path: Path) -> None:
    """record-replay §1."""
    import subprocess

    done = subprocess.run(
        (*COMMAND, "serve", "--port=0", f"--data-dir={tmp_path / 'data'}", f"--events={tmp_path / 'absent.yaml'}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: cannot read {tmp_path / 'absent.yaml'}: ")


def test_variable_of_the_earlier_emulator_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """seed-features §5: EVENT_PROVIDERS and EXPIRY_INTERVAL_SECONDS."""
    from click import Context

    from azdicom_emulator.serve import serve
    from azdicom_emulator.serve_options import settings_of

    monkeypatch.setenv("EVENT_PROVIDERS", f"[{WEBHOOK}]")
    monkeypatch.setenv("EXPIRY_INTERVAL_SECONDS", "5")
    monkeypatch.chdir(tmp_path)
    with Context(serve) as context:
        serve.parse_args(context, [])
        settings = settings_of(context.params)

    assert settings.event_providers == f"[{WEBHOOK}]"
    assert settings.expiry_interval_s == 5
    with running(Settings(data_dir=tmp_path / "data", event_providers=settings.event_providers)) as emulator:
        assert [sink["type"] for sink in emulator.request("GET", "/_azdicom/events").json()["sinks"]] == ["webhook"]
