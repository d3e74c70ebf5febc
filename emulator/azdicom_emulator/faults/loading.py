"""From a text of rules to rules: every key checked, every error with its line and column."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from azdicom_emulator.faults.action_loading import ACTION_WORDS, read_actions
from azdicom_emulator.faults.reading import Item, document
from azdicom_emulator.faults.rules import Condition, RouteGlob, Rule, Where

TOP_WORDS = ("faults", "seed", "summary")
"""`summary` is what the admin API tells beside the rules; it may come back with them."""
RULE_WORDS = ("name", "route", "when", "probability", "after", "times", "every", "where", "do")
CONDITION_WORDS = ("header", "query", "body_larger_than")
NO_PARTIAL_STORE = "a proxy cannot keep the service from storing an instance: partial_store needs `where: after`"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """rules in order. seed: None when the text has none."""

    rules: tuple[Rule, ...]
    seed: int | None = None


def load_rules(text: str, source: str, *, is_service: bool = True) -> Loaded:
    """The rules of a YAML or JSON text. source: what messages call it. is_service: as for FaultSwitch.

    Raises FaultsError.
    """
    root = document(text, source)
    if root is None:
        return Loaded(())
    top = root.mapping(TOP_WORDS)
    rules: list[Rule] = []
    names: set[str] = set()
    for number, item in enumerate(top["faults"].items() if "faults" in top else (), start=1):
        rule = _rule(item, f"rule-{number}")
        if rule.actions.partial_store is not None and rule.where is Where.BEFORE and not is_service:
            item.refuse(NO_PARTIAL_STORE)
        if rule.name in names:
            item.refuse(f"two rules are called '{rule.name}'")
        names.add(rule.name)
        rules.append(rule)
    return Loaded(tuple(rules), top["seed"].whole(0) if "seed" in top else None)


def _rule(item: Item, default_name: str) -> Rule:
    found = item.mapping(RULE_WORDS)
    if "do" not in found:
        item.refuse(f"a rule needs `do:` with one or more of {', '.join(ACTION_WORDS)}")
    actions, limits = read_actions(found["do"])
    rule = Rule(
        name=default_name,
        route=RouteGlob.parse("**"),
        condition=Condition(),
        probability=1.0,
        after=0,
        every=1,
        times=limits,
        where=Where.BEFORE,
        actions=actions,
        written=item.plain(),
    )
    given: dict[str, Any] = {
        FIELDS.get(word, word): read(found[word]) for word, read in READERS.items() if word in found
    }
    return replace(rule, **given)


def _name(item: Item) -> str:
    if not NAME.fullmatch(item.text()):
        item.refuse(f"'{item.text()}': a name has letters, digits, '.', '_' and '-', at most 64")
    return item.text()


def _route(item: Item) -> RouteGlob:
    try:
        return RouteGlob.parse(item.text())
    except ValueError as error:
        item.refuse(str(error))


def _condition(item: Item) -> Condition:
    found = item.mapping(CONDITION_WORDS)
    return Condition(
        _globs(found["header"], ":") if "header" in found else {},
        _globs(found["query"], "=") if "query" in found else {},
        found["body_larger_than"].size_bytes() if "body_larger_than" in found else None,
    )


def _globs(item: Item, separator: str) -> Mapping[str, str]:
    """`{name: glob}`; or in one line, `Name: glob` for headers and `name=glob` for the query; a bare name is enough."""
    if item.is_mapping:
        return {name: value.text() for name, value in item.mapping().items()}
    name, _, glob = item.text().partition(separator)
    return {name.strip(): glob.strip() or "*"}


READERS: Mapping[str, Callable[[Item], object]] = {
    "name": _name,
    "route": _route,
    "when": _condition,
    "probability": lambda item: item.number(0, 1),
    "after": lambda item: item.whole(0),
    "times": lambda item: item.whole(1),
    "every": lambda item: item.whole(1),
    "where": lambda item: Where(item.word([each.value for each in Where])),
}
FIELDS = {"when": "condition"}
"""Fields of Rule that have another name than the word in the file."""
