"""Proxies for tests: with a cassette of the test's own, or as a test wants them."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from azdicom_proxy.embedded import proxying
from azdicom_proxy.settings import Matching, Mode, ProxySettings, UpstreamAuth
from azdicom_proxy.upstream.address import Address
from azdicom_scenarios.pytest_plugin.emulator import DicomEmulator
from azdicom_scenarios.pytest_plugin.fixtures import path_beside
from azdicom_scenarios.pytest_plugin.options import record_mode_of, upstream_of

NEEDS_NO_UPSTREAM = (Mode.REPLAY,)


@dataclass(frozen=True, slots=True)
class DicomProxy:
    """A running proxy. cassette: its file, None where it has none."""

    url: str
    cassette: Path | None

    @property
    def service_url(self) -> str:
        """What DICOMweb clients take as the service's URL."""
        return f"{self.url}/v2"

    @property
    def misses(self) -> list[str]:
        """Requests that the cassette had no answer for, each with what was nearest."""
        answer = DicomEmulator(self.url).request("GET", "/_azdicom/misses")
        found: dict[str, list[str]] = json.loads(answer.content)
        return [miss for misses in found.values() for miss in misses]


def start_proxy(stack: ExitStack, request: pytest.FixtureRequest, settings: dict[str, Any]) -> DicomProxy:
    """A proxy until `stack` is left. settings: fields of ProxySettings, `upstream` as a URL; mode: also as text."""
    chosen: dict[str, Any] = {"quiet": True, "mode": Mode.PASSTHROUGH} | settings
    chosen["mode"] = Mode(chosen["mode"])
    if "cassette" in chosen:
        chosen["cassette"] = Path(chosen["cassette"])
    if chosen["mode"] in NEEDS_NO_UPSTREAM:
        chosen.pop("upstream", None)
    else:
        chosen["upstream"] = Address.parse(chosen.get("upstream") or _upstream(request))
        chosen.setdefault("auth", UpstreamAuth(request.config.getoption("--dicom-auth")))
    proxy = stack.enter_context(proxying(ProxySettings(**chosen)))
    return DicomProxy(proxy.url, chosen.get("cassette"))


def cassette_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of the proxy of `dicom_cassette`: the mark `dicom_cassette` over options over defaults."""
    mark = request.node.get_closest_marker("dicom_cassette")
    words = dict(mark.kwargs) if mark is not None else {}
    if mark is not None and mark.args:
        words["name"] = mark.args[0]
    unknown = words.keys() - {"name", "record_mode", "match_on", "upstream"}
    if unknown:
        raise pytest.UsageError(f"{request.node.nodeid}: mark dicom_cassette has no {', '.join(sorted(unknown))}")
    settings = _recording(
        path_beside(request, "cassettes", words.get("name")), words.get("record_mode") or record_mode_of(request.config)
    )
    if "match_on" in words:
        settings["matching"] = Matching(match_on=tuple(words["match_on"]))
    if "upstream" in words:
        settings["upstream"] = words["upstream"]
    return settings


def parity_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of the proxy that keeps the upstream's answers: they are taken anew under --dicom-update-snapshots."""
    cassette = path_beside(request, "parity")
    mode = "rewrite" if request.config.getoption("--dicom-update-snapshots") else record_mode_of(request.config)
    if mode != "none" and not cassette.exists() and upstream_of(request.config) is None:
        pytest.skip(f"{cassette} is not there: take it with --dicom-upstream URL")
    return _recording(cassette, mode)


def _recording(cassette: Path, record_mode: str) -> dict[str, Any]:
    if record_mode == "none" or (record_mode == "once" and cassette.exists()):
        return {"mode": Mode.REPLAY, "cassette": cassette}
    return {"mode": Mode.RECORD, "record_mode": record_mode, "cassette": cassette}


def _upstream(request: pytest.FixtureRequest) -> str:
    upstream = upstream_of(request.config)
    if upstream is not None:
        return upstream
    emulator: DicomEmulator = request.getfixturevalue("dicom_emulator")
    return emulator.url
