"""`azdicom diff` with the built-in tour: the parts of it that fit the service which is compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from azdicom_emulator.settings import AuthMode
from azdicom_emulator.storage.records import DEFAULT_PARTITION
from azdicom_proxy.cassette.model import Headers
from azdicom_proxy.exit_codes import UpstreamFailure
from azdicom_proxy.parity.report_options import ReportSettings
from azdicom_proxy.settings import ProxySettings
from azdicom_scenarios.diff_scenarios import STRICT, compare, loaded, local_side, reached
from azdicom_scenarios.model import Auth, Scenario, Text
from azdicom_scenarios.running.endpoints import Endpoint
from azdicom_scenarios.running.exchanges import Answer, Request
from azdicom_scenarios.running.sending import Client
from azdicom_scenarios.running.targets import ServiceTarget

PARTITIONS = ("azdicom-tour", "azdicom-tour-2")
"""Where the tour is while data partitions are on. These stay: no request takes a partition away (azure-apis §5.3)."""
BASE = "/v2"
LATEST_CHANGE = "/changefeed/latest?includemetadata=false"
NO_TOKEN: Headers = (("Authorization", "Bearer no.token.at-all"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a service is like. auth: the tokens that it asks for; partitions: names, None where they are off.

    is_untouched: nothing was ever stored in it.
    """

    auth: AuthMode
    partitions: frozenset[str] | None
    is_untouched: bool

    @property
    def config(self) -> Mapping[str, str]:
        """Settings of an emulator that is to be like it."""
        return {**STRICT, "auth": self.auth.value, "partitions": "false" if self.partitions is None else "true"}

    @property
    def variables(self) -> Mapping[str, str]:
        """Of the tour. data: what stands in front of data routes; strangers: number of partitions that are others'."""
        if self.partitions is None:
            return {}
        strangers = self.partitions - {DEFAULT_PARTITION, *PARTITIONS}
        return {"data": f"/partitions/{PARTITIONS[0]}", "strangers": str(len(strangers))}


@dataclass(frozen=True, slots=True)
class Need:
    """What a part of the tour needs. otherwise: why it is left out."""

    is_met: Callable[[Surroundings], bool]
    otherwise: str


NEEDS: Mapping[str, Need] = {
    "needs-untouched": Need(lambda found: found.is_untouched, "something was stored there before"),
    "needs-partitions": Need(lambda found: found.partitions is not None, "data partitions are off"),
    "needs-tokens": Need(lambda found: found.auth is not AuthMode.NONE, "no token is asked for"),
}
"""By the tag that says so in a scenario."""


def compare_tour(
    folder: Path, settings: ProxySettings, report: ReportSettings, export_to: str | None
) -> Mapping[str, Any]:
    """The result as `Results.as_json` has it. export_to: URL of a container. Raises UsageFailure, UpstreamFailure."""
    upstream = reached(settings)
    found = surroundings_of(upstream.endpoint, settings.connect_timeout_s)
    local = local_side(settings, found.config)
    sides = [found]
    if isinstance(local, ServiceTarget):
        sides.append(surroundings_of(local.endpoint, settings.connect_timeout_s))
    scenarios = []
    for scenario in loaded([folder]):
        reason = unmet(scenario, sides)
        if reason is None:
            scenarios.append(fitted(scenario, found, export_to or ""))
        else:
            click.echo(f"{scenario.name}: left out ({reason})", err=True)
    return compare(scenarios, upstream, local, settings, report, "built-in tour")


def unmet(scenario: Scenario, sides: Sequence[Surroundings]) -> str | None:
    """Why a part of the tour is left out; None: it is run."""
    needs = [NEEDS[tag] for tag in scenario.tags if tag in NEEDS]
    return next((need.otherwise for need in needs if not all(map(need.is_met, sides))), None)


def surroundings_of(endpoint: Endpoint, timeout_s: float) -> Surroundings:
    """Asks a service what it is like. Raises UpstreamFailure: it does not answer, or takes no request of this token."""
    tls = endpoint.trust.context() if endpoint.address.scheme == "https" else None
    client = Client(endpoint.address.origin, tls=tls)

    def asked(resource: str, headers: Headers = (), auth: Auth | None = None) -> Answer:
        sent = endpoint.authorize((("Accept", "application/json"), *headers), auth)
        exchange = client.send(Request("GET", endpoint.path_of(BASE) + resource, sent), timeout_s)
        if exchange.answer is None:
            raise UpstreamFailure(f"{endpoint.address.origin}: {exchange.trouble}")
        return exchange.answer

    try:
        latest, listed = asked(LATEST_CHANGE), asked("/partitions")
        if latest.status in (401, 403):
            raise UpstreamFailure(f"{endpoint.address.origin}: {latest.status}, it does not take the token of --auth")
        if asked(LATEST_CHANGE, auth=Auth.NONE).status != 401:
            auth = AuthMode.NONE
        else:
            auth = AuthMode.JWT if asked(LATEST_CHANGE, NO_TOKEN).status == 401 else AuthMode.ANY
    finally:
        client.close()
    return Surroundings(
        auth=auth,
        partitions=_partitions(listed),
        is_untouched=latest.status == 204,
    )


def _partitions(listed: Answer) -> frozenset[str] | None:
    if listed.status != 200 or listed.media_type != "application/json":
        return None
    return frozenset(each["partitionName"] for each in listed.json)


def fitted(scenario: Scenario, found: Surroundings, container: str) -> Scenario:
    """The scenario as it is run against such a service; one that does not touch data has no variable `data`."""
    given = {**found.variables, "container": container}
    variables = tuple(
        (name, replace(value, value=given.get(name.value, value.value))) for name, value in scenario.variables
    )
    fixtures = scenario.fixtures
    if found.partitions is not None and any(name.value == "data" for name, _ in variables):
        fixtures = replace(fixtures, partitions=tuple(Text(name, fixtures.mark) for name in PARTITIONS))
    return replace(scenario, variables=variables, fixtures=fixtures)
