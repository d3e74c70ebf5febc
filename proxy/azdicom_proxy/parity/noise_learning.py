"""Asks an upstream the requests of a cassette several times, and learns in what its answers differ."""

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from azdicom_proxy.cassette.errors import CassetteError
from azdicom_proxy.cassette.model import Interaction, RecordedResponse
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.exit_codes import CassetteFailure, UpstreamFailure, UsageFailure
from azdicom_proxy.matching.timeline import SAFE_METHODS
from azdicom_proxy.parity.compare import compare
from azdicom_proxy.parity.learning import Learning
from azdicom_proxy.parity.model import Pair
from azdicom_proxy.parity.sides import Side
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.upstream.errors import UpstreamError
from azdicom_proxy.upstream_auth import TokenUnavailableError


async def learn_from(
    cassette: Path, settings: ProxySettings, learning: Learning, times: int, *, tell: Callable[[str], None]
) -> int:
    """How many requests were sent. times: each; tell: gets a line for each request.

    Raises CassetteFailure, UsageFailure (no safe request), UpstreamFailure.
    """
    try:
        interactions = _safe(load(cassette).interactions)
    except CassetteError as error:
        raise CassetteFailure(str(error)) from None
    if not interactions:
        raise UsageFailure(f"{cassette} has no request that may be sent again")
    assert settings.upstream is not None, "the command line sees to it"
    with tempfile.TemporaryDirectory(prefix="azdicom-noise-") as folder, ThreadPoolExecutor(1) as executor:
        try:
            side = Side(settings.upstream, settings, spool=Path(folder), executor=executor)
        except OSError as error:
            raise UsageFailure(f"a file of the TLS options cannot be used: {error}") from None
        try:
            for number, interaction in enumerate(interactions, 1):
                tell(f"{number}/{len(interactions)}  {interaction.id}")
                await _ask(side, interaction, learning, times)
        except (UpstreamError, TokenUnavailableError) as error:
            raise UpstreamFailure(str(error)) from None
        finally:
            await side.close()
    return len(interactions)


def _safe(interactions: Iterable[Interaction]) -> list[Interaction]:
    """One for each safe request, in their order."""
    requests = {
        (each.request.method, each.request.uri, each.request.headers): each
        for each in interactions
        if each.request.method in SAFE_METHODS
    }
    return list(requests.values())


async def _ask(side: Side, interaction: Interaction, learning: Learning, times: int) -> None:
    first = (await side.send(interaction.request)).response
    for _ in range(times - 1):
        again = (await side.send(interaction.request)).response
        learning.learn(compare(_pair(interaction, first, again)))
        side.release(again.body)
    side.release(first.body)


def _pair(interaction: Interaction, first: RecordedResponse, again: RecordedResponse) -> Pair:
    request = interaction.request
    return Pair(
        id=interaction.id,
        route=route_of(request.method, request.uri),
        request=request,
        upstream=first,
        local=again,
        local_uri=request.uri,
    )
