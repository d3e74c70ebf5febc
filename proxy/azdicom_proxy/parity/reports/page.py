"""The report as one HTML file that needs no network: the result as data, and a page that shows it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

SEPARATORS = (",", ":")
FOR_SCRIPTS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""No value can end the script element that holds the data; JSON reads the same."""


def render(result: Mapping[str, Any]) -> str:
    """The page. Values reach it as data and are shown as text only; nothing but its own script may run."""
    style, script, page = (_asset(name) for name in ("report.css", "report.js", "report.html"))
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    # The data come last: nothing that a value holds is taken for a place to fill in.
    page = page.replace("{policy}", policy).replace("{style}", style).replace("{script}", script)
    before, after = page.split("{data}")
    return before + _embedded(result) + after


def _embedded(result: Mapping[str, Any]) -> str:
    text = json.dumps(result, ensure_ascii=False, separators=SEPARATORS)
    for letter, escape in FOR_SCRIPTS.items():
        text = text.replace(letter, escape)
    return text


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """Of an inline element's content, as Content-Security-Policy names it (CSP Level 3, §2.3)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
