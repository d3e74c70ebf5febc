"""`azdicom noise`: what was learned about answers in which an upstream differs from itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from azdicom_proxy.command_options import FILE, Url, group, option, upstream_options
from azdicom_proxy.exit_codes import UsageFailure
from azdicom_proxy.parity.learning import Learning, Opinion, explanation, opinion_of
from azdicom_proxy.parity.noise_profile import DEFAULT_PATH, Profile, Spot, load_profile, save_profile

EXAMPLES = """
\b
Examples:
  azdicom noise show
  azdicom noise learn --upstream URL --auth azure --cassette cassettes/tour.yaml --times 3
  azdicom noise reset --route "GET /studies"
"""
MEANS = {
    Opinion.NOISE: "noise: a difference here is not reported",
    Opinion.REAL: "real: the local side differs more often than the upstream does from itself",
    Opinion.UNDECIDED: "undecided: a difference here is minor at most",
}

profile_option = group(
    option(
        "--noise",
        "noise_path",
        type=FILE,
        default=DEFAULT_PATH,
        show_default=True,
        help="The file of what was learned.",
    ),
)


@click.group(epilog=EXAMPLES)
def noise() -> None:
    """Show, learn and forget in what an upstream differs from itself."""


@noise.command()
@profile_option
@option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(noise_path: Path, as_json: bool) -> None:
    """Explain each place in which the upstream differed from itself."""
    profile = load_profile(noise_path)
    if as_json:
        click.echo(json.dumps(Learning(profile).as_json(), ensure_ascii=False, indent=1))
        return
    lines = list(_explained(profile))
    asked = sum(profile.asked.values())
    click.echo("\n".join(lines) if lines else f"No noise was learned; {asked} answers were asked for twice.")


@noise.command()
@profile_option
@option("--route", "glob", default="*", metavar="GLOB", help="Forget these routes only.  [default: all]")
def reset(noise_path: Path, glob: str) -> None:
    """Forget what was learned."""
    from fnmatch import fnmatchcase

    if glob == "*":
        noise_path.unlink(missing_ok=True)
        click.echo(f"{noise_path}: forgotten")
        return
    profile = load_profile(noise_path)
    left = {route: count for route, count in profile.asked.items() if not fnmatchcase(route, glob)}
    gone = profile.asked.keys() - left.keys()
    if not gone:
        raise UsageFailure(f"nothing was learned about a route such as '{glob}'")
    save_profile(noise_path, Profile(left, {spot: each for spot, each in profile.spots.items() if spot.route in left}))
    click.echo(f"{noise_path}: forgotten {', '.join(sorted(gone))}")


@noise.command()
@profile_option
@option("--upstream", type=Url(), required=True, metavar="URL", help="The service to ask.")
@option("--cassette", type=FILE, required=True, help="Cassette with the requests; only the safe ones are sent.")
@option(
    "--times",
    type=click.IntRange(min=2),
    default=3,
    show_default=True,
    help="How often each request is sent; each answer is compared with the first.",
)
@upstream_options
def learn(noise_path: Path, cassette: Path, times: int, **options: Any) -> None:
    """Ask an upstream the same several times, and learn in what its answers differ."""
    import asyncio

    from azdicom_proxy.command_options import settings_of
    from azdicom_proxy.parity.noise_learning import learn_from
    from azdicom_proxy.settings import Mode

    profile = load_profile(noise_path)
    settings = settings_of(options, mode=Mode.PASSTHROUGH, port=0)
    before = _noisy(profile)
    asked = asyncio.run(learn_from(cassette, settings, Learning(profile), times, tell=_tell))
    save_profile(noise_path, profile)
    new = len(_noisy(profile) - before)
    click.echo(f"{asked} requests sent {times} times; {new} new noisy places; {noise_path} has {len(_noisy(profile))}")


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _noisy(profile: Profile) -> set[Spot]:
    return {spot for spot, counts in profile.spots.items() if counts.noise}


def _explained(profile: Profile) -> Iterator[str]:
    for spot in sorted(_noisy(profile)):
        counts, total = profile.spots[spot], profile.asked.get(spot.route, 0)
        yield f"{spot.route}  {spot.at}"
        yield f"    {MEANS[opinion_of(counts, total)]}"
        yield f"    {explanation(counts, total)}"
