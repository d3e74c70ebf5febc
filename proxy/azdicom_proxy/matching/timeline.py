"""The timeline: which mutations came before a recorded interaction, of the resources that it is about."""

import re
from collections import Counter

from azdicom_proxy.cassette.bodies import content_of, media_type_of
from azdicom_proxy.cassette.model import Inline, Interaction
from azdicom_proxy.cassette.naming import locate

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
Resource = tuple[str, str | None]
"""Kind and identifier; None: all of the kind."""

_STUDY_PATH = re.compile(rb"/studies/(\d[\d.]*)")
_KINDS = {
    "studies": ("study", "study"),
    "series": ("study", "study"),
    "instances": ("study", "study"),
    "changefeed": ("study", "study"),
    "workitems": ("workitem", "workitem"),
    "extendedquerytags": ("tag", "tag"),
}
"""First segment to the kind, and to the route's parameter that identifies one."""


def is_safe(interaction: Interaction) -> bool:
    return interaction.request.method in SAFE_METHODS


def resources_of(interaction: Interaction) -> frozenset[Resource]:
    """The studies, workitem or tag that the interaction reads or changes; a store's by its response."""
    location = locate(interaction.request.method, interaction.request.uri)
    kind, parameter = _KINDS.get(location.segments[0] if location.segments else "", ("", ""))
    if not kind:
        return frozenset()
    identifier = location.parameters.get(parameter)
    if identifier is None and not is_safe(interaction):
        return frozenset((kind, study) for study in _stored_studies(interaction)) or frozenset({(kind, None)})
    return frozenset({(kind, identifier)})


class Mutations:
    """The seq of the last mutation of each resource, of those that were counted so far."""

    def __init__(self) -> None:
        self._one: dict[Resource, int] = {}
        self._any: dict[str, int] = {}
        self._all: Counter[str] = Counter()

    def count(self, resources: frozenset[Resource], seq: int) -> None:
        for resource in resources:
            kind, identifier = resource
            self._any[kind] = max(self._any.get(kind, 0), seq)
            if identifier is None:
                self._all[kind] = max(self._all[kind], seq)
            else:
                self._one[resource] = max(self._one.get(resource, 0), seq)

    def last(self, resources: frozenset[Resource]) -> int:
        """The highest seq that touched any of the resources, 0 if none did."""
        latest = 0
        for resource in resources:
            kind, identifier = resource
            if identifier is None:
                latest = max(latest, self._any.get(kind, 0))
            else:
                latest = max(latest, self._one.get(resource, 0), self._all.get(kind, 0))
        return latest


def _stored_studies(interaction: Interaction) -> set[str]:
    body = interaction.response.body
    if not isinstance(body, Inline) or "json" not in media_type_of(interaction.response.headers):
        return set()
    return {study.decode("ascii") for study in _STUDY_PATH.findall(content_of(body))}
