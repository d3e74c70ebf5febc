"""Rules that come with the package, by the names that `--chaos` takes (record-replay §14)."""

from collections.abc import Mapping

from azdicom_emulator.faults.errors import UnknownPresetError
from azdicom_emulator.faults.loading import load_rules
from azdicom_emulator.faults.rules import Rule

PRESETS: Mapping[str, str] = {
    "azure-busy": """\
faults:
  - name: busy-store
    route: POST /studies/**
    probability: 0.2
    do:
      status: 503
      retry_after: 1
      body: >-
        The server is currently unable to receive requests. Please retry your request.
        If the issue persists, please contact support.
  - name: throttled
    route: GET /studies/**
    probability: 0.1
    do: {status: 429, retry_after: 1}
  - name: busy-after-store
    route: POST /studies/**
    where: after
    probability: 0.05
    do: {status: 503, retry_after: 1}
  - name: slow-answer
    route: GET /studies/**
    probability: 0.3
    do: {delay: {dist: lognormal, median: 200ms, sigma: 0.6}}
""",
    "flaky-network": """\
faults:
  - name: reset
    route: "* /studies/**"
    probability: 0.05
    do: {reset: true}
  - name: closed
    route: "* /studies/**"
    probability: 0.05
    do: {empty: true}
  - name: lost-answer
    route: POST /studies/**
    where: after
    probability: 0.05
    do: {empty: true}
  - name: cut
    route: GET /studies/**
    probability: 0.05
    do: {truncate: 60%}
  - name: latency
    route: "* /studies/**"
    do: {delay: {dist: lognormal, median: 40ms, sigma: 0.8}}
""",
    "slow-disk": """\
faults:
  - name: slow-write
    route: POST|PUT|DELETE /studies/**
    do: {delay: {dist: lognormal, median: 300ms, sigma: 0.4}}
  - name: slow-read
    route: GET /studies/**
    do: {delay: {dist: uniform, min: 20ms, max: 150ms}, rate: 2MB}
""",
    "token-expiry": """\
faults:
  - name: expired-token
    route: "* /studies/**"
    after: 5
    every: 20
    times: 1000
    do: {expire_token: true}
""",
}


def preset(name: str) -> tuple[Rule, ...]:
    """The rules of a preset. Raises UnknownPresetError."""
    if name not in PRESETS:
        raise UnknownPresetError(name, tuple(PRESETS))
    return load_rules(PRESETS[name], name).rules
