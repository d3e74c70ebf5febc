"""JSON laid out for readers of diffs: two spaces, one element a line; every token as it was, so no value changes."""

import json
import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_MAX_LINE = 110
_CLOSING = {"{": "}", "[": "]"}
_MAX_DEPTH = 200


def reindent(text: str) -> str | None:
    """`text` laid out anew, ASCII only, ending in a line break; None: it is no JSON document.

    Numbers, key order and duplicate keys stay as written; characters outside ASCII become escapes.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    tokens = [_ascii(token) for token in _TOKEN.findall(text)]
    if _depth(tokens) > _MAX_DEPTH:
        return None
    return _Layout(tokens).document() + "\n"


def _ascii(token: str) -> str:
    if token.isascii():
        return token
    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in token)


def _depth(tokens: list[str]) -> int:
    depth = deepest = 0
    for token in tokens:
        depth += (token in _CLOSING) - (token in "}]")
        deepest = max(deepest, depth)
    return deepest


class _Layout:
    """One pass over the tokens; a container below the top that fits on a line gets one."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0

    def document(self) -> str:
        return self._value("", is_top=True)

    def _value(self, indent: str, *, is_top: bool = False) -> str:
        token = self._take()
        if token not in _CLOSING:
            return token
        members = []
        while self.tokens[self.position] != _CLOSING[token]:
            members.append(self._member(token, indent + "  "))
            if self.tokens[self.position] == ",":
                self.position += 1
        closing = self._take()
        if not members:
            return token + closing
        line = token + ", ".join(members) + closing
        if not is_top and len(indent) + len(line) <= _MAX_LINE and "\n" not in line:
            return line
        inner = f",\n{indent}  ".join(members)
        return f"{token}\n{indent}  {inner}\n{indent}{closing}"

    def _member(self, opening: str, indent: str) -> str:
        if opening == "[":
            return self._value(indent)
        key = self._take()
        self.position += 1  # the colon
        return f"{key}: {self._value(indent)}"

    def _take(self) -> str:
        token = self.tokens[self.position]
        self.position += 1
        return token
