"""Reads rules from YAML: a file of their own, or the `parity:` block of `azdicom.yaml`; all errors in one pass."""

from collections.abc import Callable, Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from azdicom_proxy.exit_codes import UsageFailure
from azdicom_proxy.parity.places import BadPlaceError, Place
from azdicom_proxy.parity.rules import Do, Rule, Rules

BLOCK = "parity"
KEYS = ("route", "at", "do", "because", "until")
PLAIN = tuple(do.value for do in Do if do is not Do.TOLERANCE)


class RulesError(UsageFailure):
    """One line for each thing that is wrong: `FILE:LINE:COLUMN: error[rule-id]: text`."""


def load_rules(*paths: Path, today: date | None = None) -> Rules:
    """The rules of the files, in their order. today: default the current day, in UTC.

    Raises RulesError: unreadable, no list of rules, a rule that is wrong, or whose `until` has passed.
    """
    reader = _Reader(today or _today())
    rules = [rule for path in paths for rule in reader.read(path)]
    if reader.problems:
        raise RulesError("\n".join(reader.problems))
    return Rules(tuple(rules))


def project_has_rules(path: Path) -> bool:
    """Whether a project file is there and has a `parity:` block."""
    try:
        root = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False  # what is wrong with the file is said where its settings are read
    return isinstance(root, yaml.MappingNode) and any(key.value == BLOCK for key, _ in root.value)


def _today() -> date:
    from datetime import UTC, datetime

    return datetime.now(UTC).date()


class _Reader:
    def __init__(self, today: date) -> None:
        self.problems: list[str] = []
        self._today = today
        self._path = Path()

    def read(self, path: Path) -> Iterator[Rule]:
        self._path = path
        try:
            root = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{path}:1:1: error[missing-file]: cannot read it: {error}")
            return
        except yaml.YAMLError as error:
            self.problems.append(f"{path}:{_mark(error)}: error[syntax]: {_first_line(error)}")
            return
        if root is not None:
            yield from self._rules(_block(root))

    def _rules(self, node: yaml.Node) -> Iterator[Rule]:
        if not isinstance(node, yaml.SequenceNode):
            self._say(node, "wrong-type", "expected a list of rules, or a `parity:` block with one")
            return
        for item in node.value:
            rule = self._rule(item)
            if rule is not None:
                yield rule

    def _rule(self, node: yaml.Node) -> Rule | None:
        if not isinstance(node, yaml.MappingNode):
            self._say(node, "wrong-type", f"a rule has the keys {', '.join(KEYS)}")
            return None
        before = len(self.problems)
        given = self._keys(node)
        because = self._text(given.get("because")).strip()
        if not because:
            self._say(given.get("because", node), "missing-because", "a rule needs a reason: `because: …`")
        do, tolerance = self._do(node, given.get("do"))
        place = self._converted(given.get("at"), "bad-place", Place.parse, BadPlaceError)
        until = self._until(given.get("until"))
        if len(self.problems) > before:
            return None
        return Rule(
            do=do,
            tolerance=tolerance,
            because=because,
            route=self._text(given.get("route")) or "*",
            at=place,
            until=until,
            source=f"{self._path}:{node.start_mark.line + 1}",
        )

    def _keys(self, node: yaml.MappingNode) -> dict[str, yaml.Node]:
        given: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in KEYS:
                near = get_close_matches(name, KEYS, 1)
                hint = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(KEYS)}"
                self._say(key, "unknown-key", f"'{name}' is not allowed in a rule{hint}")
            elif name in given:
                self._say(key, "duplicate-key", f"'{name}' is there twice")
            given[name] = value
        return given

    def _do(self, rule: yaml.Node, node: yaml.Node | None) -> tuple[Do, float]:
        if node is None:
            self._say(rule, "missing-do", f"a rule needs `do:` {_choices()}")
        elif isinstance(node, yaml.MappingNode) and [str(key.value) for key, _ in node.value] == [Do.TOLERANCE]:
            tolerance = self._converted(node.value[0][1], "wrong-type", float, ValueError)
            if tolerance is not None and not tolerance >= 0:
                self._say(node, "wrong-type", "a tolerance is a number from 0 on")
            return Do.TOLERANCE, tolerance or 0.0
        elif isinstance(node, yaml.ScalarNode) and node.value in PLAIN:
            return Do(node.value), 0.0
        else:
            near = get_close_matches(str(node.value), PLAIN, 1) if isinstance(node, yaml.ScalarNode) else ()
            hint = f"; did you mean '{near[0]}'?" if near else ""
            self._say(node, "unknown-do", f"expected {_choices()}{hint}")
        return Do.IGNORE, 0.0

    def _until(self, node: yaml.Node | None) -> date | None:
        until: date | None = self._converted(node, "wrong-type", date.fromisoformat, ValueError)
        if node is not None and until is not None and until < self._today:
            self._say(node, "expired-rule", f"the rule was to end on {until}: look at it again, or give it another day")
        return until

    def _converted(
        self, node: yaml.Node | None, problem: str, convert: Callable[[str], Any], error: type[Exception]
    ) -> Any:
        if node is None:
            return None
        try:
            return convert(self._text(node))
        except error as wrong:
            self._say(node, problem, str(wrong))
            return None

    def _text(self, node: yaml.Node | None) -> str:
        """As written: YAML's own reading would make numbers and days of text."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode):
            self._say(node, "wrong-type", "expected a single value")
            return "?"
        return str(node.value)

    def _say(self, node: yaml.Node, problem: str, text: str) -> None:
        mark = node.start_mark
        self.problems.append(f"{self._path}:{mark.line + 1}:{mark.column + 1}: error[{problem}]: {text}")


def _block(root: yaml.Node) -> yaml.Node:
    """The `parity:` block of a mapping; anything else is taken for the rules themselves."""
    if isinstance(root, yaml.MappingNode):
        return next((value for key, value in root.value if key.value == BLOCK), root)
    return root


def _choices() -> str:
    return f"{', '.join(PLAIN)}, or `tolerance: NUMBER`"


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"


def _first_line(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
