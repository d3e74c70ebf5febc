"""Which recorded interaction answers a request: chosen and marked as played in one step.

INTERFACE (stable; implementation follows):

    class Order(StrEnum): TIMELINE, STRICT, ANY            # --order
    class Repeat(StrEnum): NONE, SAFE, ALL                 # --repeat

    @dataclass(frozen=True) class Played:  interaction: Interaction; request: RecordedRequest; is_repeat: bool
    @dataclass(frozen=True) class Miss:    kind: MissKind; request; nearest: tuple[Candidate, ...]; ...; .text() -> str

    class Player:
        def __init__(self, cassette: Cassette, *, match_on: Sequence[str] = DEFAULT_MATCHERS, order=Order.TIMELINE,
                     repeat=Repeat.SAFE, body_level="dataset", ignore_version=False, map_uids=False,
                     scrub_request: Callable[[RecordedRequest], RecordedRequest] = identity) -> None
        def play(self, request: RecordedRequest) -> Interaction | Miss     # thread safe, atomic
        def add(self, interaction: Interaction, *, played: bool) -> None   # new_episodes: a just recorded interaction
        def unplayed(self) -> list[Interaction]
        def reset(self) -> None
        played_count: int

`play` returns the interaction with its response's learned ids translated for this client (identity map).
"""
