"""`GET /_azdicom/ui`: one page with the journal as it grows, the fault rules, and what a comparison found."""

from pathlib import Path

from aiohttp import web

from azdicom_emulator.admin.api import Endpoint

PAGE = Path(__file__).with_name("ui.html")


async def show_ui(request: web.BaseRequest) -> web.Response:
    """Nothing in it comes from elsewhere, which its own policy makes browsers see to."""
    return web.Response(text=PAGE.read_text("utf-8"), content_type="text/html", headers={"Cache-Control": "no-store"})


UI = Endpoint("GET", "ui", show_ui)
