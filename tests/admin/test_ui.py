"""The admin API's page: complete in itself, for this machine only (record-replay §15)."""

import re

from tests.support.client import Emulator


def test_page_is_whole_and_asks_nobody_else(emulator: Emulator) -> None:
    """One static page; record-replay §15."""
    answer = emulator.request("GET", "/_azdicom/ui")

    assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8")
    assert "connect-src 'self'" in answer.text
    assert not re.findall(r"(?:src|href)=(?!\"data:)", answer.text)


def test_all_that_the_page_asks_for_is_there(emulator: Emulator) -> None:
    """Endpoints that the page names; the comparison's is there in a proxy in diff mode only."""
    page = emulator.request("GET", "/_azdicom/ui").text
    asked = set(re.findall(r'ask\("([a-z]+)"', page))

    assert asked == {"journal", "faults", "info", "diff"}
    statuses = {path: emulator.request("GET", f"/_azdicom/{path}").status for path in asked}
    assert statuses == {"journal": 200, "faults": 200, "info": 200, "diff": 404}
