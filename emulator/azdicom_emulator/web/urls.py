"""Absolute URLs in answers: scheme and host as the client used them, `X-Forwarded-*` honoured (http §8)."""

from aiohttp import web

from azdicom_emulator.web.keys import MATCH


def service_url(request: web.Request) -> str:
    """`{scheme}://{host}/{version}[/partitions/{name}]` of the request, or what the forwarding proxy says instead."""
    host = request.headers.get("X-Forwarded-Host") or request.host
    prefix = request.headers.get("X-Forwarded-Prefix")
    if prefix is None:
        match = request[MATCH]
        prefix = f"/{match.version}" + (f"/partitions/{match.partition}" if match.partition else "")
    return f"{request.scheme}://{host}/{prefix.strip('/')}".rstrip("/")


def study_url(request: web.Request, study: str) -> str:
    return f"{service_url(request)}/studies/{study}"
