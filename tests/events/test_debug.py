"""`/debug/events`, an extension that is off by default (async §6.4, seed-features §8)."""

from pathlib import Path

from tests.conftest import EmulatorWith
from tests.events.providers import providers, sinks
from tests.support.client import Emulator
from tests.support.instances import an_instance
from tests.support.waiting import eventually

MEMORY = providers({"type": "in_memory"})
ON = {"http.debug_routes": True}
WARNING = '299 azdicom "http.debug_routes: the managed service would answer 404"'


def test_it_lists_and_clears_events(emulator_with: EmulatorWith) -> None:
    """async §6.4: count and events; DELETE clears; both announced."""
    emulator = emulator_with(event_providers=MEMORY, extensions=ON)
    dataset = emulator.store(an_instance())
    eventually(lambda: sinks(emulator)[0]["position"] == 1, what="delivery")

    listed = emulator.request("GET", "/debug/events")
    cleared = emulator.request("DELETE", "/debug/events")

    assert listed.json()["count"] == 1
    assert listed.json()["events"][0]["data"]["imageSopInstanceUid"] == dataset.SOPInstanceUID
    assert cleared.json() == {"message": "Events cleared"}
    assert listed.headers["Warning"] == cleared.headers["Warning"] == WARNING
    assert emulator.request("GET", "/debug/events").json() == {"count": 0, "events": []}


def test_without_a_provider_it_says_so(emulator_with: EmulatorWith) -> None:
    """async §6.4."""
    answer = emulator_with(extensions=ON).request("GET", "/debug/events")

    assert (answer.status, answer.json()) == (404, {"detail": "InMemoryEventProvider not configured"})


def test_it_is_off_by_default_and_under_strict(emulator: Emulator, emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """seed-features §8: 404, empty."""
    strict = emulator_with(data_dir=tmp_path / "other", strict=True, extensions=ON, event_providers=MEMORY)

    for server in (emulator, strict):
        answer = server.request("GET", "/debug/events")
        assert (answer.status, answer.content) == (404, b"")
        assert "Warning" not in answer.headers
