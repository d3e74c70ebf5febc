"""The file of what was learned: places in which the upstream differs from itself, with counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from azdicom_proxy.exit_codes import UsageFailure

DEFAULT_PATH = Path(".azdicom/noise.yaml")
FORMAT = 1
HEADER = """\
# Places in which the upstream differed from itself when it was asked twice (azdicom noise show explains them).
# Of `total` exchanges that were asked twice, the local side differed there in `raw`, the upstream itself in `noise`.
"""


class NoiseProfileError(UsageFailure):
    """The file is no noise profile."""


class Spot(NamedTuple):
    """A route and a place in its answers, generalised as in differences."""

    route: str
    at: str


@dataclass(slots=True)
class Counts:
    """Exchanges that were asked twice, in which the place differed between upstream and local side, or in upstream."""

    raw: int = 0
    noise: int = 0


@dataclass(slots=True)
class Profile:
    """asked: exchanges of each route that were asked twice."""

    asked: dict[str, int]
    spots: dict[Spot, Counts]

    @classmethod
    def empty(cls) -> "Profile":
        return cls({}, {})


def load_profile(path: Path) -> Profile:
    """The profile; an empty one where there is no file. Raises NoiseProfileError."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Profile.empty()
    except (OSError, UnicodeDecodeError) as error:
        raise NoiseProfileError(f"cannot read {path}: {error}") from None
    try:
        return _parsed(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError):
        raise NoiseProfileError(f"{path} is no noise profile; `azdicom noise reset` begins a new one") from None


def save_profile(path: Path, profile: Profile) -> None:
    """Writes the file, sorted, so that its changes can be reviewed. Raises NoiseProfileError."""
    document = {
        "format": FORMAT,
        "routes": {route: _route(route, profile) for route in sorted(profile.asked) if profile.asked[route]},
    }
    text = HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(text, "utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        raise NoiseProfileError(f"cannot write {path}: {error}") from None


def _route(route: str, profile: Profile) -> dict[str, Any]:
    places = {
        spot.at: {"raw": counts.raw, "noise": counts.noise}
        for spot, counts in sorted(profile.spots.items())
        if spot.route == route and (counts.raw or counts.noise)
    }
    return {"total": profile.asked[route], **({"places": places} if places else {})}


def _parsed(document: Any) -> Profile:
    profile = Profile.empty()
    if document is None:
        return profile
    if document["format"] != FORMAT:
        raise ValueError("unknown format")
    routes: Mapping[str, Any] = document["routes"] or {}
    for route, row in routes.items():
        profile.asked[str(route)] = int(row["total"])
        for at, counts in row.get("places", {}).items():
            profile.spots[Spot(str(route), str(at))] = Counts(int(counts["raw"]), int(counts["noise"]))
    return profile
