"""The fault rules of a step, in force in the emulator while it runs (record-replay §14)."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azdicom_scenarios.model import Fault, Mark, Step
from azdicom_scenarios.running.endpoints import Kind
from azdicom_scenarios.running.exchanges import Request
from azdicom_scenarios.running.sending import Client
from azdicom_scenarios.running.side import Side

PATH = "/_azdicom/faults"
TIMEOUT_S = 10.0


class FaultRefusedError(Exception):
    """The emulator does not take the rules; the text has its answer."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


@contextmanager
def in_force(step: Step, side: Side, route: str) -> Iterator[None]:
    """The step's rules until the block ends; those without a route are about `route`. Raises FaultRefusedError."""
    if not step.faults:
        yield
        return
    rules = [_rule(fault, side, route) for fault in step.faults]
    document = {"faults": rules, "seed": side.scope.seed}
    client = Client(side.endpoint.address.origin)
    try:
        exchange = client.send(Request("PUT", PATH, (), json.dumps(document).encode()), TIMEOUT_S)
        if exchange.answer is None or exchange.answer.status != 200:
            text = exchange.trouble or (exchange.answer.text if exchange.answer is not None else "")
            raise FaultRefusedError(step.faults[0].mark, f"the fault rules are refused: {_detail(text)}")
        yield
    finally:
        client.send(Request("DELETE", PATH), TIMEOUT_S)
        client.close()


def can_fault(origin: str) -> bool:
    """Whether the service is an emulator that takes fault rules from here."""
    from azdicom_proxy.upstream.address import Address

    address = Address.parse(origin)
    if address.scheme != "http" or not address.is_loopback:
        return False
    connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", PATH)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def faults_act(side_kind: Kind, origin: str) -> bool:
    return side_kind is Kind.OWN or (side_kind is Kind.URL and can_fault(origin))


def _rule(fault: Fault, side: Side, route: str) -> dict[str, Any]:
    rule = side.scope.fill(fault.rule)
    return rule if "route" in rule else {"route": route, **rule}


def _detail(text: str) -> str:
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return text
