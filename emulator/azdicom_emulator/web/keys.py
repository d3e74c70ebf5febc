"""Where the parts of the application hang, and what a request carries."""

import asyncio

from aiohttp import web

from azdicom_emulator.settings import Settings
from azdicom_emulator.storage.index import Index
from azdicom_emulator.web.routing import Match, Router
from azdicom_emulator.web.workers import Workers

SETTINGS = web.AppKey("settings", Settings)
INDEX = web.AppKey("index", Index)
WORKERS = web.AppKey("workers", Workers)
ROUTER = web.AppKey("router", Router)
STOPPING = web.AppKey("stopping", asyncio.Event)
"""Set when somebody asks the server to end; whoever runs it waits for that."""

MATCH = web.RequestKey("match", Match)
REQUEST_ID = web.RequestKey("request_id", str)
