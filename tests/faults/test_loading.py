"""Files of fault rules: what is read, and where a mistake is said to be (record-replay §14)."""

import re
from pathlib import Path

import pytest

from azdicom_emulator.faults.action_loading import ACTION_WORDS
from azdicom_emulator.faults.actions import (
    Actions,
    Amount,
    Corrupt,
    Corruption,
    Dribble,
    FixedDelay,
    LognormalDelay,
    PartialStore,
    RetryAfter,
    SlowOperation,
    UniformDelay,
)
from azdicom_emulator.faults.errors import FaultsError, UnknownPresetError
from azdicom_emulator.faults.loading import RULE_WORDS, load_rules
from azdicom_emulator.faults.presets import PRESETS, preset
from azdicom_emulator.faults.rules import Rule, Where
from azdicom_emulator.faults.switch import switch_of

SAMPLE = """\
faults:
  - name: busy-upload
    route: POST /studies
    probability: 0.3
    after: 2
    do: {status: 503, retry_after: 2, body: {json: {error: busy}}}
  - route: GET **/frames/*
    do: {delay: {dist: lognormal, median: 80ms, sigma: 0.5}}
  - route: GET /studies/{study}
    do: {truncate: 60%}
"""


def rule_of(text: str) -> Rule:
    (rule,) = load_rules(f"faults:\n  - {text}", "f.yaml").rules
    return rule


def actions_of(text: str) -> Actions:
    return rule_of(f"do: {text}").actions


def test_rules_of_the_specification_are_read() -> None:
    """§14, the sample."""
    busy, slow, cut = load_rules(SAMPLE, "f.yaml").rules

    assert (busy.name, busy.probability, busy.after, busy.every, busy.times) == ("busy-upload", 0.3, 2, 1, None)
    assert busy.actions.status is not None
    assert (busy.actions.status.status, busy.actions.status.retry_after) == (503, RetryAfter(2))
    assert busy.actions.status.body == b'{"error":"busy"}'
    assert (slow.name, slow.actions.delay) == ("rule-2", LognormalDelay(0.08, 0.5))
    assert (cut.name, cut.actions.truncate, cut.where) == ("rule-3", Amount(60, is_percent=True), Where.BEFORE)


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("{delay: 80ms}", Actions(delay=FixedDelay(0.08))),
        ("{delay: 1.5}", Actions(delay=FixedDelay(1.5))),
        ("{delay: {dist: uniform, min: 1ms, max: 2s}}", Actions(delay=UniformDelay(0.001, 2))),
        ("{rate: 64KiB/s}", Actions(rate=65536)),
        ("{dribble: {chunks: 3, over: 1m}}", Actions(dribble=Dribble(3, 60))),
        ("{truncate: 500}", Actions(truncate=Amount(500))),
        ("{corrupt: {at: 50%, bytes: 4}}", Actions(corrupt=Corrupt(Corruption.BYTES, Amount(50, True), 4))),
        ("{corrupt: boundary}", Actions(corrupt=Corrupt(Corruption.BOUNDARY))),
        ("{partial_store: {fail: 2}}", Actions(partial_store=PartialStore(Amount(2), 272))),
        ("{stale_read: 2s}", Actions(stale_read=2)),
        ("{stale_read: {for: 2s}}", Actions(stale_read=2)),
        ("{slow_operation: {polls: 3}}", Actions(slow_operation=SlowOperation(polls=3))),
        ("{slow_operation: {for: 3s}}", Actions(slow_operation=SlowOperation(seconds=3))),
        ("{reset: true}", Actions(reset=True)),
        ("{hang: yes}", Actions(hang=True)),
        ("{empty: on, delay: 1s}", Actions(empty=True, delay=FixedDelay(1))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_actions_are_read(text: str, actions: Actions) -> None:
    """§14."""
    assert actions_of(text) == actions


def test_json_is_read_as_well() -> None:
    """§15: PUT of the admin API takes JSON, and so what GET gave."""
    (rule,) = load_rules('{"seed": 7, "summary": [], "faults": [{"do": {"status": "503"}}]}', "body").rules

    assert rule.actions.status is not None
    assert rule.actions.status.status == 503


MISTAKES = {
    "not a mapping": ("- x", 1, 1, "expected `name: value` lines. Known: faults, seed, summary"),
    "top word": ("fault: []", 1, 1, "unknown word 'fault'. Did you mean 'faults'? Known: faults, seed, summary"),
    "no list": ("faults: 3", 1, 9, "expected a list"),
    "rule word": (
        "faults:\n  - rout: GET /x\n    do: {hang: true}",
        2,
        5,
        f"unknown word 'rout'. Did you mean 'route'? Known: {', '.join(RULE_WORDS)}",
    ),
    "nothing to do": ("faults:\n  - route: GET /x", 2, 5, "a rule needs `do:` with one or more of"),
    "action word": (
        "faults:\n  - do: {stauts: 503}",
        2,
        10,
        f"unknown word 'stauts'. Did you mean 'status'? Known: {', '.join(ACTION_WORDS)}",
    ),
    "route": ("faults:\n  - route: studies\n    do: {hang: true}", 2, 12, "'studies': expected METHOD /path"),
    "status": ("faults:\n  - do: {status: 99}", 2, 18, "'99': expected a whole number, 200 to 599"),
    "time": ("faults:\n  - do:\n      delay: 5 hours", 3, 14, "'5 hours': expected a time, such as 80ms, 2s or 1m"),
    "size": ("faults:\n  - do: {rate: fast}", 2, 16, "'fast': expected a size"),
    "over 100 %": ("faults:\n  - do: {truncate: 160%}", 2, 20, "'160%': expected at most 100 %"),
    "probability": ("faults:\n  - probability: 2\n    do: {hang: true}", 2, 18, "'2': expected a number from 0 to 1"),
    "not a number": ("faults:\n  - probability: x\n    do: {hang: true}", 2, 18, "'x': expected a number from 0 to 1"),
    "where": ("faults:\n  - where: during\n    do: {hang: true}", 2, 12, "'during': expected before, after"),
    "two endings": ("faults:\n  - do: {hang: true, empty: true}", 2, 9, "'hang' and 'empty' do not go together"),
    "ending and cut": ("faults:\n  - do: {reset: true, truncate: 1}", 2, 9, "'reset' and 'truncate' do not go"),
    "beside nothing": ("faults:\n  - do: {hang: true, retry_after: 1}", 2, 35, "'retry_after' belongs to `status:`"),
    "two paces": ("faults:\n  - do: {rate: 1KB, dribble: {chunks: 1, over: 1s}}", 2, 9, "'rate' and 'dribble'"),
    "missing word": ("faults:\n  - do: {dribble: {chunks: 1}}", 2, 19, "'over' is missing"),
    "given twice": ("faults:\n  - do: {hang: true}\n    do: {hang: true}", 3, 5, "'do' is given twice"),
    "same name": (
        "faults:\n  - {name: a, do: {hang: true}}\n  - {name: a, do: {hang: true}}",
        3,
        5,
        "two rules are called 'a'",
    ),
    "bad name": ("faults:\n  - {name: 'a b', do: {hang: true}}", 2, 12, "'a b': a name has letters"),
    "header line": ('faults:\n  - do: {status: 500, headers: {A: "b\\r\\nc"}}', 2, 36, "a header value is one line"),
    "header name": ("faults:\n  - do: {status: 500, headers: {'a:': b}}", 2, 33, "'a:' is no name of a header"),
    "off": ("faults:\n  - do: {hang: false}", 2, 16, "leave it out, or say true"),
    "alias": ("a: &a 1\nfaults: *a", 2, 9, "aliases (*name) are not read here"),
    "yaml": ("faults: [", 1, 10, "not YAML"),
}


@pytest.mark.parametrize(("text", "line", "column", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_where_it_stands(text: str, line: int, column: int, message: str) -> None:
    """Own design: line and column, and the words that there are."""
    with pytest.raises(FaultsError, match=re.escape(message)) as raised:
        load_rules(text, "f.yaml")

    assert str(raised.value).startswith(f"f.yaml:{line}:{column}: ")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_rules(name: str) -> None:
    """§14: azure-busy, flaky-network, slow-disk, token-expiry."""
    assert preset(name)


def test_an_unknown_preset_lists_those_that_there_are() -> None:
    """Own design."""
    with pytest.raises(
        UnknownPresetError, match="'chaos': expected azure-busy, flaky-network, slow-disk, token-expiry"
    ):
        preset("chaos")


def test_rules_of_a_file_come_before_those_of_presets(tmp_path: Path) -> None:
    """Own design. The command line's seed wins over the file's."""
    file = tmp_path / "f.yaml"
    file.write_text(f"{SAMPLE}seed: 5\n")

    switch = switch_of(file, ["slow-disk", "slow-disk"], None)

    assert switch.engine is not None
    assert [state.rule.name for state in switch.engine.states] == [
        "busy-upload",
        "rule-2",
        "rule-3",
        "slow-write",
        "slow-read",
    ]
    assert (switch.seed, switch_of(file, [], 6).seed) == (5, 6)


def test_a_file_that_is_not_there_is_a_mistake_too(tmp_path: Path) -> None:
    """Own design."""
    with pytest.raises(FaultsError, match="cannot read it"):
        switch_of(tmp_path / "none.yaml", [], None)


def test_no_rules_are_no_engine() -> None:
    """Own design: without rules an exchange costs one comparison."""
    assert switch_of(None, [], None).engine is None
