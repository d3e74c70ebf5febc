"""What of a cassette one interaction needs: where its ids come from, and what was done before to what it is about."""

from collections import defaultdict
from collections.abc import Sequence

from azdicom_proxy.cassette.bodies import content_of, media_type_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Empty, Interaction, Omitted
from azdicom_proxy.matching.identity import ID, ids_of
from azdicom_proxy.matching.timeline import is_safe, resources_of


class UnknownInteractionError(ValueError):
    """No interaction has this id."""


def needed_for(interactions: Sequence[Interaction], identifier: str) -> tuple[Interaction, ...]:
    """The interaction called so and those before it that it depends on, in their order.

    One depends on the first whose answer had an id of its request, and on every change of a study, workitem or tag
    that it reads or changes. Raises UnknownInteractionError.
    """
    at = next((at for at, each in enumerate(interactions) if each.id == identifier), None)
    if at is None:
        known = ", ".join(each.id for each in interactions[:10])
        raise UnknownInteractionError(f"no interaction is called '{identifier}'. There are: {known} …")
    dependencies = _dependencies(interactions[: at + 1])
    needed: set[int] = set()
    waiting = [at]
    while waiting:
        current = waiting.pop()
        if current not in needed:
            needed.add(current)
            waiting += dependencies[current]
    return tuple(interactions[each] for each in sorted(needed))


def _dependencies(interactions: Sequence[Interaction]) -> list[set[int]]:
    """For each interaction, the positions of those that it needs directly."""
    told_by: dict[str, int] = {}
    changed_by: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    found: list[set[int]] = []
    for at, interaction in enumerate(interactions):
        needs = {told_by[each] for each in ids_of(interaction.request) if each in told_by}
        resources = resources_of(interaction)
        for kind, name in resources:
            for other, positions in changed_by.items():
                if other[0] == kind and (name is None or other[1] is None or other[1] == name):
                    needs |= set(positions)
        found.append(needs)
        if not is_safe(interaction):
            for resource in resources:
                changed_by[resource].append(at)
        for each in ids_of(interaction.request):
            told_by.setdefault(each, at)
        for each in _told(interaction):
            told_by.setdefault(each, at)
    return found


def _told(interaction: Interaction) -> list[str]:
    """The ids in an answer's headers and text."""
    response = interaction.response
    texts = [value for _, value in response.headers]
    if is_text(media_type_of(response.headers)) and not isinstance(response.body, Empty | Omitted):
        texts.append(content_of(response.body).decode("utf-8", "replace"))
    return [each for text in texts for each in ID.findall(text)]
