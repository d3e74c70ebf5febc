"""Cassettes as text: what PyYAML writes by default with JSON as literal blocks, in ASCII; reading VCR.py's dialects."""

import json
from io import BytesIO
from typing import Any

import yaml

try:
    from yaml import CSafeDumper as _BaseDumper
    from yaml import CSafeLoader as _BaseLoader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeDumper as _BaseDumper  # type: ignore[assignment]
    from yaml import SafeLoader as _BaseLoader  # type: ignore[assignment]

_PYTHON_TAGS = "tag:yaml.org,2002:python/"


class _Dumper(_BaseDumper):
    """PyYAML's default style, with line-by-line blocks for text that has lines."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: what is equal is written twice, so that one interaction can be read alone."""
        return True


class _Loader(_BaseLoader):
    """The safe loader, and the Python tags that VCR.py writes for bodies that were files or iterators."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # The emitter itself falls back to quotes where a block cannot hold the text (`\r`, trailing blanks, non-ASCII).
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _file_body(loader: _Loader, node: yaml.MappingNode) -> BytesIO:
    state = loader.construct_mapping(node, deep=True).get("state") or (b"",)
    content = state[0] or b""
    return BytesIO(content.encode() if isinstance(content, str) else content)


def _text(loader: _Loader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


def _tuple(loader: _Loader, node: yaml.SequenceNode) -> tuple[Any, ...]:
    return tuple(loader.construct_sequence(node))


def _iterator_body(loader: _Loader, node: yaml.MappingNode) -> list[Any]:
    arguments: Any = loader.construct_mapping(node, deep=True).get("args") or ([],)
    return list(arguments[0])


_Dumper.add_representer(str, _represent_text)
_Loader.add_constructor(_PYTHON_TAGS + "str", _text)
_Loader.add_constructor(_PYTHON_TAGS + "unicode", _text)
_Loader.add_constructor(_PYTHON_TAGS + "tuple", _tuple)
_Loader.add_constructor(_PYTHON_TAGS + "object/new:_io.BytesIO", _file_body)
_Loader.add_constructor(_PYTHON_TAGS + "object/apply:builtins.iter", _iterator_body)


def dump(document: Any) -> bytes:
    """`document`, of dict, list, str, int, bool, None and bytes, as ASCII with LF line ends and sorted keys."""
    text: str = yaml.dump(document, Dumper=_Dumper, default_flow_style=False, sort_keys=True, line_break="\n")
    return text.encode("ascii")


def load(text: str) -> Any:
    """The document, YAML or JSON. Raises yaml.YAMLError."""
    if text.lstrip().startswith("{"):
        # JSON escapes of surrogate pairs are no YAML, so a JSON file is not always one.
        try:
            return json.loads(text)
        except ValueError:
            pass
    return yaml.load(text, Loader=_Loader)
