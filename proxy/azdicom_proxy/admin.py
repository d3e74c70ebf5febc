"""The admin API below `/_azdicom/`: what the proxy is doing, and switches for tests that drive it."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from azdicom_emulator import __version__
from azdicom_proxy.cassette.errors import CassetteError
from azdicom_proxy.errors import ProxyError, problem
from azdicom_proxy.exchanges import NAME
from azdicom_proxy.journal import Journal, as_curl, as_har
from azdicom_proxy.metrics import Metrics
from azdicom_proxy.recordings import Recording, Recordings
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import LOOPBACK_HOSTS

JOURNAL_FILTERS = frozenset({"recording", "method", "status", "source", "verdict", "id"})
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_BODY_BYTES = 64 * 1024

Endpoint = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Admin:
    """Answers requests below `PREFIX`: for this machine only, or for whoever has the admin token."""

    PREFIX = "/_azdicom/"

    def __init__(
        self,
        settings: ProxySettings,
        recordings: Recordings,
        journal: Journal,
        metrics: Metrics,
        stopping: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._recordings = recordings
        self._journal = journal
        self._metrics = metrics
        self._stopping = stopping
        self._endpoints: dict[str, dict[str, Endpoint]] = {
            "health": {"GET": self._health},
            "info": {"GET": self._info},
            "mode": {"GET": self._mode, "PUT": self._set_mode},
            "journal": {"GET": self._read_journal, "DELETE": self._clear_journal},
            "misses": {"GET": self._misses},
            "metrics": {"GET": self._read_metrics},
            "reset": {"POST": self._reset},
            "shutdown": {"POST": self._shutdown},
        }

    async def handle(self, request: web.BaseRequest) -> web.Response:
        try:
            self._require_right(request)
            return await self._route(request)
        except ProxyError as error:
            return problem(error)
        except CassetteError as error:
            return problem(ProxyError(409, "cassette-unavailable", str(error)))

    async def _route(self, request: web.BaseRequest) -> web.Response:
        path = request.raw_path.partition("?")[0].removeprefix(self.PREFIX).strip("/")
        first, _, rest = path.partition("/")
        if first == "recordings" and rest:
            return await self._recording(request, *rest.split("/"))
        methods = self._endpoints.get(path)
        if methods is None:
            raise ProxyError(404, "not-found", f"no such endpoint. There are: {', '.join(self._endpoints)}, recordings")
        return await _by_method(request, methods)

    def _require_right(self, request: web.BaseRequest) -> None:
        token = self._settings.admin_token
        if token is None:
            remote = request.remote or ""
            if remote not in LOOPBACK_HOSTS and not remote.startswith(("127.", "::ffff:127.")):
                raise ProxyError(
                    403, "forbidden", "only this machine may use the admin API, unless --admin-token is set"
                )
            return
        given = request.headers.get("Authorization", "").partition(" ")[2].strip()
        if not secrets.compare_digest(given.encode(), token.encode()):
            raise ProxyError(401, "unauthorized", "the admin token is expected as a bearer token")

    # The proxy.

    async def _health(self, request: web.BaseRequest) -> web.Response:
        return _json({"status": "Healthy"})

    async def _info(self, request: web.BaseRequest) -> web.Response:
        settings = self._settings
        return _json(
            {
                "version": __version__,
                "mode": self._recordings.mode.value,
                "record_mode": settings.record_mode,
                "upstream": settings.upstream_alias if settings.upstream is not None else None,
                "cassette": str(settings.cassette) if settings.cassette is not None else None,
                "recordings": [recording.name for recording in self._recordings],
            }
        )

    async def _mode(self, request: web.BaseRequest) -> web.Response:
        return _json({"mode": self._recordings.mode.value})

    async def _set_mode(self, request: web.BaseRequest) -> web.Response:
        body = await _body(request)
        mode = _mode_of(body.get("mode"))
        if mode is not Mode.REPLAY and self._settings.upstream is None:
            raise ProxyError.bad_request(f"mode {mode.value} needs an upstream, and the proxy was started without one")
        await self._recordings.set_mode(mode)
        return _json({"mode": mode.value})

    async def _reset(self, request: web.BaseRequest) -> web.Response:
        await self._recordings.reset()
        self._journal.clear()
        return web.Response(status=204)

    async def _shutdown(self, request: web.BaseRequest) -> web.Response:
        self._stopping.set()
        return web.Response(status=202)

    # What went by.

    async def _read_journal(self, request: web.BaseRequest) -> web.Response:
        query = dict(parse_qsl(request.rel_url.raw_query_string))
        form = query.pop("format", "json")
        if unknown := query.keys() - JOURNAL_FILTERS:
            raise ProxyError.bad_request(f"unknown filter {sorted(unknown)[0]!r}. Known: {', '.join(JOURNAL_FILTERS)}")
        entries = self._journal.entries(**query)
        match form:
            case "json":
                return _json([entry.as_json() for entry in entries])
            case "har":
                return _json(as_har(entries))
            case "curl":
                return web.Response(text=as_curl(entries))
        raise ProxyError.bad_request(f"unknown format {form!r}. Known: json, har, curl")

    async def _clear_journal(self, request: web.BaseRequest) -> web.Response:
        self._journal.clear()
        return web.Response(status=204)

    async def _misses(self, request: web.BaseRequest) -> web.Response:
        return _json({recording.name: list(recording.misses) for recording in self._recordings if recording.misses})

    async def _read_metrics(self, request: web.BaseRequest) -> web.Response:
        return web.Response(body=self._metrics.text().encode(), headers={"Content-Type": METRICS_TYPE})

    # Recordings.

    async def _recording(self, request: web.BaseRequest, name: str, action: str = "", *more: str) -> web.Response:
        if more or not NAME.fullmatch(name):
            raise ProxyError(404, "not-found", "recordings/NAME, recordings/NAME/start and recordings/NAME/stop")
        endpoints: dict[str, dict[str, Endpoint]] = {
            "": {"GET": lambda _: self._show(name)},
            "start": {"POST": lambda given: self._start(name, given)},
            "stop": {"POST": lambda _: self._stop(name)},
        }
        if action not in endpoints:
            raise ProxyError(404, "not-found", f"no such action {action!r}. There are: start, stop")
        return await _by_method(request, endpoints[action])

    async def _show(self, name: str) -> web.Response:
        return _json(self._named(self._recordings.opened(name), name).as_json())

    async def _start(self, name: str, request: web.BaseRequest) -> web.Response:
        body = await _body(request)
        if self._recordings.opened(name) is not None:
            raise ProxyError(409, "recording-is-open", f"recording '{name}' is open: stop it first")
        mode = _mode_of(body["mode"]) if "mode" in body else None
        recording = await self._recordings.get(name, mode)
        return _json(recording.as_json(), status=201)

    async def _stop(self, name: str) -> web.Response:
        return _json(self._named(await self._recordings.stop(name), name).as_json())

    def _named(self, recording: Recording | None, name: str) -> Recording:
        if recording is None:
            raise ProxyError(404, "not-found", f"no recording '{name}' is open")
        return recording


async def _by_method(request: web.BaseRequest, methods: dict[str, Endpoint]) -> web.Response:
    endpoint = methods.get(request.method)
    if endpoint is None:
        return web.Response(status=405, headers={"Allow": ", ".join(methods)})
    return await endpoint(request)


async def _body(request: web.BaseRequest) -> dict[str, Any]:
    """The JSON object in the body; {} for none."""
    content = b""
    async for chunk in request.content.iter_any():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise ProxyError(413, "too-large", f"at most {MAX_BODY_BYTES} bytes")
    try:
        body = json.loads(content or b"{}")
    except ValueError as error:
        raise ProxyError.bad_request(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise ProxyError.bad_request("the body is no JSON object")
    return body


def _mode_of(value: Any) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise ProxyError.bad_request(f"{value!r} is no mode. There are: {', '.join(Mode)}") from None


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=json.dumps(value).encode(), content_type="application/json")
