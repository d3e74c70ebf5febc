"""Where the values of a request come from: a fixture, an earlier answer, or the client, which says them again."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from azdicom_proxy.cassette.bodies import content_of, media_type_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Empty, Inline, Interaction, Omitted
from azdicom_proxy.matching.identity import ID
from azdicom_scenarios.recording.drafts import DraftStep, Yaml

LEAST_CHARACTERS = 8
"""Shorter values that occur twice are chance, unless they are ids."""
HEADERS = ("location", "content-location", "etag")


class Inference:
    """Goes through the steps in their order; `literals` are the fixtures' values and what stands for each."""

    def __init__(self, literals: Mapping[str, str]) -> None:
        self.variables: dict[str, str] = {}
        self._known = dict(literals)
        self._answers: list[DraftStep] = []
        self._sent: Counter[str] = Counter()

    def count(self, steps: Sequence[DraftStep]) -> None:
        """Counts what the requests say, for finding what the client says again and again."""
        for step in steps:
            self._sent.update({value for value in _values(step) if value not in self._known})

    def step(self, step: DraftStep) -> None:
        """Puts variables in the place of what is known, after finding where the rest comes from."""
        for value in sorted(set(_values(step)), key=len, reverse=True):
            if value not in self._known:
                self._find(value)
        step.path = self._replaced(step.path)
        step.query = [(self._replaced(name), self._replaced(value)) for name, value in step.query]
        step.headers = {name: self._replaced(value) for name, value in step.headers.items()}
        if step.body is not None and "dicom" not in step.body:
            step.body = _mapped(step.body, self._replaced)
        self._answers.append(step)

    def expected(self, value: str) -> str:
        """A value of an answer as the scenario says it."""
        return self._replaced(value)

    def _find(self, value: str) -> None:
        if len(value) < LEAST_CHARACTERS and not ID.fullmatch(value):
            return
        if ID.fullmatch(value) and any(value in set(_values_raw(step)) for step in self._answers):
            self._name_clients(value)
            return
        for step in self._answers:
            if (locator := _locate(step.interaction, value)) is not None:
                name = f"{_word(step)}_{len(step.capture) + 1}"
                step.capture[name] = locator
                self._known[value] = f"${{{name}}}"
                return
        if ID.fullmatch(value) and self._sent[value] > 1:
            self._name_clients(value)

    def _name_clients(self, value: str) -> None:
        """A client's own id, which every run makes anew."""
        name = f"uid{len(self.variables) + 1}"
        is_uid = "." in value
        self.variables[name] = "${uid()}" if is_uid else value
        self._known[value] = f"${{{name}}}"

    def _replaced(self, text: str) -> str:
        for value in sorted(self._known, key=len, reverse=True):
            if value in text:
                whole = re.compile(rf"(?<![\w.]){re.escape(value)}(?![\w]|\.\d)")
                text = self._known[value].join(whole.split(text))
        return text


def _values(step: DraftStep) -> Iterator[str]:
    """What a request says: segments of its path, values of its query, texts of a JSON body."""
    yield from (unquote(segment) for segment in step.path.split("/") if segment)
    for name, value in step.query:
        yield value or name  # a workitem's UID is a name without a value
    yield from (value for name, value in step.headers.items() if name.lower() == "if-none-match")
    if step.body is not None and "dicom" not in step.body:
        yield from _texts(step.body)


def _values_raw(step: DraftStep) -> Iterator[str]:
    """The ids that the request of a step had when it was recorded."""
    request = step.interaction.request
    yield from ID.findall(unquote(request.uri))
    if isinstance(request.body, Inline) and is_text(media_type_of(request.headers)):
        yield from ID.findall(content_of(request.body).decode("utf-8", "replace"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _mapped(value: Any, replace: Any) -> Any:
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, Mapping):
        return {replace(key): _mapped(each, replace) for key, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, replace) for each in value]
    return value


def _word(step: DraftStep) -> str:
    return re.sub(r"\W+", "_", step.interaction.id.rpartition("-")[0]) or "value"


def _locate(interaction: Interaction, value: str) -> Yaml | None:
    """The most stable place of a value in an answer: a header, a DICOM attribute, a JSON member, the text."""
    response = interaction.response
    for name, text in response.headers:
        if name.lower() in HEADERS and text == value:
            return {"header": name}
    if not is_text(media_type_of(response.headers)) or isinstance(response.body, Empty | Omitted):
        return None
    text = content_of(response.body).decode("utf-8", "replace")
    if value not in text:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if "dicom" in media_type_of(response.headers):
        tag = _attribute(document[0] if isinstance(document, list) and document else document, value)
        if tag is not None:
            return {"dicom": tag}
    path = _json_path(document, value, "$")
    return {"json": path} if path is not None else None


def _attribute(data_set: Any, value: str) -> str | None:
    if not isinstance(data_set, Mapping):
        return None
    for tag, element in data_set.items():
        if isinstance(element, Mapping) and element.get("Value") == [value]:
            return str(tag)
    return None


def _json_path(value: Any, wanted: str, path: str) -> str | None:
    if value == wanted:
        return path
    children: Iterator[tuple[str, Any]] = iter(())
    if isinstance(value, Mapping):
        children = ((f"['{key}']" if not key.isidentifier() else f".{key}", each) for key, each in value.items())
    elif isinstance(value, list):
        children = ((f"[{position}]", each) for position, each in enumerate(value))
    for step, each in children:
        if (found := _json_path(each, wanted, path + step)) is not None:
            return found
    return None
