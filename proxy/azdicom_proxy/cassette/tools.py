"""Tools on whole cassettes: scrub, inline, split, merge, prune, recover, count."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from azdicom_proxy.cassette.bodies import size_of
from azdicom_proxy.cassette.layout import LayoutOptions, lay_out
from azdicom_proxy.cassette.lock import CassetteLock
from azdicom_proxy.cassette.model import Cassette, Interaction
from azdicom_proxy.cassette.naming import named, renumbered, slug_of
from azdicom_proxy.cassette.partial import partial_path, read_partial
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.side_files import SideFiles, bodies_folder, files_of
from azdicom_proxy.cassette.slicing import needed_for
from azdicom_proxy.cassette.writing import write_cassette
from azdicom_proxy.matching.timeline import resources_of
from azdicom_proxy.scrub.known import known_uids
from azdicom_proxy.scrub.policy import ScrubPolicy
from azdicom_proxy.scrub.scrubber import Scrubber

_ALREADY_SCRUBBED = "phi-basic"


def rewrite(
    source: Cassette,
    target: Path,
    interactions: Iterable[Interaction],
    options: LayoutOptions | None = None,
) -> Cassette:
    """Writes `interactions` of `source` as the cassette `target`, their bodies laid out for it.

    Raises CassetteLockedError.
    """
    lock = CassetteLock(target)
    try:
        side_files = SideFiles(bodies_folder(target))
        chosen = options or LayoutOptions(keep_headers=True)
        laid_out = tuple(lay_out(interaction, side_files, chosen) for interaction in interactions)
        cassette = replace(source, interactions=laid_out, path=target)
        write_cassette(cassette, target)
        return cassette
    finally:
        lock.release()


def scrub(source: Cassette, target: Path, policy: ScrubPolicy, key: bytes, hosts: Iterable[str]) -> Scrubber:
    """Writes `source` scrubbed; interactions whose patients were replaced before lose secrets only.

    Returns the scrubber, for its counts and warnings. Raises RefusedError, CassetteLockedError.
    """
    done = tuple(each for each in source.interactions if policy.scrubs_phi and _ALREADY_SCRUBBED in each.scrubbed)
    scrubber = Scrubber(policy, key, hosts=hosts, known=known_uids(replace(source, interactions=done)))
    again = Scrubber(replace(policy, phi=policy.phi.KEEP), key, hosts=hosts)
    try:
        scrubbed = []
        for interaction in source.interactions:
            changed = (again if interaction in done else scrubber).interaction(interaction)
            if changed is not None:
                scrubbed.append(changed)
        rewrite(source, target, map(scrubber.second_pass, scrubbed))
        return scrubber
    finally:
        scrubber.close()
        again.close()


def inline(source: Cassette, target: Path) -> Cassette:
    """Writes `source` with all bodies in the YAML: plain VCR.py needs nothing else."""
    return rewrite(source, target, source.interactions, LayoutOptions(keep_headers=True, inline_all=True))


def split(source: Cassette, folder: Path, by: str) -> dict[Path, int]:
    """Writes a cassette for each route, or for each study; the new files with their numbers of interactions.

    by: `route` or `study`. What is about no study, or about all, goes into `other`.
    """
    group_of = _GROUPS[by]
    groups: dict[str, list[Interaction]] = {}
    for interaction in source.interactions:
        groups.setdefault(group_of(interaction), []).append(interaction)
    written = {}
    for name, interactions in sorted(groups.items()):
        path = folder / f"{name}.yaml"
        rewrite(source, path, renumbered(interactions))
        written[path] = len(interactions)
    return written


def merge(sources: Iterable[Cassette], target: Path) -> Cassette:
    """Writes the interactions of all `sources`, one cassette after the other, with new ids."""
    cassettes = list(sources)
    interactions = renumbered(interaction for cassette in cassettes for interaction in cassette.interactions)
    return rewrite(cassettes[0], target, interactions)


def prune(source: Cassette, target: Path, used: Callable[[str], bool]) -> int:
    """Writes `source` without the interactions whose id is not `used`; how many went. Ids and seqs stay."""
    kept = [interaction for interaction in source.interactions if used(interaction.id)]
    rewrite(source, target, kept)
    return len(source.interactions) - len(kept)


def minimise(source: Cassette, target: Path, keep: str) -> int:
    """Writes the interaction `keep` and what it needs; how many went. Raises UnknownInteractionError."""
    kept = needed_for(source.interactions, keep)
    rewrite(source, target, kept)
    return len(source.interactions) - len(kept)


def recover(cassette: Path) -> Cassette:
    """Writes the cassette that a recording left as a partial file, and removes that.

    Interactions that the cassette has and the partial file has not come first. Raises CassetteMissingError,
    CassetteError, CassetteLockedError.
    """
    partial = partial_path(cassette)
    side_files = SideFiles(bodies_folder(cassette))
    recovered = read_partial(partial, side_files)
    before = load(cassette) if cassette.is_file() else Cassette(path=cassette)
    new_ids = {interaction.id for interaction in recovered}
    first = recovered[0].seq if recovered else 1
    kept = [each for each in before.interactions if each.id not in new_ids and each.seq < first]
    lock = CassetteLock(cassette)
    try:
        whole = replace(before, interactions=named((*kept, *recovered)), path=cassette)
        write_cassette(whole, cassette)
        partial.unlink()
        return whole
    finally:
        lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts of a cassette. routes, statuses: interactions by each; bytes as they would be on the wire."""

    interactions: int
    routes: dict[str, int]
    statuses: dict[int, int]
    request_bytes: int
    response_bytes: int
    yaml_bytes: int
    side_files: int
    side_file_bytes: int


def stats(cassette: Cassette) -> Stats:
    files = {
        file.path: file.size_bytes
        for interaction in cassette.interactions
        for body in (interaction.request.body, interaction.response.body)
        for file in files_of(body)
    }
    return Stats(
        interactions=len(cassette.interactions),
        routes=dict(sorted(Counter(each.route for each in cassette.interactions).items())),
        statuses=dict(sorted(Counter(each.response.status for each in cassette.interactions).items())),
        request_bytes=sum(size_of(each.request.body) for each in cassette.interactions),
        response_bytes=sum(size_of(each.response.body) for each in cassette.interactions),
        yaml_bytes=cassette.path.stat().st_size if cassette.path else 0,
        side_files=len(files),
        side_file_bytes=sum(files.values()),
    )


def _by_route(interaction: Interaction) -> str:
    return slug_of(interaction.request.method, interaction.request.uri)


def _by_study(interaction: Interaction) -> str:
    studies = {identifier for kind, identifier in resources_of(interaction) if kind == "study" and identifier}
    return studies.pop() if len(studies) == 1 else "other"


_GROUPS: dict[str, Callable[[Interaction], str]] = {"route": _by_route, "study": _by_study}
