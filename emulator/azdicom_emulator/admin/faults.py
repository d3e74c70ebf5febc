"""`GET|PUT|DELETE /_azdicom/faults`: the fault rules in force and what they did so far."""

from aiohttp import web

from azdicom_emulator.admin.api import Endpoint, read_text
from azdicom_emulator.admin.problems import ProblemError, json_answer
from azdicom_emulator.faults.errors import FaultsError
from azdicom_emulator.faults.switch import FaultSwitch

BODY = "body"


def fault_endpoints(switch: FaultSwitch) -> tuple[Endpoint, ...]:
    """PUT takes what GET gives, or the YAML of a file of rules, and replaces all rules."""

    async def show(request: web.BaseRequest) -> web.Response:
        engine = switch.engine
        return json_answer(
            {
                "seed": switch.seed,
                "faults": [] if engine is None else [state.rule.written for state in engine.states],
                "summary": [] if engine is None else engine.summary(),
            }
        )

    async def put(request: web.BaseRequest) -> web.Response:
        from azdicom_emulator.faults.loading import load_rules

        text = await read_text(request)
        try:
            loaded = load_rules(text, BODY, is_service=switch.is_service)
        except FaultsError as error:
            raise ProblemError(400, str(error), line=error.line, column=error.column) from error
        switch.put(loaded.rules, loaded.seed)
        return await show(request)

    async def clear(request: web.BaseRequest) -> web.Response:
        switch.close()
        return web.Response(status=204)

    return Endpoint("GET", "faults", show), Endpoint("PUT", "faults", put), Endpoint("DELETE", "faults", clear)
