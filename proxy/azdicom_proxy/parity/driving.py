"""Drives requests one after the other: against one side, beside what was recorded, or against both sides."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from azdicom_proxy.cassette.errors import BodyOmittedError
from azdicom_proxy.cassette.model import RecordedResponse
from azdicom_proxy.cassette.naming import locate, route_of
from azdicom_proxy.parity.compare import IdentityPairs
from azdicom_proxy.parity.mirror import Exchanged, Mirror
from azdicom_proxy.parity.model import Pair
from azdicom_proxy.parity.operations import ended, has_ended
from azdicom_proxy.parity.requests_files import Asked
from azdicom_proxy.parity.sides import Answered, Side

OPERATION_S = 600.0
LAST_OPERATIONS_S = 60.0
UNANSWERED = RecordedResponse(0)


async def drive_recorded(requests: Iterable[Asked], mirror: Mirror, done: Callable[[], None]) -> None:
    """Puts recorded requests to the local side of `mirror`, and compares with what was answered then.

    done: called after each. Ids that the recorded service made are translated into those of the side.
    """
    for asked in requests:
        if asked.recorded is not None:
            await mirror.examine(Exchanged(id=asked.id, request=asked.request, response=asked.recorded))
        done()


async def drive_both(requests: Iterable[Asked], upstream: Side, mirror: Mirror, done: Callable[[], None]) -> None:
    """Puts requests to `upstream`, and what it was asked to the local side of `mirror`.

    Ids in recorded requests are translated for each side. Raises UpstreamError, TokenUnavailableError.
    """
    identities = IdentityPairs()
    for asked in requests:
        request = upstream.addressed(identities.to_local(asked.request))
        exchanged = Exchanged(id=asked.id, request=request, response=UNANSWERED)
        try:
            answered = await _answered(upstream, exchanged, asked.recorded)
        except BodyOmittedError:
            mirror.skip(exchanged, "body-not-kept")
            done()
            continue
        if asked.recorded is not None:
            identities.learn(_recorded_pair(asked, asked.recorded, answered.response))
        exchanged = replace(exchanged, response=answered.response, duration_ms=answered.duration_ms)
        await mirror.examine(exchanged)
        upstream.release(answered.response.body)
        done()
    await mirror.settled(LAST_OPERATIONS_S)


async def _answered(upstream: Side, exchanged: Exchanged, recorded: RecordedResponse | None) -> Answered:
    """The upstream's answer; where the recording saw the end of an operation, its end."""
    request = exchanged.request
    if recorded is not None and locate(request.method, request.uri).slug == "operation" and has_ended(recorded):
        answered = await ended(upstream, request, OPERATION_S)
        if answered is not None:
            return answered
    return await upstream.send(request)


def _recorded_pair(asked: Asked, recorded: RecordedResponse, answered: RecordedResponse) -> Pair:
    route = route_of(asked.request.method, asked.request.uri)
    return Pair(id=asked.id, route=route, request=asked.request, upstream=recorded, local=answered)
