"""`Warning: 299` headers: the service's own, then one line for each extension that changed the answer (http §13)."""

from aiohttp import web

ANNOUNCEMENTS = web.RequestKey("announcements", list[str])


def announce(request: web.Request, extension: str, what: str) -> None:
    """Notes that `extension` made the answer differ; `what` is what the managed service would do, e.g. `answer 415`."""
    announcements = request.get(ANNOUNCEMENTS)
    if announcements is None:
        request[ANNOUNCEMENTS] = announcements = []
    announcements.append(f'299 azdicom "{extension}: the managed service would {what}"')


def service_warning(request: web.Request, text: str) -> str:
    """The service's own form: `299 {host without port}: "text"` (store §12)."""
    return f'299 {request.host.partition(":")[0]}: "{text}"'


def add_announcements(request: web.Request, response: web.StreamResponse) -> None:
    """Adds what was announced, behind the service's own lines. Called just before the headers are sent."""
    for line in request.get(ANNOUNCEMENTS, ()):
        response.headers.add("Warning", line)
