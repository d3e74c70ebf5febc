"""`${…}` and `when`: names, functions, and the same values for the same seed (record-replay §12)."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from azdicom_scenarios.conditions import ConditionError, holds, parse
from azdicom_scenarios.variables import Scope, VariableError

CLOCK = datetime(2024, 1, 31, 12, 30, 45, tzinfo=UTC)
VALUES = {"a": {"b": ["x", "y"]}, "n": 3, "yes": True, "nothing": None, "items": ["p", "q"], "t": "text"}


def a_scope(**changes: Any) -> Scope:
    settings: dict[str, Any] = {"seed": 1, "scenario_name": "s", "values": dict(VALUES), "clock": CLOCK}
    return Scope(**(settings | {"environment": {}} | changes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no variable", "no variable"),
        ("${a.b[0]}-${t}", "x-text"),
        ("${ t }", "text"),
        ("$${t}", "${t}"),
        ("${n} ${yes} ${nothing} ${items}", '3 true null ["p", "q"]'),
        ("${now(%Y%m%d)}", "20240131"),
        ("${now()}", "2024-01-31T12:30:45Z"),
        ("${date()}", "20240131"),
        ("${date(+1d)}", "20240201"),
        ("${date(-2w)}", "20240117"),
        ("${date(+1m)}", "20240229"),
        ("${date(-1y, %Y-%m-%d)}", "2023-01-31"),
        ("${env(HOME_TOWN, 'Ulm, Donau')}", "Ulm, Donau"),
        ("${b64(t)}", "dGV4dA=="),
        ("${b64('a,b')}", "YSxi"),
    ],
)
def test_texts_are_filled_in(text: str, expected: str) -> None:
    """Record-replay §12, variables."""
    assert a_scope().substitute(text) == expected


def test_a_text_that_is_one_variable_keeps_its_type() -> None:
    """A captured number stays one in a JSON body."""
    assert a_scope().fill({"${t}": ["${n}", "${items}", "n ${n}", 1.5, None]}) == {
        "text": [3, ["p", "q"], "n 3", 1.5, None]
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${b}", "${b}: there is no 'b' (have: a, items, n, nothing, t, yes)"),
        ("${a.c}", "${a.c}: a.c: there is no 'c' (have: b)"),
        ("${a.b[2]}", "${a.b[2]}: a.b[2]: there are only 2"),
        ("${t[0]}", "${t[0]}: t[0]: this is no list"),
        ("${t.upper}", "${t.upper}: t.upper: there is no 'upper'"),
        ("${env(NO_SUCH)}", "${env(NO_SUCH)}: the environment has no NO_SUCH"),
        ("${rand(x)}", "${rand(x)}: rand(x): expected a whole number, 1 or more"),
        ("${date(tomorrow)}", "${date(tomorrow)}: 'tomorrow' is no offset such as +1d, -2w, +3m or -1y"),
        ("${date(+9999999d)}", "${date(+9999999d)}: '+9999999d' leads out of the calendar"),
    ],
)
def test_a_variable_without_value_says_what_there_is(text: str, message: str) -> None:
    """Record-replay §13.5 asks as much of lint; the run says it too."""
    with pytest.raises(VariableError, match=re.escape(message)):
        a_scope().substitute(text)


def test_files_are_relative_to_the_scenario(tmp_path: Path) -> None:
    """Record-replay §12, file(P) and b64(file(P)): bytes stay bytes."""
    (tmp_path / "x.bin").write_bytes(b"\xff\x00")
    (tmp_path / "x.txt").write_text("grüß", "utf-8")
    scope = a_scope(folder=tmp_path)

    assert scope.substitute("${b64(file(x.bin))} ${file(x.txt)}") == "/wA= grüß"


def test_the_same_seed_and_scenario_draw_the_same_values() -> None:
    """Record-replay §12: two runs send identical bytes."""
    text = "${uid()} ${rand(1000000)} ${now()} ${uid()}"

    first, again = (a_scope(clock=None).substitute(text) for _ in range(2))

    assert first == again
    assert a_scope(clock=None, seed=2).substitute(text) != first
    assert a_scope(clock=None, scenario_name="other").substitute(text) != first


def test_uids_are_valid_and_new_each_time() -> None:
    """PS3.5 §B.2: `2.25.` and a UUID as a decimal number."""
    uids = a_scope().substitute("${uid()} ${uid()}").split()

    assert len(set(uids)) == 2
    assert all(re.fullmatch(r"2\.25\.[1-9]\d{0,38}", uid) for uid in uids)


def test_a_salt_changes_uids_only() -> None:
    """Record-replay §13.1: on shared targets, UIDs are salted per run."""
    assert a_scope(salt="r1").substitute("${uid()}") != a_scope().substitute("${uid()}")
    assert a_scope(salt="r1", clock=None).substitute("${now()}") == a_scope(clock=None).substitute("${now()}")


def test_steps_at_the_same_time_draw_the_same_in_any_order() -> None:
    """Record-replay §12, `parallel`: who comes first must not matter."""
    scope = a_scope()
    one, two = scope.child("1"), scope.child("2")
    drawn = (one.substitute("${uid()}"), two.substitute("${uid()}"))

    later = a_scope()
    turned = (later.child("2").substitute("${uid()}"), later.child("1").substitute("${uid()}"))

    assert drawn == turned[::-1]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("${n} == 3", True),
        ("${t} != text", False),
        ("${t} == 'text'", True),
        ("p in ${items}", True),
        ("z not in ${items}", True),
        ("${t} in [other, text]", True),
        ("ex in ${t}", True),
        ("${yes} and not ${nothing}", True),
        ("${nothing} or ${n} == 4", False),
        ("not (${n} == 4 or ${n} == 5) and ${yes}", True),
        ("${n} == 4 and ${n} == 3 or ${yes}", True),
    ],
)
def test_conditions_hold_or_not(condition: str, expected: bool) -> None:
    """Record-replay §12, `when`."""
    assert holds(parse(condition), a_scope()) is expected


@pytest.mark.parametrize(
    "condition", ["", "${n} ==", "${n} < 3", "(${n} == 3", "${n} == 3 ${t}", "__import__('os')", "a = b", "and", "[a]"]
)
def test_anything_else_is_no_condition(condition: str) -> None:
    """Record-replay §12, `when`: only these operators."""
    with pytest.raises(ConditionError):
        parse(condition)
