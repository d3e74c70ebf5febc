"""The probes tell which reading of each open question a service follows (spec README, decision 2)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from azdicom_emulator.settings import QUIRKS
from azdicom_proxy.parity.probes import PROBES, Probe
from azdicom_proxy.parity.probing import Finding, probe, settings_of
from azdicom_proxy.parity.sides import Side
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.upstream.address import Address
from tests.conftest import EmulatorWith
from tests.support.client import Emulator

ASKED = [each for each in PROBES if each.ask is not None]
UNSEEN = {("store.preamble", "zero-at-retrieve"): "zero-at-store"}
"""What cannot be told apart from outside."""


def probed(emulator: Emulator, folder: Path, *probes: Probe, may_change_service: bool = True) -> list[Finding]:
    async def run() -> list[Finding]:
        with ThreadPoolExecutor(1) as executor:
            side = Side(Address.parse(emulator.base_url), ProxySettings(), spool=folder, executor=executor)
            try:
                return await probe(side, probes, may_change_service=may_change_service)
            finally:
                await side.close()

    return asyncio.run(run())


def test_every_quirk_has_a_probe() -> None:
    """No open question without a way to settle it."""
    assert sorted(each.quirk for each in PROBES) == sorted(QUIRKS)


@pytest.mark.parametrize("asked", ASKED, ids=lambda each: each.quirk)
def test_probe_finds_each_reading_and_leaves_nothing(asked: Probe, emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Against a strict emulator of each reading."""
    for number, value in enumerate(QUIRKS[asked.quirk].values):
        emulator = emulator_with(data_dir=tmp_path / str(number), strict=True, quirks={asked.quirk: value})

        found = probed(emulator, tmp_path, asked)

        assert found == [Finding(asked.quirk, UNSEEN.get((asked.quirk, value), value))]
        assert emulator.get("/studies").status == 204
        assert emulator.get("/extendedquerytags", accept="application/json").json() == []


def test_settings_that_follow_are_printed_for_what_is_not_the_default() -> None:
    """To be pasted behind `azdicom serve`."""
    findings = [
        Finding("store.implicit_vr", "reject"),
        Finding("uid.alphabet", "digits"),
        Finding("store.size_limit", None, "needs a request of more than 2 GB"),
    ]

    assert list(settings_of(findings)) == ["--quirk store.implicit_vr=reject"]


def test_tags_are_left_alone_where_that_was_asked(emulator: Emulator, tmp_path: Path) -> None:
    """A shared service: extended query tags are everybody's."""
    asked = [each for each in PROBES if each.changes_service]

    found = probed(emulator, tmp_path, *asked, may_change_service=False)

    assert {finding.value for finding in found} == {None}
    assert emulator.get("/changefeed", accept="application/json").json() == []
