"""`GET|PUT|DELETE /_azdicom/faults`: the fault rules in force and what they did so far."""

from collections.abc import Callable

from aiohttp import web

from azdicom_emulator.admin.api import Endpoint, read_text
from azdicom_emulator.admin.problems import ProblemError, json_answer
from azdicom_emulator.faults.errors import FaultsError
from azdicom_emulator.faults.switch import FaultSwitch

BODY = "body"


def fault_endpoints(find: Callable[..., FaultSwitch], path: str = "faults") -> tuple[Endpoint, ...]:
    """PUT takes what GET gives, or the YAML of a file of rules, and replaces all rules.

    find: gives the rules that the parameters of `path` mean.
    """

    async def show(request: web.BaseRequest, *values: str) -> web.Response:
        switch = find(*values)
        engine = switch.engine
        return json_answer(
            {
                "seed": switch.seed,
                "faults": [] if engine is None else [state.rule.written for state in engine.states],
                "summary": [] if engine is None else engine.summary(),
            }
        )

    async def put(request: web.BaseRequest, *values: str) -> web.Response:
        from azdicom_emulator.faults.loading import load_rules

        switch = find(*values)
        text = await read_text(request)
        try:
            loaded = load_rules(text, BODY, is_service=switch.is_service)
        except FaultsError as error:
            raise ProblemError(400, str(error), line=error.line, column=error.column) from error
        switch.put(loaded.rules, loaded.seed)
        return await show(request, *values)

    async def clear(request: web.BaseRequest, *values: str) -> web.Response:
        find(*values).close()
        return web.Response(status=204)

    return Endpoint("GET", path, show), Endpoint("PUT", path, put), Endpoint("DELETE", path, clear)
