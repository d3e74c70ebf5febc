"""Expressions of `when`: `==`, `!=`, `in`, `and`, `or`, `not`, parentheses, and nothing else (record-replay §12)."""

import json
import re
from dataclasses import dataclass
from typing import Any

from azdicom_scenarios.expressions import Expression, ExpressionError, Literal
from azdicom_scenarios.expressions import parse as parse_expression
from azdicom_scenarios.variables import Scope, as_text

_TOKEN = re.compile(r"\s*(==|!=|[()\[\],]|\$\{[^{}]*\}|'[^']*'|\"[^\"]*\"|[^\s()\[\],'\"=!$]+)")
_WORDS = frozenset(("and", "or", "not", "in"))


class ConditionError(ValueError):
    """A `when` that cannot be read; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Value:
    """`${…}`, or a word or text in quotes."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Items:
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """operator: `==`, `!=` or `in`."""

    operator: str
    left: Value
    right: "Value | Items"


@dataclass(frozen=True, slots=True)
class Truth:
    """A value by itself: false, null, 0, nothing and an empty text or list do not hold."""

    value: Value


@dataclass(frozen=True, slots=True)
class Negation:
    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Junction:
    """is_all: `and`, else `or`."""

    conditions: "tuple[Condition, ...]"
    is_all: bool


Condition = Comparison | Truth | Negation | Junction


def parse(text: str) -> Condition:
    """Raises ConditionError."""
    parser = _Parser(_tokens(text))
    condition = parser.alternatives()
    if parser.next is not None:
        raise ConditionError(f"'{parser.next}' is too much; only ==, !=, in, and, or, not and parentheses are known")
    return condition


def holds(condition: Condition, scope: Scope) -> bool:
    """Values compare as texts: `${param.frames} == 2`. Raises VariableError."""
    match condition:
        case Junction():
            return (all if condition.is_all else any)(holds(each, scope) for each in condition.conditions)
        case Negation():
            return not holds(condition.condition, scope)
        case Truth():
            return scope.evaluate(condition.value.expression) not in (None, False, 0, "", "false", "null", "0", [], ())
        case Comparison():
            return _compared(condition, scope)


def _compared(condition: Comparison, scope: Scope) -> bool:
    left = scope.evaluate(condition.left.expression)
    if isinstance(condition.right, Items):
        return as_text(left) in [as_text(scope.evaluate(each.expression)) for each in condition.right.values]
    right = scope.evaluate(condition.right.expression)
    if condition.operator == "in":
        return _is_in(left, right)
    return (as_text(left) == as_text(right)) is (condition.operator == "==")


def _is_in(left: Any, right: Any) -> bool:
    if isinstance(right, list | tuple | dict):
        return as_text(left) in [as_text(each) for each in right]
    return as_text(left) in as_text(right)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ConditionError(f"cannot read {json.dumps(text[at:].strip()[:30], ensure_ascii=False)}")
        tokens.append(found[1])
        at = found.end()
    return tokens


class _Parser:
    """Recursive descent: `or` binds least, then `and`, then `not`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    @property
    def next(self) -> str | None:
        return self._tokens[0] if self._tokens else None

    def alternatives(self) -> Condition:
        return self._joined("or", self._all)

    def _all(self) -> Condition:
        return self._joined("and", self._negated)

    def _joined(self, word: str, part: Any) -> Condition:
        parts = [part()]
        while self._accept(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(tuple(parts), is_all=word == "and")

    def _negated(self) -> Condition:
        if self._accept("not"):
            return Negation(self._negated())
        if self._accept("("):
            inner = self.alternatives()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        left = self._value()
        if self._accept("not"):
            self._expect("in")
            return Negation(Comparison("in", left, self._collection()))
        if self._accept("in"):
            return Comparison("in", left, self._collection())
        for operator in ("==", "!="):
            if self._accept(operator):
                return Comparison(operator, left, self._value())
        return Truth(left)

    def _collection(self) -> Value | Items:
        if not self._accept("["):
            return self._value()
        values: list[Value] = []
        while not self._accept("]"):
            if values:
                self._expect(",")
            values.append(self._value())
        return Items(tuple(values))

    def _value(self) -> Value:
        token = self.next
        if token is None or token in _WORDS or token in ("==", "!=", "(", ")", "[", "]", ","):
            raise ConditionError(f"expected a value {f'before {token!r}' if token else 'at the end'}")
        del self._tokens[0]
        if token.startswith("${"):
            try:
                return Value(parse_expression(token[2:-1]))
            except ExpressionError as error:
                raise ConditionError(str(error)) from None
        return Value(Literal(token[1:-1] if token[0] in "'\"" else token))

    def _accept(self, token: str) -> bool:
        if self.next != token:
            return False
        del self._tokens[0]
        return True

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise ConditionError(f"expected '{token}' {f'before {self.next!r}' if self.next else 'at the end'}")
