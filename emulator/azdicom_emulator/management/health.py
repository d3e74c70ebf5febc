"""Health: `/health/check` as the service answers it, `/health` as an alias (http §9)."""

from aiohttp import web

from azdicom_emulator.web import responses

CHECKS = {
    "DcmHealthCheck": "Successfully connected to the blob data store.",
    "MetadataHealthCheck": "Successfully connected to the blob data store.",
    "SqlServerHealthCheck": "Successfully connected to the data store.",
}


async def health(_: web.Request) -> web.StreamResponse:
    """200 from the moment that the server listens: index and files are open by then."""
    details = [
        {"name": name, "status": "Healthy", "description": description, "data": {}}
        for name, description in CHECKS.items()
    ]
    return responses.json_value({"overallStatus": "Healthy", "details": details})
