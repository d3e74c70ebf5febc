"""A webhook endpoint that does what a test tells it: takes events, refuses them, hangs, answers handshakes."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TAKE = 200


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    method: str
    headers: Mapping[str, str]
    body: Any

    @property
    def event(self) -> dict[str, Any]:
        """The one event of the body, in an array or not."""
        found: dict[str, Any] = self.body[0] if isinstance(self.body, list) else self.body
        return found

    @property
    def instance(self) -> str:
        uid: str = self.event["data"]["imageSopInstanceUid"]
        return uid


@dataclass
class Receiver:
    """`answer` gives status, headers and body for a request; what it is for 200 is in `taken` afterwards, too."""

    answer: Callable[[Received], tuple[int, Mapping[str, str], bytes]] = lambda _: (TAKE, {}, b"")
    requests: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    url: str = ""

    @property
    def notifications(self) -> list[Received]:
        return [request for request in self.taken if request.headers.get("aeg-event-type") != "SubscriptionValidation"]

    def instances(self) -> list[str]:
        """SOP instance UIDs of the events that were taken, in order."""
        return [request.instance for request in self.notifications]


@contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    """Listens on a free loopback port until the block ends; the URL has a path."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            received = Received(self.command, dict(self.headers.items()), json.loads(content) if content else None)
            receiver.requests.append(received)
            status, headers, body = receiver.answer(received)
            if status == TAKE:
                receiver.taken.append(received)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_OPTIONS = handle_request  # noqa: N815 (names that the base class looks for)

        def log_message(self, *_: object) -> None:
            """Not into the output of the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
