"""The proxy's admin API: what all servers have, and what only a proxy has (docs/proxy.md, Admin API)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from azdicom_emulator.admin.api import Act, AdminApi, Endpoint, read_text
from azdicom_emulator.admin.faults import fault_endpoints
from azdicom_emulator.admin.journal import Journal, journal_endpoints
from azdicom_emulator.admin.metrics import metrics_endpoints
from azdicom_emulator.admin.problems import ProblemError, json_answer
from azdicom_emulator.admin.process import process_endpoints
from azdicom_emulator.admin.seed import seed_endpoint
from azdicom_emulator.admin.ui import UI
from azdicom_emulator.faults.switch import FaultSwitch
from azdicom_emulator.settings import Settings
from azdicom_proxy.cassette.errors import CassetteError
from azdicom_proxy.exchanges import NAME
from azdicom_proxy.observing import Observer
from azdicom_proxy.recording_faults import RecordingFaults
from azdicom_proxy.recordings import Recording, Recordings
from azdicom_proxy.settings import Mode, ProxySettings

if TYPE_CHECKING:
    from azdicom_proxy.parity.diff_run import DiffRun


def create_admin(
    settings: ProxySettings,
    recordings: Recordings,
    observer: Observer,
    faults: RecordingFaults,
    stopping: asyncio.Event,
    diff: "DiffRun | None" = None,
    local_url: Callable[[], Awaitable[str]] | None = None,
) -> AdminApi:
    """For this machine only, or for whoever has the admin token.

    diff: what a proxy in diff mode finds; local_url: where its local side is, None where it has none.
    """

    def describe() -> dict[str, object]:
        return {
            "mode": recordings.mode.value,
            "record_mode": settings.record_mode,
            "upstream": settings.upstream_alias if settings.upstream is not None else None,
            "cassette": str(settings.cassette) if settings.cassette is not None else None,
            "recordings": [recording.name for recording in recordings],
            "seed": faults.common.seed,
        }

    endpoints = (
        *process_endpoints(settings.mode.value, describe, stopping.set),
        *mode_endpoints(recordings, has_upstream=settings.upstream is not None, can_diff=diff is not None),
        *recording_endpoints(recordings, observer.journal),
        *fault_endpoints(lambda: faults.common),
        *fault_endpoints(_by_name(faults), "recordings/{name}/faults"),
        *journal_endpoints(observer.journal),
        *metrics_endpoints(observer.metrics),
        UI,
        *(diff_endpoints(diff) if diff is not None else ()),
        *((seed_endpoint(local_url, Settings()),) if local_url is not None else ()),
    )
    return AdminApi(endpoints, settings.admin_token)


def diff_endpoints(diff: "DiffRun") -> tuple[Endpoint, ...]:
    """What was compared until now: the whole result, what was learned to be noise, and what was exercised."""

    async def show(request: web.BaseRequest) -> web.Response:
        return json_answer(await diff.as_json())

    async def noise(request: web.BaseRequest) -> web.Response:
        return json_answer(diff.noise_as_json())

    async def coverage(request: web.BaseRequest) -> web.Response:
        return json_answer(await diff.coverage_as_json())

    return Endpoint("GET", "diff", show), Endpoint("GET", "noise", noise), Endpoint("GET", "coverage", coverage)


def mode_endpoints(recordings: Recordings, *, has_upstream: bool, can_diff: bool) -> tuple[Endpoint, ...]:
    """PUT ends all recordings and goes on in another mode."""

    async def show(request: web.BaseRequest) -> web.Response:
        return json_answer({"mode": recordings.mode.value})

    async def put(request: web.BaseRequest) -> web.Response:
        mode = _mode_of((await _body(request)).get("mode"))
        if mode is not Mode.REPLAY and not has_upstream:
            raise ProblemError(400, f"mode {mode.value} needs an upstream, and the proxy was started without one")
        if mode is Mode.DIFF and not can_diff:
            raise ProblemError(400, "mode diff needs a proxy that was started with --mode diff")
        await recordings.set_mode(mode)
        return await show(request)

    return Endpoint("GET", "mode", show), Endpoint("PUT", "mode", _refusing(put))


def recording_endpoints(recordings: Recordings, journal: Journal) -> tuple[Endpoint, ...]:
    """One recording is opened, shown and written; all are reset; what they missed, and which ids they pair."""

    async def show(request: web.BaseRequest, name: str) -> web.Response:
        return json_answer(_named(recordings.opened(name), name).as_json())

    async def start(request: web.BaseRequest, name: str) -> web.Response:
        if not NAME.fullmatch(name):
            raise ProblemError(400, f"'{name}' is no name of a recording: letters, digits, '.', '_' and '-'")
        body = await _body(request)
        if recordings.opened(name) is not None:
            raise ProblemError(409, f"recording '{name}' is open: stop it first")
        mode = _mode_of(body["mode"]) if "mode" in body else None
        return json_answer((await recordings.get(name, mode)).as_json(), status=201)

    async def stop(request: web.BaseRequest, name: str) -> web.Response:
        return json_answer(_named(await recordings.stop(name), name).as_json())

    async def misses(request: web.BaseRequest) -> web.Response:
        return json_answer({recording.name: list(recording.misses) for recording in recordings if recording.misses})

    async def variables(request: web.BaseRequest) -> web.Response:
        return json_answer({recording.name: recording.variables_as_json() for recording in recordings})

    async def reset(request: web.BaseRequest) -> web.Response:
        await recordings.reset()
        journal.clear()
        return web.Response(status=204)

    return (
        Endpoint("GET", "recordings/{name}", show),
        Endpoint("POST", "recordings/{name}/start", _refusing(start)),
        Endpoint("POST", "recordings/{name}/stop", _refusing(stop)),
        Endpoint("GET", "misses", misses),
        Endpoint("GET", "variables", variables),
        Endpoint("POST", "reset", reset),
    )


def _by_name(faults: RecordingFaults) -> Callable[[str], FaultSwitch]:
    def find(name: str) -> FaultSwitch:
        if not NAME.fullmatch(name):
            raise ProblemError(400, f"'{name}' is no name of a recording: letters, digits, '.', '_' and '-'")
        return faults.switch(name)

    return find


def _refusing(act: Act) -> Act:
    """`act`, whose trouble with a cassette is a problem document."""

    async def acting(request: web.BaseRequest, *values: str) -> web.Response:
        try:
            return await act(request, *values)
        except CassetteError as error:
            raise ProblemError(409, str(error)) from error

    return acting


def _named(recording: Recording | None, name: str) -> Recording:
    if recording is None:
        raise ProblemError(404, f"no recording '{name}' is open")
    return recording


async def _body(request: web.BaseRequest) -> dict[str, Any]:
    """The JSON object in the body; {} for none."""
    try:
        body = json.loads(await read_text(request) or "{}")
    except ValueError as error:
        raise ProblemError(400, f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise ProblemError(400, "the body is no JSON object")
    return body


def _mode_of(value: Any) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise ProblemError(400, f"{value!r} is no mode. There are: {', '.join(Mode)}") from None
