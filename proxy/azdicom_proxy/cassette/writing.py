"""Writing cassettes while they are recorded.

INTERFACE (stable; implementation follows):

    @dataclass(frozen=True) class WriteOptions:
        raw_json=False, keep_boundary=False, keep_headers=False, inline_all=False,
        max_inline_bytes=16 KiB, upstream="azure-v2", thin_pixels=False

    class CassetteWriter:
        def __init__(self, path: Path, *, options=WriteOptions(), scrubber: Scrubber | None = None,
                     previous: Cassette | None = None, keep_equal: bool = False, day: str | None = None)
            # previous: interactions to begin with (new_episodes) or, with keep_equal, to keep where equal (rewrite, all)
            # raises CassetteLockedError(path, pid)
        def append(self, interaction: Interaction) -> Interaction | None   # thread safe; scrubs, gives id and seq,
            # stores side files, appends to NAME.partial.jsonl; None: never recorded (token endpoint)
        def close(self) -> WriteReport     # kept, changed, added, removed, changes: list[str], rule_counts
        def abandon(self) -> None          # interrupted: the partial stays, the lock goes

    class RecordMode(StrEnum): ONCE, NEW_EPISODES, ALL, NONE, REWRITE      # cassette/record_modes.py
    def plan(mode, path) -> Plan(replays: bool, records: bool, previous: Cassette | None, keep_equal: bool)

    reading.py:  load(path: Path) -> Cassette     raises CassetteError (missing, unreadable; has .path)
    bodies.py:   chunks_of(body) -> Iterator[bytes]; size_of(body) -> int; content_of(body) -> bytes;
                 split_multipart(content_type: str, body: Inline|SpooledFile) -> Multipart | None (byte-exact, else None)
    scrub/scrubber.py: class Scrubber(policy: ScrubPolicy, key: bytes, hosts: Sequence[str]);
                 .interaction(i) -> Interaction | None; .request(r) -> RecordedRequest (replay: like with like)
"""
