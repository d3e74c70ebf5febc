"""`POST /_azdicom/seed`: the fixtures of a scenario, stored in a server that runs (record-replay §15)."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable

import click
from aiohttp import web

from azdicom_emulator.admin.api import Endpoint, read_text
from azdicom_emulator.admin.problems import ProblemError, json_answer
from azdicom_emulator.settings import Settings

SEEDER = "azdicom_scenarios.seeding:seed"
"""By name, as the command line names its sub-commands: what is here knows no scenarios."""


def seed_endpoint(url: Callable[[], Awaitable[str]], settings: Settings) -> Endpoint:
    """url: of the service that the fixtures are stored in; settings: those it runs with, as far as they are known."""

    async def seed(request: web.BaseRequest) -> web.Response:
        text = await read_text(request)
        module, _, name = SEEDER.partition(":")
        store: Callable[[Settings, str, str], list[str]] = getattr(importlib.import_module(module), name)
        try:
            stored = await asyncio.to_thread(store, settings, await url(), text)
        except click.ClickException as error:
            raise ProblemError(400, error.message) from error
        return json_answer({"seeded": stored})

    return Endpoint("POST", "seed", seed)
