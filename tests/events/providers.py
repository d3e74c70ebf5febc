"""Event providers as a test writes them."""

import json
from typing import Any

from tests.support.client import Emulator


def providers(*entries: dict[str, Any]) -> str:
    """What `EVENT_PROVIDERS` holds."""
    return json.dumps(list(entries))


def webhook(url: str, **more: Any) -> dict[str, Any]:
    """Waits are a thousandth of the real ones."""
    return {"type": "webhook", "url": url, "retry_scale": 0.001} | more


def sinks(emulator: Emulator) -> list[dict[str, Any]]:
    """What `GET /_azdicom/events` tells."""
    answer = emulator.request("GET", "/_azdicom/events")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["sinks"]
    return found
