"""The endpoints below `/_azdicom/`: found by path and method, guarded, their errors turned into problem documents."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import web

from azdicom_emulator.admin.guard import Guard
from azdicom_emulator.admin.problems import ProblemError, problem_answer

PREFIX = "/_azdicom/"
MAX_BODY_BYTES = 1024 * 1024

Act = Callable[..., Awaitable[web.Response]]
"""Takes the request, then the values of the path's parameters in order. May raise ProblemError."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """path: below the prefix, such as `journal` or `recordings/{name}/start`."""

    method: str
    path: str
    act: Act


class AdminApi:
    """Endpoints and who may use them."""

    def __init__(self, endpoints: Iterable[Endpoint], token: str | None = None) -> None:
        """token: as for Guard."""
        self._guard = Guard(token)
        self._by_path: dict[str, dict[str, Act]] = {}
        for endpoint in endpoints:
            self._by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint.act

    @staticmethod
    def covers(raw_path: str) -> bool:
        """Whether a request's path belongs to the admin API."""
        return raw_path.startswith(PREFIX)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """The answer to a request that is covered; what is refused is a problem document."""
        try:
            self._guard.check(request)
            return await self._answer(request)
        except ProblemError as error:
            response = problem_answer(error)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        path = request.rel_url.raw_path.removeprefix(PREFIX).rstrip("/")
        for template, acts in self._by_path.items():
            if (values := _values(template, path)) is None:
                continue
            if request.method not in acts:
                response = problem_answer(ProblemError(405, f"expected {' or '.join(acts)}"))
                response.headers["Allow"] = ", ".join(acts)
                return response
            return await acts[request.method](request, *values)
        raise ProblemError(404, f"there is no '{path}'. Known: {', '.join(self._by_path)}")


async def read_text(request: web.BaseRequest) -> str:
    """The body. Raises ProblemError: it is too long, or no UTF-8."""
    content = bytearray()
    async for chunk in request.content.iter_any():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise ProblemError(413, f"the body has more than {MAX_BODY_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "the body is not UTF-8") from error


def _values(template: str, path: str) -> list[str] | None:
    """The values of the parameters; None: another path."""
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    values = []
    for name, segment in zip(wanted, given, strict=True):
        if name.startswith("{") and segment:
            values.append(unquote(segment))
        elif name != segment:
            return None
    return values
