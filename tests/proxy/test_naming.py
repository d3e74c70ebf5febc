"""Every route of the service has a name in cassettes (record-replay §6.2)."""

import re

import pytest

from azdicom_emulator.routes import BULK_DATA_ROUTES, ROUTES, SEED_DIALECT_ROUTES, SUBSCRIPTION_ROUTES
from azdicom_emulator.web.routing import Route, Scope
from azdicom_proxy.cassette.naming import locate

NAMED = [
    route
    for route in (*ROUTES, *BULK_DATA_ROUTES, *SEED_DIALECT_ROUTES, *SUBSCRIPTION_ROUTES)
    if route.scope is not Scope.ROOT
]


@pytest.mark.parametrize("route", NAMED, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_named(route: Route) -> None:
    """An interaction's id tells its route; record-replay §6.2."""
    path = re.sub(r"\{[a-z]+\}", "1.2.3", route.path)
    location = locate(route.method, f"http://host/v2{path}")
    named = re.sub(r"\{[a-z]+\}", "{}", location.route)
    assert named == f"{route.method} {re.sub(r'{[a-z]+}', '{}', route.path)}"
    assert location.slug


def test_routes_have_names_of_their_own() -> None:
    """Two routes never share the ids of their interactions; record-replay §6.2."""
    slugs = [locate(route.method, f"/v2{re.sub(r'{[a-z]+}', '1.2', route.path)}").slug for route in NAMED]
    assert len(set(slugs)) == len(slugs)
