"""Which recorded interaction answers a request: chosen and marked as played in one step."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from enum import StrEnum
from pathlib import Path
from threading import Lock

from azdicom_proxy.cassette.model import Cassette, Interaction, RecordedRequest
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.matching.bodies import BodyLevel, BodyValue, body_value
from azdicom_proxy.matching.identity import IdentityMap, ids_of, shape_of
from azdicom_proxy.matching.matchers import BODY, Matchers, choose_matchers
from azdicom_proxy.matching.miss import BodyLines, Miss, MissKind, nearest_first, nearest_of
from azdicom_proxy.matching.timeline import Mutations, Resource, is_safe, resources_of

__all__ = ["Miss", "MissKind", "Order", "Player", "Repeat"]

_NEAR = 20
"""How many recorded requests are compared in their bodies for the explanation of a miss."""


class Order(StrEnum):
    """TIMELINE: mutations divide the recording into times; STRICT: as recorded; ANY: the first unplayed."""

    TIMELINE = "timeline"
    STRICT = "strict"
    ANY = "any"


class Repeat(StrEnum):
    """Which methods get a played interaction again when no unplayed one is left."""

    NONE = "none"
    SAFE = "safe"
    ALL = "all"


class _Episode:
    """A recorded interaction while it is played. time: the seq of the last mutation before it of its resources."""

    __slots__ = ("_body", "interaction", "key", "plays", "resources", "safe", "time")

    def __init__(self, interaction: Interaction, key: tuple[Hashable, ...], time: int) -> None:
        self.interaction = interaction
        self.key = key
        self.time = time
        self.resources: frozenset[Resource] = resources_of(interaction)
        self.safe = is_safe(interaction)
        self.plays = 0
        self._body: BodyValue | None = None

    @property
    def seq(self) -> int:
        return self.interaction.seq

    def body(self, level: BodyLevel) -> BodyValue:
        if self._body is None:
            self._body = body_value(self.interaction.request, level)
        return self._body


class _Asked:
    """A request while it is looked up: the values of its body are made once."""

    def __init__(self, request: RecordedRequest) -> None:
        self.request = request
        self._values: dict[BodyLevel, BodyValue] = {}

    def body_matches(self, episode: _Episode, level: BodyLevel) -> bool:
        recorded = episode.body(level)
        value = self._value(level)
        if recorded.kind == "bytes" and value.kind != "bytes":
            value = self._value(BodyLevel.BYTES)  # the recorded body was over the limit: only its hash is known
        return value == recorded

    def _value(self, level: BodyLevel) -> BodyValue:
        if level not in self._values:
            self._values[level] = body_value(self.request, level)
        return self._values[level]


class Player:
    """Plays one cassette. Safe for threads: two requests never get the same unplayed interaction.

    cassette: None when there is no file, `path` names it then. match_on, match_headers: as `choose_matchers` takes
    them. scrub_request: makes a request like the recorded ones before it is compared; discard_request: gets what that
    gave when it is compared. map_uids: requests that differ
    in ids only match, and their ids are translated from then on.
    """

    def __init__(
        self,
        cassette: Cassette | None,
        *,
        path: Path | None = None,
        match_on: Sequence[str] = (),
        match_headers: Sequence[str] = (),
        ignore_version: bool = False,
        body_level: BodyLevel = BodyLevel.DATASET,
        order: Order = Order.TIMELINE,
        repeat: Repeat = Repeat.SAFE,
        map_uids: bool = False,
        scrub_request: Callable[[RecordedRequest], RecordedRequest] | None = None,
        discard_request: Callable[[RecordedRequest], None] | None = None,
    ) -> None:
        self.path = path if cassette is None or cassette.path is None else cassette.path
        self._has_file = cassette is not None
        self._matchers: Matchers = choose_matchers(match_on, match_headers=match_headers, ignore_version=ignore_version)
        self._level, self._order, self._repeat = body_level, order, repeat
        self._scrub_request, self._discard_request = scrub_request, discard_request
        self._map_uids = map_uids
        self._lock = Lock()
        self._episodes: list[_Episode] = []
        self._buckets: dict[tuple[Hashable, ...], list[_Episode]] = defaultdict(list)
        self._shapes: dict[tuple[Hashable, ...], list[_Episode]] | None = None
        self._recorded = Mutations()
        self._played = Mutations()
        self.identities = IdentityMap()
        for interaction in sorted(cassette.interactions, key=_seq) if cassette else ():
            self._append(interaction)

    def play(self, request: RecordedRequest) -> Interaction | Miss:
        """The interaction that answers `request`, marked as played; its response speaks of the client's ids."""
        scrubbed = self._scrub_request(request) if self._scrub_request is not None else request
        try:
            return self._played_by(scrubbed)
        finally:
            if self._discard_request is not None:
                self._discard_request(scrubbed)

    def _played_by(self, request: RecordedRequest) -> Interaction | Miss:
        request = self.identities.request_as_recorded(request)
        asked = _Asked(request)
        with self._lock:
            candidates = self._equal(asked, self._buckets.get(self._matchers.key(request), ()))
            if not candidates and self._map_uids:
                candidates = self._equal_but_for_ids(request)
            episode = self._choose(candidates)
            if episode is None:
                return self._miss(asked, candidates)
            episode.plays += 1
            if not episode.safe:
                self._played.count(episode.resources, episode.seq)
        return self.identities.response_for_client(episode.interaction)

    def add(self, interaction: Interaction, *, played: bool = True) -> None:
        """A just recorded interaction joins; played: this run's client has its answer already."""
        with self._lock:
            self._has_file = True
            episode = self._append(interaction)
            if played:
                episode.plays = 1
                if not episode.safe:
                    self._played.count(episode.resources, episode.seq)

    def unplayed(self) -> list[Interaction]:
        """The interactions that answered nothing, in their order."""
        return [episode.interaction for episode in self._episodes if not episode.plays]

    @property
    def played_count(self) -> int:
        return sum(episode.plays > 0 for episode in self._episodes)

    @property
    def interaction_count(self) -> int:
        return len(self._episodes)

    def plays(self) -> dict[str, int]:
        """How often each interaction answered, by its id: what `cassette prune --unused` reads."""
        return {episode.interaction.id: episode.plays for episode in self._episodes}

    def reset(self) -> None:
        """Nothing is played, no id is learned."""
        with self._lock:
            for episode in self._episodes:
                episode.plays = 0
            self._played = Mutations()
            self.identities = IdentityMap()

    def _append(self, interaction: Interaction) -> _Episode:
        key = self._matchers.key(interaction.request)
        episode = _Episode(interaction, key, 0)
        episode.time = self._recorded.last(episode.resources)
        if not episode.safe:
            self._recorded.count(episode.resources, episode.seq)
        self._episodes.append(episode)
        self._buckets[key].append(episode)
        self._shapes = None
        return episode

    def _equal(self, asked: "_Asked", episodes: Sequence[_Episode]) -> list[_Episode]:
        if not self._matchers.compares_body or not episodes:
            return list(episodes)
        return [episode for episode in episodes if asked.body_matches(episode, self._level)]

    def _equal_but_for_ids(self, request: RecordedRequest) -> list[_Episode]:
        """The first unplayed episode, else the first, that is equal once ids are paired; the pairs are learned."""
        if self._shapes is None:
            self._shapes = defaultdict(list)
            for episode in self._episodes:
                self._shapes[self._matchers.key(shape_of(episode.interaction.request))].append(episode)
        ids = ids_of(request)
        alike = self._shapes.get(self._matchers.key(shape_of(request)), [])
        for episode in sorted(alike, key=lambda episode: (episode.plays, episode.seq)):
            if self._learn(request, ids, episode):
                return [episode]
        return []

    def _learn(self, request: RecordedRequest, ids: list[str], episode: _Episode) -> bool:
        recorded_ids = ids_of(episode.interaction.request)
        trial = IdentityMap()
        if not trial.learn(ids, recorded_ids):
            return False
        if self._matchers.compares_body:
            translated = trial.request_as_recorded(request)
            if body_value(translated, self._level, trial.to_recorded) != episode.body(self._level):
                return False
        # An id that is the recording's already was translated: it is paired with the client's from before.
        new = [pair for pair in zip(ids, recorded_ids, strict=True) if pair[0] != pair[1]]
        return self.identities.learn([ours for ours, _ in new], [theirs for _, theirs in new])

    def _choose(self, candidates: list[_Episode]) -> _Episode | None:
        if not candidates:
            return None
        unplayed = [episode for episode in candidates if not episode.plays]
        repeats = self._repeat is Repeat.ALL or (self._repeat is Repeat.SAFE and candidates[0].safe)
        if self._order is Order.STRICT:
            due = next((episode for episode in self._episodes if not episode.plays), None)
            return due if due in candidates else None
        if self._order is Order.ANY:
            return unplayed[0] if unplayed else candidates[-1] if repeats else None
        # The times of a candidate are those from the mutation before it to the one after it; now is the last played.
        now = [(episode, self._played.last(episode.resources)) for episode in candidates]
        return _of_timeline(candidates, unplayed, now, repeats=repeats)

    def _miss(self, asked: "_Asked", candidates: list[_Episode]) -> Miss:
        request = asked.request
        key = self._matchers.key(request)
        by_value = [(episode, self._results(key, episode)) for episode in self._episodes]
        # Reading all recorded bodies would take long: only those that are near in everything else are compared.
        near = nearest_first(request, [(episode.interaction, results) for episode, results in by_value])[:_NEAR]
        episodes = {id(episode.interaction): episode for episode in self._episodes}
        if self._matchers.compares_body:
            for interaction, results in near:
                results.append((BODY, asked.body_matches(episodes[id(interaction)], self._level)))
        return Miss(
            kind=self._kind(request, candidates),
            request=request,
            path=self.path,
            played=self.played_count,
            total=len(self._episodes),
            nearest=nearest_of(request, near, BodyLines(self._level)),
        )

    def _kind(self, request: RecordedRequest, candidates: list[_Episode]) -> MissKind:
        if not self._has_file:
            return MissKind.NO_FILE
        if not self._episodes:
            return MissKind.EMPTY
        if candidates:
            is_due = self._order is Order.STRICT and any(not episode.plays for episode in candidates)
            return MissKind.OUT_OF_ORDER if is_due else MissKind.ALREADY_PLAYED
        route = route_of(request.method, request.uri)
        has_route = any(episode.interaction.route == route for episode in self._episodes)
        return MissKind.DIFFERS if has_route else MissKind.NO_ROUTE

    def _results(self, key: tuple[Hashable, ...], episode: _Episode) -> list[tuple[str, bool]]:
        values = zip(self._matchers.values, key, episode.key, strict=True)
        return [(name, ours == theirs) for (name, _), ours, theirs in values]


def _seq(interaction: Interaction) -> int:
    return interaction.seq


def _of_timeline(
    candidates: list[_Episode], unplayed: list[_Episode], now: list[tuple[_Episode, int]], *, repeats: bool
) -> _Episode | None:
    for episode, cursor in now:
        if not episode.plays and episode.time <= cursor < episode.seq:
            return episode
    not_later = [episode for episode, cursor in now if episode.time <= cursor]
    if repeats and not_later:
        # Asked again before the next mutation was: the newest answer of this time, not one of a later time.
        latest = max(episode.time for episode in not_later)
        again = [episode for episode in not_later if episode.plays and episode.time == latest]
        if again:
            return again[-1]
    if unplayed:
        return unplayed[0]
    return (not_later or candidates)[-1] if repeats else None
