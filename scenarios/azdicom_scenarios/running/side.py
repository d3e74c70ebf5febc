"""One service's part in a run: its variables, what it answered, and how a step's request is made for it."""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from urllib.parse import quote, urlsplit

from azdicom_proxy.cassette.model import Headers
from azdicom_proxy.upstream.address import Address
from azdicom_scenarios import model
from azdicom_scenarios.running.bodies import DICOM_JSON, Content, Maker
from azdicom_scenarios.running.endpoints import Endpoint
from azdicom_scenarios.running.exchanges import Answer, Exchange, Request
from azdicom_scenarios.running.ownership import Creations
from azdicom_scenarios.running.sending import Client
from azdicom_scenarios.variables import Scope

JOURNAL_LINES = 5
URL_CHARACTERS = "!#$%&'()*+,-./:;=?@[\\]^_`{|}~"
"""What stays in a path as it is written: all that one line of HTTP can hold."""
VALUE_CHARACTERS = "-._~*,:/"
ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)


class StoppedError(Exception):
    """The run was interrupted, or its time is up; the text says which."""


@dataclass(slots=True)
class Stopping:
    """Asks a run to end: it does so before its next request. reason: why."""

    event: Event = field(default_factory=Event)
    reason: str = ""

    def ask(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.event.set()

    def check(self) -> None:
        """Raises StoppedError."""
        if self.event.is_set():
            raise StoppedError(self.reason)

    def pause(self, seconds: float) -> None:
        """Raises StoppedError, at once."""
        if seconds > 0 and self.event.wait(seconds):
            raise StoppedError(self.reason)


class Side:
    """name: "" where there is one side only. studies: what was built, by alias; instances: files of aliases."""

    def __init__(
        self,
        endpoint: Endpoint,
        scope: Scope,
        *,
        name: str,
        base: str,
        timeout_s: float,
        creations: Creations,
        studies: dict[str, Any],
    ) -> None:
        self.endpoint = endpoint
        self.scope = scope
        self.name = name
        self.prefix = endpoint.path_of(base)
        self.timeout_s = timeout_s
        self.creations = creations
        self.studies = studies
        self.earlier: dict[str, Answer] = {}
        self.captured: dict[str, Any] = {}
        self.last: Exchange | None = None
        self.journal: deque[str] = deque(maxlen=JOURNAL_LINES)
        self.routes: set[str] = set()
        self._clients: dict[str, Client] = {}
        scope.values["base_url"] = f"{endpoint.address.origin}{self.prefix}"

    @property
    def maker(self) -> Callable[[Scope], Maker]:
        return lambda scope: Maker(scope, scope.folder, self.instances)

    def instances(self, alias: str) -> list[bytes] | None:
        """The files that `ct1`, `ct1.s[0]` or `ct1.i[0]` stands for; None: the text is no alias."""
        root = re.split(r"[.\[]", alias, maxsplit=1)[0]
        if root not in self.studies:
            return None
        found = self.scope.value(f"${{{alias}}}")
        if isinstance(found, list | tuple):
            return [content for each in found for content in _contents(each)]
        return _contents(found)

    def request(self, written: model.Request, scope: Scope) -> tuple[str, Request]:
        """Origin and request of a step. Raises VariableError, BodyError, TokenUnavailableError."""
        origin, path = self._addressed(scope.substitute(written.path.value))
        body = self.maker(scope).content(written.body) if written.body is not None else None
        headers = [(scope.substitute(name.value), scope.substitute(value.value)) for name, value in written.headers]
        names = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value in _defaults(body) if name.lower() not in names]
        sent = tuple((name, value) for name, value in headers if value)
        if origin == self.endpoint.address.origin:
            sent = self.endpoint.authorize(sent, written.auth)
        target = path + self._query(written, scope, path)
        is_chunked = any(name.lower() == "transfer-encoding" and value.lower() == "chunked" for name, value in sent)
        return origin, Request(written.method, target, sent, body.content if body is not None else None, is_chunked)

    def send(self, origin: str, request: Request, client: Client | None = None) -> Exchange:
        """Sends it and notes it. client: of a thread of its own."""
        exchange = (client or self.client(origin)).send(request, self.timeout_s)
        self.note(exchange)
        return exchange

    def asked(self, method: str, resource: str, headers: Headers = (), body: bytes | None = None) -> Exchange:
        """An exchange that no step asks for. resource: below the base."""
        authorized = self.endpoint.authorize(headers, None)
        return self.send(self.endpoint.address.origin, Request(method, self.prefix + resource, authorized, body))

    def has(self, resource: str) -> bool:
        """Whether GET of a resource finds something: 200."""
        answer = self.asked("GET", resource, (("Accept", f"{DICOM_JSON}, application/json"),)).answer
        return answer is not None and answer.status == 200

    def follow(self, url: str) -> Exchange:
        """GET of an absolute URL, or a path of the same service, for JSON."""
        origin, path = self._addressed(url)
        headers: Headers = (("Accept", "application/json"),)
        if origin == self.endpoint.address.origin:
            headers = self.endpoint.authorize(headers, None)
        return self.send(origin, Request("GET", path, headers))

    def note(self, exchange: Exchange) -> None:
        from azdicom_proxy.cassette.naming import locate

        self.journal.append(f"{self.name}: {exchange.line()}" if self.name else exchange.line())
        if exchange.answer is not None and exchange.base == self.endpoint.address.origin:
            self.routes.add(locate(exchange.request.method, exchange.url).route)

    def client(self, origin: str) -> Client:
        if origin not in self._clients:
            self._clients[origin] = self.new_client(origin)
        return self._clients[origin]

    def new_client(self, origin: str) -> Client:
        is_own = origin == self.endpoint.address.origin and origin.startswith("https:")
        return Client(origin, tls=self.endpoint.trust.context() if is_own else None)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _addressed(self, path: str) -> tuple[str, str]:
        """Origin and path with its query; `path` is below the base, or absolute."""
        if ABSOLUTE.match(path):
            split = urlsplit(path)
            address = Address.parse(f"{split.scheme}://{split.netloc}")
            rest = path[len(split.scheme) + 3 + len(split.netloc) :]
            return address.origin, quote(rest or "/", safe=URL_CHARACTERS)
        return self.endpoint.address.origin, self.prefix + quote(path, safe=URL_CHARACTERS)

    def _query(self, written: model.Request, scope: Scope, path: str) -> str:
        if not written.query:
            return ""
        pairs = [
            f"{quote(scope.substitute(name.value), safe=VALUE_CHARACTERS)}"
            f"={quote(scope.substitute(value.value), safe=VALUE_CHARACTERS)}"
            for name, value in written.query
        ]
        return ("&" if "?" in path else "?") + "&".join(pairs)


def _defaults(body: Content | None) -> Headers:
    """What all clients add: that they take anything, and the body's media type. A step leaves one out by `Name: ""`."""
    accept: Headers = (("Accept", "*/*"),)
    return (*accept, ("Content-Type", body.content_type)) if body is not None and body.content_type else accept


def _contents(built: Any) -> list[bytes]:
    """Of a built study, series or instance, or of the path of an instance."""
    if hasattr(built, "content"):
        return [built.content]
    if hasattr(built, "i"):
        return [instance.content for instance in built.i]
    raise ValueError(f"{built} stands for no instances")
