"""Who may use the admin API: this machine and no web page of elsewhere, or whoever has the token."""

import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from azdicom_emulator.admin.problems import ProblemError

LOOPBACK_ADDRESS = re.compile(r"127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+")
LOOPBACK_NAME = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1", re.IGNORECASE)
ONLY_HERE = "only this machine may use the admin API; --admin-token lets others in"
OTHER_SITE = "a page of another site may not use the admin API"


@dataclass(frozen=True, slots=True)
class Guard:
    """token: what everybody has to present as a bearer token, from this machine as well; None: there is none."""

    token: str | None

    def check(self, request: web.BaseRequest) -> None:
        """Raises ProblemError: 401 for a wrong or missing token, 403 for somebody else."""
        if self.token is not None:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), self.token.encode()):
                raise ProblemError(401, "the admin token is expected: Authorization: Bearer TOKEN")
            return
        if not LOOPBACK_ADDRESS.fullmatch(request.remote or ""):
            raise ProblemError(403, ONLY_HERE)
        # A browser on this machine sends a page's POST without asking first, and a page's host name can be made to
        # lead here: such a request names another host in Origin or in Host.
        for url in filter(None, (request.headers.get("Origin"), f"//{request.host}")):
            if not LOOPBACK_NAME.fullmatch(_host_of(url)):
                raise ProblemError(403, OTHER_SITE)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
