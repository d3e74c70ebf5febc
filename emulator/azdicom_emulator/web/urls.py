"""Absolute URLs in answers: scheme and host as the client used them, `X-Forwarded-*` honoured (http §8)."""

from aiohttp import web

from azdicom_emulator.web.keys import MATCH


def service_url(request: web.Request, *, has_partition: bool = True) -> str:
    """`{scheme}://{host}/{version}[/partitions/{name}]` of the request, or what the forwarding proxy says instead.

    has_partition: False for what no partition has, such as operations.
    """
    host = request.headers.get("X-Forwarded-Host") or request.host
    prefix = request.headers.get("X-Forwarded-Prefix")
    if prefix is None:
        match = request[MATCH]
        partition = match.partition if has_partition else None
        prefix = f"/{match.version}" + (f"/partitions/{partition}" if partition else "")
    return f"{request.scheme}://{host}/{prefix.strip('/')}".rstrip("/")


def study_url(request: web.Request, study: str) -> str:
    return f"{service_url(request)}/studies/{study}"
