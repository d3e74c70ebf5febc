"""Scenarios written by tests, run in this process; a front that changes an emulator's answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from azdicom_emulator.hosting import Announce, hosted
from azdicom_proxy.parity.model import Compared
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.upstream.address import Address
from azdicom_scenarios.model import Scenario
from azdicom_scenarios.running.results import RunResult
from azdicom_scenarios.running.run import Options
from azdicom_scenarios.running.runner import Report, Schedule, run_scenarios
from azdicom_scenarios.running.targets import EmulatorTarget, ServiceTarget, Target
from azdicom_scenarios.scenario_files import load

CT = """
    fixtures:
      synthetic:
        - study: ct1
          patient: {id: "P-1", name: Doe^Jane}
          date: "20240115"
          series: [{modality: CT, instances: 2, rows: 16, columns: 16}]
      preload: [ct1]
"""
"""Two small instances, stored before the steps."""

Change = Callable[[str, str, int, bytes], tuple[int, bytes]]
"""Method, path, status and body to the status and body that the client gets."""


def write(folder: Path, text: str, name: str = "a.scenario.yaml") -> Path:
    """A file with `text`, dedented; a name and `strict: false` in front where it gives none."""
    text = dedent(text)
    head = ("" if text.lstrip().startswith("name:") else f"name: {name.partition('.')[0]}\n") + (
        "" if "settings:" in text else "settings: {strict: false}\n"
    )
    path = folder / name
    path.write_text(head + text, "utf-8")
    return path


def scenario(folder: Path, text: str, name: str = "a.scenario.yaml") -> Scenario:
    loaded = load(write(folder, text, name))
    assert loaded.scenario is not None, [str(finding) for finding in loaded.findings]
    return loaded.scenario


def run(
    *scenarios: Scenario,
    target: Target | None = None,
    schedule: Schedule | None = None,
    on_pair: Callable[[Compared], object] | None = None,
    **options: Any,
) -> Report:
    return run_scenarios(
        scenarios, target or EmulatorTarget(), options=Options(**options), schedule=schedule, on_pair=on_pair
    )


def run_text(folder: Path, text: str, target: Target | None = None, **options: Any) -> RunResult:
    """The result of one scenario without parameters."""
    (result,) = run(scenario(folder, text), target=target, **options).results
    return result


def service(url: str, *, is_live: bool = False) -> ServiceTarget:
    return ServiceTarget(ProxySettings(upstream=Address.parse(url)), is_live=is_live)


def misses(result: RunResult) -> list[tuple[str, str, str]]:
    """What, expected and actual of all that failed."""
    return [(miss.what, miss.expected, miss.actual) for failure in result.failures for miss in failure.mismatches]


@contextmanager
def changed(upstream: str, change: Change) -> Iterator[str]:
    """A front of the service at `upstream` whose answers `change` has gone over; its URL."""

    async def serve(announce: Announce) -> None:
        import asyncio

        stopping = asyncio.Event()
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def forward(request: web.BaseRequest) -> web.Response:
                headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
                url = URL(upstream + request.raw_path, encoded=True)
                async with session.request(
                    request.method, url, headers=headers, data=await request.read(), allow_redirects=False
                ) as answer:
                    status, body = change(request.method, request.path, answer.status, await answer.read())
                    kept = {
                        name: value
                        for name, value in answer.headers.items()
                        if name.lower() not in ("content-length", "transfer-encoding", "connection")
                    }
                    return web.Response(status=status, body=body, headers=kept)

            runner = web.ServerRunner(web.Server(forward))
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                announce(f"http://127.0.0.1:{runner.addresses[0][1]}", stopping)
                await stopping.wait()
            finally:
                await runner.cleanup()

    with hosted("front", serve) as server:
        yield server.url
