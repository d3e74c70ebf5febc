"""Fault rules in a proxy: what the client sees, what the upstream sees, and what is recorded (record-replay §14)."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator.faults.errors import FaultsError, UnknownPresetError
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.settings import Mode
from tests.faults.wire import End, seen
from tests.proxy.commands import azdicom, started
from tests.proxy.conversations import INSTANCE, Conversation
from tests.proxy.proxies import RunningProxy, proxying
from tests.support.client import Emulator
from tests.support.instances import an_instance, instance_path
from tests.support.raw import raw

BUSY = {"name": "busy", "route": "GET /studies", "do": {"status": 503, "retry_after": 2, "body": "busy"}}


@pytest.fixture
def rules(tmp_path: Path) -> Any:
    """Writes a file of rules: `rules(BUSY)`."""

    def write(*each: dict[str, Any]) -> Path:
        file = tmp_path / "faults.yaml"
        file.write_text(json.dumps({"faults": each}))
        return file

    return write


def asked(upstream: Emulator) -> list[tuple[str, str]]:
    """What has reached the upstream: methods and routes below the version."""
    entries = upstream.request("GET", "/_azdicom/journal").json()
    return [(entry["method"], entry["target"].partition("?")[0].removeprefix("/v2")) for entry in entries]


def journal(proxy: RunningProxy) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = proxy.admin("GET", "journal").json()
    return entries


def test_refusal_comes_from_the_rule_and_never_reaches_the_upstream(emulator: Emulator, rules: Any) -> None:
    """§14: `where: before`. Marked in the answer, the journal and the metrics."""
    with proxying(emulator.base_url, faults=rules(BUSY | {"times": 1})) as proxy:
        refused = proxy.client.get("/studies")
        entries = journal(proxy)
        metrics = proxy.admin("GET", "metrics").text
        answered = proxy.client.get("/studies")

    assert (refused.status, refused.content, refused.headers["Retry-After"]) == (503, b"busy", "2")
    assert (refused.headers["x-azdicom-source"], refused.headers["x-azdicom-fault"]) == ("fault", "busy")
    assert refused.headers.get_all("x-azdicom-source") == ["fault"]
    assert [(each["status"], each["source"], each["fault"], each["sent_bytes"]) for each in entries] == [
        (503, "fault", "busy", 4)
    ]
    assert entries[0]["id"] == refused.headers["x-azdicom-id"]
    assert 'azdicom_requests_total{route="GET /studies",status="503",source="fault"} 1' in metrics
    assert (answered.status, answered.headers["x-azdicom-source"]) == (204, "upstream")
    assert asked(emulator) == [("GET", "/studies")]


def test_page_of_another_origin_sees_the_refusal(emulator: Emulator, rules: Any) -> None:
    """--cors: the headers are on every answer."""
    with proxying(emulator.base_url, faults=rules(BUSY), cors=("*",)) as proxy:
        refused = proxy.client.get("/studies", headers={"Origin": "https://viewer.test"})

    assert refused.status == 503
    assert refused.headers["Access-Control-Allow-Origin"] in ("*", "https://viewer.test")


def test_path_with_the_name_of_a_recording_is_matched_without_it(emulator: Emulator, rules: Any) -> None:
    """Own design: `/_r/NAME` is the proxy's own."""
    with proxying(emulator.base_url, faults=rules(BUSY)) as proxy:
        refused = proxy.client.request("GET", "/_r/other/v2/studies")

    assert refused.status == 503


def test_delay_comes_before_the_real_answer(emulator: Emulator, rules: Any) -> None:
    """§14: `delay`."""
    with proxying(emulator.base_url, faults=rules({"name": "slow", "do": {"delay": "150ms"}})) as proxy:
        begun = time.monotonic()
        answer = proxy.client.get("/studies")
        seconds = time.monotonic() - begun

    assert seconds >= 0.15
    assert (answer.status, answer.headers["x-azdicom-source"]) == (204, "fault")


def test_truncated_answer_keeps_its_length_and_ends_early(emulator: Emulator, rules: Any) -> None:
    """§14: `truncate`, seen by a raw socket; the rest of what was relayed is the upstream's."""
    talk = Conversation()
    with proxying(emulator.base_url, faults=rules({"route": "GET /studies/**", "do": {"truncate": "50%"}})) as proxy:
        talk.store(emulator)
        whole = talk.ask(emulator, "GET", talk.instance_path, accept=INSTANCE).content
        cut = seen(proxy.client, "GET", f"/v2{talk.instance_path}", f"Accept: {INSTANCE}", keeps_alive=True)

    assert (cut.status, cut.end) == (200, End.CLOSED)
    assert cut.header("x-azdicom-source") == "fault"
    assert cut.declared_length == len(whole)
    assert cut.body == whole[: len(whole) // 2]


@pytest.mark.parametrize(
    "action",
    [{"delay": "10ms"}, {"rate": "20MB"}, {"dribble": {"chunks": 5, "over": "200ms"}}],
    ids=["delay", "rate", "dribble"],
)
@pytest.mark.parametrize("mode", [Mode.PASSTHROUGH, Mode.RECORD])
def test_large_answer_arrives_whole(
    mode: Mode, action: dict[str, Any], emulator: Emulator, rules: Any, tmp_path: Path
) -> None:
    """§14: shaped, larger than all buffers, and streamed; also while a copy of it is taken, which is dropped."""
    instance = emulator.store(an_instance(rows=1000, columns=3000))
    whole = emulator.retrieve(instance)
    settings = {"cassette": tmp_path / "c.yaml"} if mode is Mode.RECORD else {}
    rule = {"route": "GET /studies/**", "do": action}
    with proxying(emulator.base_url, mode, faults=rules(rule), **settings) as proxy:
        answer = proxy.client.get(instance_path(instance), accept=INSTANCE)

    assert answer.headers["x-azdicom-source"] == "fault"
    assert answer.content == whole


def test_large_answer_is_truncated_too(emulator: Emulator, rules: Any) -> None:
    """§14: nothing of a body that is sent by another way than a small one gets past the rule."""
    instance = emulator.store(an_instance(rows=1000, columns=3000))
    whole = emulator.retrieve(instance)
    with proxying(emulator.base_url, faults=rules({"route": "GET /studies/**", "do": {"truncate": "25%"}})) as proxy:
        cut = seen(proxy.client, "GET", f"/v2{instance_path(instance)}", f"Accept: {INSTANCE}", keeps_alive=True)

    assert (cut.status, cut.end, cut.header("x-azdicom-source")) == (200, End.CLOSED, "fault")
    assert cut.declared_length == len(whole)
    assert cut.body == whole[: len(whole) // 4]


def test_connection_is_reset(emulator: Emulator, rules: Any) -> None:
    """§14: `reset` is a TCP RST; the journal's status is 0: there was no answer."""
    with proxying(emulator.base_url, faults=rules({"name": "gone", "do": {"reset": True}})) as proxy:
        ended = seen(proxy.client, "GET", "/v2/studies", keeps_alive=True)
        entries = journal(proxy)

    assert (ended.content, ended.end) == (b"", End.RESET)
    assert [(each["status"], each["fault"]) for each in entries] == [(0, "gone")]
    assert asked(emulator) == []


def test_lost_answer_was_carried_out_and_is_not_recorded(emulator: Emulator, rules: Any, tmp_path: Path) -> None:
    """§14: `where: after`: the store that is sent again meets 409. Only what went right is in the cassette."""
    rule = {"name": "lost", "route": "POST /studies", "where": "after", "times": 1, "do": {"status": 503}}
    talk = Conversation()
    cassette = tmp_path / "c.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette, faults=rules(rule)) as proxy:
        lost = talk.store(proxy.client)
        stored = emulator.get("/studies").status
        again = talk.store(proxy.client)

    assert (lost.status, lost.headers["x-azdicom-fault"], stored, again.status) == (503, "lost", 200, 409)
    assert "x-azdicom-id" in lost.headers
    assert [interaction.response.status for interaction in load(cassette).interactions] == [409]


def test_answer_in_which_nothing_could_be_changed_is_recorded(emulator: Emulator, rules: Any, tmp_path: Path) -> None:
    """Own design: such a rule has not acted."""
    cassette = tmp_path / "c.yaml"
    rule = {"route": "GET /changefeed", "do": {"corrupt": "boundary"}}
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette, faults=rules(rule)) as proxy:
        answer = proxy.client.get("/changefeed")

    assert answer.headers["x-azdicom-source"] == "upstream"
    assert len(load(cassette).interactions) == 1


def test_replay_goes_wrong_as_well(emulator: Emulator, rules: Any, tmp_path: Path) -> None:
    """§14: the same rules in every server. A miss that a rule hides is still one."""
    cassette = tmp_path / "c.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        Conversation().ask(proxy.client, "GET", "/studies")
    lost = {"route": "GET /series", "where": "after", "do": {"status": 500}}
    with proxying(None, Mode.REPLAY, cassette=cassette, faults=rules(BUSY | {"times": 1}, lost)) as proxy:
        first = Conversation().ask(proxy.client, "GET", "/studies")
        second = Conversation().ask(proxy.client, "GET", "/studies")
        hidden = Conversation().ask(proxy.client, "GET", "/series")
        misses = proxy.admin("GET", "misses").json()

    assert (first.status, second.status, hidden.status) == (503, 204, 500)
    assert len(misses["default"]) == 1


def test_rules_come_and_go_while_the_proxy_runs(emulator: Emulator) -> None:
    """§15: GET, PUT and DELETE faults."""
    with proxying(emulator.base_url) as proxy:
        none = proxy.admin("GET", "faults").json()["faults"]
        put = proxy.admin("PUT", "faults", json.dumps({"seed": 5, "faults": [BUSY]}).encode())
        refused = proxy.client.get("/studies")
        summary = proxy.admin("GET", "faults").json()["summary"]
        seed = proxy.admin("GET", "info").json()["seed"]
        deleted = proxy.admin("DELETE", "faults").status
        answered = proxy.client.get("/studies")

    assert (none, put.status, [each["name"] for each in put.json()["faults"]], seed) == ([], 200, ["busy"], 5)
    assert (refused.status, deleted, answered.status) == (503, 204, 204)
    assert summary == [{"name": "busy", "route": "GET /studies", "matches": 1, "firings": 1}]


def test_hanging_request_does_not_keep_the_proxy_from_stopping(emulator: Emulator, rules: Any) -> None:
    """§14: `hang`: the connection closes when the proxy stops."""
    with proxying(emulator.base_url, faults=rules({"do": {"hang": True}})) as proxy:
        silent = seen(proxy.client, "GET", "/v2/studies", silence_s=0.1)
        begun = time.monotonic()

    assert silent.end is End.SILENT
    assert time.monotonic() - begun < 5


def test_partial_store_that_only_the_service_can_do_is_refused(emulator: Emulator, rules: Any) -> None:
    """Own design: at the start and by the admin API, with the place of the rule; `where: after` is taken."""
    rule = {"name": "part", "route": "POST /studies", "do": {"partial_store": {"fail": 1, "reason": 272}}}
    with (
        pytest.raises(FaultsError, match=r"faults\.yaml:1:\d+: a proxy cannot keep"),
        proxying(emulator.base_url, faults=rules(rule)),
    ):
        pass
    with proxying(emulator.base_url) as proxy:
        refused = proxy.admin("PUT", "faults", json.dumps({"faults": [rule]}).encode())
        taken = proxy.admin("PUT", "faults", json.dumps({"faults": [rule | {"where": "after"}]}).encode())
        answer = Conversation().store(proxy.client)

    assert (refused.status, taken.status) == (400, 200)
    assert "where: after" in refused.json()["detail"]
    assert (answer.status, answer.headers["x-azdicom-fault"], answer.failure_reasons()) == (409, "part", [272])


def test_preset_that_is_unknown_is_refused(emulator: Emulator) -> None:
    """--chaos."""
    with pytest.raises(UnknownPresetError, match="azure-busy"), proxying(emulator.base_url, chaos=("azure-bussy",)):
        pass


@pytest.mark.parametrize("way", ["options", "environment", "project file"])
def test_rules_are_given_by_options_environment_or_project_file(
    way: str, emulator: Emulator, rules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/configuration.md. What the rules did is told at the end."""
    rules(BUSY)
    given = {"faults": "faults.yaml", "chaos": "slow-disk", "seed": "4"}
    arguments = [f"--{name}={value}" for name, value in given.items()] if way == "options" else []
    if way == "project file":
        (tmp_path / "azdicom.yaml").write_text("proxy:\n" + "".join(f"  {key}: {given[key]}\n" for key in given))
    if way == "environment":
        monkeypatch.setattr("tests.proxy.commands.clean_environment", lambda: os.environ | _variables(given))
    with started(tmp_path, "proxy", f"--upstream={emulator.base_url}", *arguments) as proxy:
        status = proxy.client.get("/studies").status
        shown = proxy.client.request("GET", "/_azdicom/faults").json()
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.ends() == 0

    assert status == 503
    assert [each["name"] for each in shown["faults"]] == ["busy", "slow-write", "slow-read"]
    assert shown["seed"] == 4
    assert "fault: busy" in proxy.said
    assert "fault rule busy (GET /studies): 1 matches, 1 firings (seed 4)" in proxy.said


def _variables(given: dict[str, str]) -> dict[str, str]:
    return {f"AZDICOM_{name.upper()}": value for name, value in given.items()}


@pytest.mark.parametrize(
    ("command", "option", "message"),
    [
        ("proxy", "--faults=bad.yaml", "bad.yaml:1:29: unknown word 'rout'"),
        ("proxy", "--faults=none.yaml", "none.yaml:1:1: cannot read it"),
        ("record", "--chaos=azure-bussy", "'azure-bussy' is not one of"),
    ],
    ids=["mistake in a rule", "no file", "unknown preset"],
)
def test_mistake_in_the_rules_stops_the_start(command: str, option: str, message: str, tmp_path: Path) -> None:
    """§14: one line, exit code 2."""
    (tmp_path / "bad.yaml").write_text("faults: [{do: {hang: true}, rout: GET /x}]\n")
    more = ("--out=c.yaml", option, "--", "true") if command == "record" else (option,)

    done = azdicom(command, "--upstream=http://127.0.0.1:9", *more, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    "header",
    ["Origin: https://evil.example", "Origin: null", "Host: evil.example", "Host: localhost.evil.example:80"],
)
def test_pages_of_elsewhere_may_not_use_the_admin_api(header: str, emulator: Emulator) -> None:
    """Own design: a browser here sends a page's POST, and a page's host name can be made to lead here."""
    host = "" if header.startswith("Host") else "Host: localhost\r\n"
    with proxying(emulator.base_url) as proxy:
        refused = raw(proxy.client, f"POST /_azdicom/shutdown HTTP/1.1\r\n{host}{header}\r\n\r\n")
        answer = proxy.client.get("/studies")

    assert (refused.status, refused.content_type) == (403, "application/problem+json")
    assert answer.status == 204


def test_each_recording_may_have_rules_of_its_own(emulator: Emulator, tmp_path: Path) -> None:
    """Parallel tests do not get each other's faults; record-replay §3.1."""
    rules = json.dumps({"faults": [{"route": "GET /studies", "do": {"status": 503}}]}).encode()
    with proxying(emulator.base_url, cassette_dir=tmp_path) as proxy:
        put = proxy.admin("PUT", "recordings/busy/faults", rules)
        statuses = {
            name: proxy.client.get("/studies", headers={"x-azdicom-recording": name}).status
            for name in ("busy", "calm")
        }
        shown = proxy.admin("GET", "recordings/busy/faults").json()["summary"]
        common = proxy.admin("GET", "faults").json()["faults"]
        cleared = proxy.admin("DELETE", "recordings/busy/faults")
        after = proxy.client.get("/studies", headers={"x-azdicom-recording": "busy"}).status
        refused = proxy.admin("GET", "recordings/a%20b/faults")

    assert (put.status, statuses) == (200, {"busy": 503, "calm": 204})
    assert [line["firings"] for line in shown] == [1]
    assert common == []
    assert (cleared.status, after) == (204, 204)
    assert refused.status == 400
