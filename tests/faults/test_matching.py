"""Which requests a rule is about, and on which of them it acts (record-replay §14)."""

import logging

import pytest

from azdicom_emulator.faults.engine import FaultEngine
from azdicom_emulator.faults.loading import load_rules
from azdicom_emulator.faults.rules import Asked, RouteGlob, decoded_path
from azdicom_emulator.faults.switch import FaultSwitch


def asked(
    method: str = "GET",
    path: str = "/v2/studies",
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    body_bytes: int | None = None,
) -> Asked:
    return Asked(method, path, headers or {}, query or {}, body_bytes)


def engine_of(rules: str, seed: int = 1) -> FaultEngine:
    return FaultEngine(load_rules(f"faults:\n{rules}", "f.yaml").rules, seed)


def fired(engine: FaultEngine, count: int) -> list[int]:
    """The numbers, from 1, of the requests that some rule acted on."""
    return [number for number in range(1, count + 1) if engine.choose(asked()) is not None]


@pytest.mark.parametrize(
    ("glob", "method", "path", "covers"),
    [
        ("POST /studies", "POST", "/v2/studies", True),
        ("POST /studies", "POST", "/v2/Studies/", True),
        ("POST /studies", "POST", "/v1.0-prerelease/studies", True),
        ("POST /studies", "POST", "/v2/partitions/a/studies", True),
        ("POST /v2/studies", "POST", "/v2/studies", True),
        ("POST /v2/studies", "POST", "/v1/studies", False),
        ("POST /studies", "PUT", "/v2/studies", False),
        ("POST|PUT /studies", "PUT", "/v2/studies", True),
        ("/studies", "PUT", "/v2/studies", True),
        ("* /studies", "PUT", "/v2/studies", True),
        ("POST /studies", "POST", "/v2/studies/1.2", False),
        ("GET /studies/{study}", "GET", "/v2/studies/1.2", True),
        ("GET /studies/{study}", "GET", "/v2/studies/1.2/series", False),
        ("GET /studies/*", "GET", "/v2/studies/1.2", True),
        ("GET /studies/**", "GET", "/v2/studies/1.2/series/3", True),
        ("GET /studies/**", "GET", "/v2/studies", False),
        ("GET **/frames/*", "GET", "/v2/studies/1/series/2/instances/3/frames/1,2", True),
        ("GET **/frames/*", "GET", "/v2/studies/1/series/2/instances/3/frames/1/rendered", False),
        ("GET /**/metadata", "GET", "/v2/studies/1/metadata", True),
        ("GET /studies/1.2", "GET", "/v2/studies/1x2", False),
        ("**", "DELETE", "/health", True),
        ("GET /health", "GET", "/health", True),
        ("GET /partitions", "GET", "/v2/partitions", True),
    ],
)
def test_routes_are_globs_below_the_version(glob: str, method: str, path: str, covers: bool) -> None:
    """§14: route glob; own design for versions and partitions."""
    assert RouteGlob.parse(glob).covers(method, path) is covers


def test_paths_are_compared_decoded_and_without_query() -> None:
    """http §1.1: percent-encoded segments are decoded before use."""
    assert decoded_path("/v2/%73tudies?limit=1") == "/v2/studies"


@pytest.mark.parametrize(
    ("when", "request_", "holds"),
    [
        ("{header: {X-Test: a*}}", asked(headers={"X-Test": "abc"}), True),
        ("{header: {X-Test: a*}}", asked(headers={"X-Test": "b"}), False),
        ("{header: X-Test}", asked(headers={"X-Test": ""}), True),
        ("{header: 'X-Test: a'}", asked(headers={"X-Test": "a"}), True),
        ("{header: X-Test}", asked(), False),
        ("{query: {PatientID: '*'}}", asked(query={"PatientID": "7"}), True),
        ("{query: PatientID=7}", asked(query={"PatientID": "8"}), False),
        ("{body_larger_than: 1MB}", asked(body_bytes=1_000_001), True),
        ("{body_larger_than: 1MB}", asked(body_bytes=1_000_000), False),
        ("{body_larger_than: 1MB}", asked(), False),
    ],
)
def test_conditions_look_at_headers_query_and_declared_length(when: str, request_: Asked, holds: bool) -> None:
    """§14: `when: {header, query, body_larger_than}`."""
    engine = engine_of(f"  - {{when: {when}, do: {{hang: true}}}}")

    assert (engine.choose(request_) is not None) is holds


@pytest.mark.parametrize(
    ("counting", "numbers"),
    [
        ("after: 2", [3, 4, 5, 6, 7, 8, 9]),
        ("times: 2", [1, 2]),
        ("every: 3", [3, 6, 9]),
        ("after: 1, every: 3, times: 2", [4, 7]),
        ("probability: 0", []),
        ("probability: 1", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_counting_decides_which_matches_are_acted_on(counting: str, numbers: list[int]) -> None:
    """§14: let some pass first, stop after some, each so-manieth."""
    assert fired(engine_of(f"  - {{{counting}, do: {{hang: true}}}}"), 9) == numbers


def test_the_same_seed_has_the_same_victims() -> None:
    """§14: probability is seeded."""
    rule = "  - {probability: 0.5, do: {hang: true}}"

    first, again, other = (fired(engine_of(rule, seed), 60) for seed in (1, 1, 2))

    assert first == again
    assert first != other
    assert 15 < len(first) < 45


def test_one_rules_chance_does_not_depend_on_the_others() -> None:
    """Own design: a rule more in the file leaves the victims of the rest."""
    rule = "  - {name: r, route: GET /studies, probability: 0.5, do: {hang: true}}\n"
    other = "  - {name: o, route: GET /series, probability: 0.5, do: {hang: true}}\n"
    alone, beside = engine_of(rule), engine_of(other + rule)

    assert [alone.choose(asked()) is None for _ in range(20)] == [beside.choose(asked()) is None for _ in range(20)]


def test_the_first_rule_that_fires_wins() -> None:
    """§14: first match wins; a rule whose turn it is not leaves the request to the next."""
    engine = engine_of("  - {name: a, times: 1, do: {hang: true}}\n  - {name: b, do: {empty: true}}")

    chosen = [engine.choose(asked()) for _ in range(2)]

    assert [state and state.rule.name for state in chosen] == ["a", "b"]
    assert engine.summary() == [
        {"name": "a", "route": "**", "matches": 2, "firings": 1},
        {"name": "b", "route": "**", "matches": 1, "firings": 1},
    ]


def test_a_rule_that_never_fired_is_a_warning_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """§14: a summary lists each rule, matches and firings."""
    caplog.set_level(logging.INFO)
    rules = "faults:\n  - {name: a, route: GET /x, do: {hang: true}}\n  - {name: b, do: {hang: true}}"
    switch = FaultSwitch(load_rules(rules, "f").rules, seed=3)
    assert switch.engine is not None
    switch.engine.choose(asked())

    switch.close()

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "2 fault rules, seed 3"),
        ("WARNING", "fault rule a (GET /x): 0 matches, 0 firings (seed 3)"),
        ("INFO", "fault rule b (**): 1 matches, 1 firings (seed 3)"),
    ]
