"""The named recordings of a proxy: each with a cassette, a player, a writer and misses of its own."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azdicom_proxy.exchanges import DEFAULT_RECORDING
from azdicom_proxy.settings import Mode, OfflineFallback, ProxySettings

if TYPE_CHECKING:
    from azdicom_proxy.cassette.writing import CassetteWriter, WriteReport
    from azdicom_proxy.matching.player import Player

log = logging.getLogger(__name__)

MISSES_KEPT = 100
DEFAULT_FOLDER = Path("cassettes")


@dataclass(slots=True)
class Recording:
    """One recording. player: None where nothing is replayed; writer: None where nothing is recorded."""

    name: str
    mode: Mode
    record_mode: str
    path: Path | None
    player: "Player | None" = None
    writer: "CassetteWriter | None" = None
    known: "Player | None" = None
    """Answers in the upstream's place while that cannot be reached."""
    delays_s: "Mapping[str, float]" = field(default_factory=dict)
    """How long the upstream let each interaction's answer wait, by id; empty unless answers shall wait again."""
    started: float = field(default_factory=time.perf_counter)
    recorded: int = 0
    misses: deque[str] = field(default_factory=lambda: deque(maxlen=MISSES_KEPT))
    missed: int = 0
    report: "WriteReport | None" = None
    refusal: str | None = None
    """Why nothing more is written."""
    releases: list[Callable[[], None]] = field(default_factory=list)
    """Each removes what a player has left in temporary files."""
    _last: "asyncio.Future[Any] | None" = None

    def in_order(self, work: Callable[[], Awaitable[None]]) -> "asyncio.Future[None]":
        """Starts `work` when all that was given before is done, whoever waits for it or goes away."""
        before = self._last

        async def follow() -> None:
            if before is not None:
                await asyncio.wait([before])
            await work()

        done: asyncio.Future[None] = asyncio.ensure_future(follow())
        self._last = done
        return done

    async def kept(self, work: Callable[[], Awaitable[None]], *, is_long: bool) -> None:
        """Gives `work` to `in_order`, and returns when it is done.

        is_long: already when what was given before is done. The client has its answer, and may want its connection
        back; but what is not yet kept shall not pile up.
        """
        before = self._last
        done = self.in_order(work)
        if not is_long:
            await asyncio.shield(done)
        elif before is not None:
            await asyncio.wait([before])

    async def caught_up(self) -> None:
        """Returns when all that was given to `in_order` until now is done."""
        if self._last is not None:
            await asyncio.wait([self._last])

    async def settled(self) -> None:
        """Returns when all that was given to `in_order` is done."""
        while self._last is not None:
            last, self._last = self._last, None
            await asyncio.wait([last])

    def note_miss(self, text: str) -> None:
        self.missed += 1
        self.misses.append(text)

    def variables_as_json(self) -> list[dict[str, str]]:
        """Ids that this run's client has in place of the recorded ones."""
        pairs = self.player.identities.pairs() if self.player is not None else []
        return [{"client": client, "recorded": recorded} for client, recorded in pairs]

    def as_json(self) -> dict[str, Any]:
        """For the admin API."""
        return {
            "name": self.name,
            "mode": self.mode.value,
            "record_mode": self.record_mode,
            "cassette": str(self.path) if self.path is not None else None,
            "played": self.player.played_count if self.player is not None else 0,
            "unplayed": [interaction.id for interaction in self.player.unplayed()] if self.player is not None else [],
            "recorded": self.recorded,
            "misses": list(self.misses),
            "is_recording": self.writer is not None,
        }


class Recordings:
    """Opens recordings when they are first named; `close()` writes their cassettes."""

    def __init__(self, settings: ProxySettings, executor: Any) -> None:
        self._settings = settings
        self._executor = executor
        self._open: dict[str, Recording] = {}
        self._opening: dict[str, asyncio.Future[Recording]] = {}

    def __iter__(self) -> Any:
        return iter(self._open.values())

    def opened(self, name: str) -> Recording | None:
        return self._open.get(name)

    async def get(self, name: str, mode: Mode | None = None) -> Recording:
        """The recording called so, opened if need be. mode: in place of the proxy's. Raises CassetteError."""
        found = self._open.get(name)
        if found is not None:
            return found
        opening = self._opening.get(name)
        if opening is None:
            opening = self._opening[name] = asyncio.ensure_future(self._start(name, mode or self._settings.mode))
            opening.add_done_callback(lambda _: self._opening.pop(name, None))
        return await asyncio.shield(opening)

    async def stop(self, name: str) -> Recording | None:
        """Writes its cassette and forgets it. None: there is none of that name. Raises CassetteError."""
        recording = self._open.pop(name, None)
        if recording is not None:
            await self._finish(recording)
        return recording

    async def reset(self) -> None:
        """All cassettes of replays begin anew; what is being recorded goes on."""
        for recording in self._open.values():
            if recording.player is not None:
                recording.player.reset()
            recording.misses.clear()
            recording.missed = 0

    async def set_mode(self, mode: Mode) -> None:
        """Ends all recordings and opens the default one in `mode`. Raises CassetteError."""
        for name in list(self._open):
            await self.stop(name)
        self._settings = replace(self._settings, mode=mode)
        await self.get(DEFAULT_RECORDING)

    @property
    def mode(self) -> Mode:
        return self._settings.mode

    async def close(self) -> list[Recording]:
        """All recordings, their cassettes written. Raises CassetteError of the first that cannot be."""
        closed = []
        while self._open:
            _, recording = self._open.popitem()
            await self._finish(recording)
            closed.append(recording)
        return closed[::-1]

    def abandon(self) -> None:
        """Leaves what is recorded in the partial files."""
        for recording in self._open.values():
            if recording.writer is not None:
                recording.writer.abandon()

    def path_of(self, name: str) -> Path | None:
        """Where the cassette of a recording lies."""
        settings = self._settings
        if name == DEFAULT_RECORDING and settings.cassette is not None:
            return settings.cassette
        folder = settings.cassette_dir or (settings.cassette.parent if settings.cassette is not None else None)
        return (folder or DEFAULT_FOLDER) / f"{name}.yaml"

    async def _start(self, name: str, mode: Mode) -> Recording:
        recording = Recording(name, mode, self._settings.record_mode, None)
        if self._settings.offline_fallback is OfflineFallback.REPLAY or not (
            mode is Mode.PASSTHROUGH or (mode is Mode.DIFF and self._settings.cassette is None)
        ):
            recording.path = self.path_of(name)
            await asyncio.get_running_loop().run_in_executor(self._executor, self._equip, recording)
        self._open[name] = recording
        return recording

    async def _finish(self, recording: Recording) -> None:
        await recording.settled()
        for release in recording.releases:
            release()
        writer, recording.writer = recording.writer, None
        if writer is not None:
            loop = asyncio.get_running_loop()
            recording.report = await loop.run_in_executor(self._executor, writer.close)

    # In a thread.

    def _equip(self, recording: Recording) -> None:
        from azdicom_proxy.equipment import equip

        equip(recording, self._settings)
