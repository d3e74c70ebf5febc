"""Writing cassettes: interaction by interaction while they are recorded, and whole."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

from azdicom_proxy.cassette import yaml_text
from azdicom_proxy.cassette.churn import Kept, keep_equal
from azdicom_proxy.cassette.document import to_document
from azdicom_proxy.cassette.errors import CassetteError
from azdicom_proxy.cassette.layout import LayoutOptions, lay_out
from azdicom_proxy.cassette.lock import CassetteLock
from azdicom_proxy.cassette.model import Cassette, Interaction, Metadata
from azdicom_proxy.cassette.naming import Namer
from azdicom_proxy.cassette.partial import PartialFile, partial_path
from azdicom_proxy.cassette.side_files import SideFiles, bodies_folder, files_of
from azdicom_proxy.scrub.datasets import RefusedError

TOOL = "azdicom"


class Scrubs(Protocol):
    """What scrubs a recording's interactions (`scrub.scrubber.Scrubber`)."""

    counts: Counter[str]
    warnings: list[str]

    def interaction(self, interaction: Interaction) -> Interaction | None: ...

    def second_pass(self, interaction: Interaction) -> Interaction: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    """What a recording wrote: interactions by their fate, one line for each change, scrubbings by rule."""

    kept: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    refused: int = 0
    changes: tuple[str, ...] = ()
    rule_counts: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def summary(self) -> str:
        """`kept N, changed M, added A, removed R`."""
        return f"kept {self.kept}, changed {self.changed}, added {self.added}, removed {self.removed}"


class CassetteWriter:
    """Records one cassette. Safe for threads; holds the cassette's lock until it is closed or abandoned.

    scrubber: None writes what it gets. existing: the interactions to go on from or, with `keeps_equal`, to keep where
    the new ones are equal but for noise. upstream: an alias for the record, never a host. today: a day, for tests.
    Raises CassetteLockedError.
    """

    def __init__(
        self,
        path: Path,
        *,
        scrubber: Scrubs | None = None,
        options: LayoutOptions | None = None,
        existing: Cassette | None = None,
        keeps_equal: bool = False,
        upstream: str = "",
        today: str | None = None,
    ) -> None:
        self.path = path
        self.side_files = SideFiles(bodies_folder(path))
        self._lock_file = CassetteLock(path)
        self._scrubber = scrubber
        self._options = options or LayoutOptions()
        self._existing = existing
        self._keeps_equal = keeps_equal
        self._keeps_rest = False
        self._upstream = upstream
        self._today = today
        self._lock = Lock()
        self._refused: list[str] = []
        self._namer = Namer()
        self._interactions: list[Interaction] = []
        self._partial: PartialFile | None = None
        if existing is not None and not keeps_equal:
            self._interactions = [self._namer.name(interaction) for interaction in existing.interactions]

    def append(self, interaction: Interaction) -> Interaction | None:
        """The interaction as it is recorded, with its id and seq; None: it must not be (`refused` says why).

        When this returns, bodies are in side files or in memory: files that the interaction came with may go.
        """
        with self._lock:
            scrubbed: Interaction | None = interaction
            if self._scrubber is not None:
                try:
                    scrubbed = self._scrubber.interaction(interaction)
                except RefusedError as error:
                    self._refused.append(f"{interaction.request.method} {interaction.request.uri}: {error}")
                    return None
            if scrubbed is None:
                return None
            recorded = self._namer.name(lay_out(scrubbed, self.side_files, self._options))
            if self._partial is None:
                self._partial = PartialFile(partial_path(self.path), self.side_files)
            self._partial.append(recorded)
            self._interactions.append(recorded)
            return recorded

    def close(self) -> WriteReport:
        """Writes the cassette; a file with the same content is left alone, with its day."""
        try:
            interactions = tuple(self._interactions)
            if self._scrubber is not None:
                interactions = tuple(map(self._laid_out_again, interactions))
            if self._keeps_equal and self._existing is not None:
                kept = keep_equal(self._existing.interactions, interactions, keeps_rest=self._keeps_rest)
            else:
                before = len(self._existing.interactions) if self._existing else 0
                kept = Kept(interactions, kept=before, added=len(interactions) - before)
            if kept.interactions or self._existing is not None or self._partial is not None:
                self._write(kept.interactions)
            return self._report(kept)
        finally:
            self._finish()
            if self._partial is not None:
                self._partial.path.unlink(missing_ok=True)

    def keep_rest(self) -> None:
        """Nothing is removed: what is not recorded again could not be."""
        self._keeps_rest = True

    def abandon(self) -> None:
        """Stops without writing the cassette: the partial file stays for `cassette recover`."""
        self._finish()

    @property
    def refused(self) -> tuple[str, ...]:
        return tuple(self._refused)

    def _write(self, interactions: tuple[Interaction, ...]) -> None:
        previous = self._existing.metadata if self._existing else None
        write_cassette(
            Cassette(interactions=interactions, metadata=previous),
            self.path,
            upstream=self._upstream or (previous.upstream if previous else ""),
            today=self._today,
        )
        _write_timings(self.path, interactions)

    def _laid_out_again(self, interaction: Interaction) -> Interaction:
        assert self._scrubber is not None
        scrubbed = self._scrubber.second_pass(interaction)
        return lay_out(scrubbed, self.side_files, self._options) if scrubbed != interaction else interaction

    def _report(self, kept: Kept) -> WriteReport:
        scrubber = self._scrubber
        return WriteReport(
            kept=kept.kept,
            changed=kept.changed,
            added=kept.added,
            removed=kept.removed,
            refused=len(self._refused),
            changes=kept.changes,
            rule_counts=dict(sorted(scrubber.counts.items())) if scrubber else {},
            warnings=(*self._refused, *(scrubber.warnings if scrubber else ())),
        )

    def _finish(self) -> None:
        if self._partial is not None:
            self._partial.close()
        if self._scrubber is not None:
            self._scrubber.close()
        self._lock_file.release()


def write_cassette(cassette: Cassette, path: Path, *, upstream: str = "", today: str | None = None) -> bool:
    """Writes `cassette`, its bodies laid out for the side files of `path`; whether the file changed.

    Side files that nothing refers to any more are removed. The day changes only when something else does.
    """
    side_files = SideFiles(bodies_folder(path))
    used = {
        side_files.name_of(file)
        for interaction in cassette.interactions
        for body in (interaction.request.body, interaction.response.body)
        for file in files_of(body)
    }
    metadata = Metadata(
        tool=TOOL,
        recorded=cassette.metadata.recorded if cassette.metadata else "",
        upstream=upstream or (cassette.metadata.upstream if cassette.metadata else ""),
        bodies=side_files.folder.name if used else None,
    )
    is_changed = _write_if_changed(path, lambda day: _content(cassette, metadata, side_files, day), metadata, today)
    side_files.remove(side_files.names() - used)
    return is_changed


def _content(cassette: Cassette, metadata: Metadata, side_files: SideFiles, day: str) -> bytes:
    return yaml_text.dump(to_document(replace(cassette, metadata=replace(metadata, recorded=day)), side_files))


def _write_if_changed(path: Path, content: Callable[[str], bytes], metadata: Metadata, today: str | None) -> bool:
    if metadata.recorded and path.is_file() and path.read_bytes() == content(metadata.recorded):
        return False
    write_atomically(path, content(today or f"{datetime.now(UTC):%Y-%m-%d}"))
    return True


def write_atomically(path: Path, content: bytes) -> None:
    """A reader sees the old file or the new one, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write_timings(path: Path, interactions: tuple[Interaction, ...]) -> None:
    timings = {
        interaction.id: {
            "duration_ms": interaction.timing.duration_ms,
            "first_byte_ms": interaction.timing.first_byte_ms,
            "start_ms": interaction.timing.start_ms,
        }
        for interaction in interactions
        if interaction.timing is not None
    }
    if timings:
        document = {"interactions": timings, "schema": 1}
        write_atomically(timings_path(path), (json.dumps(document, indent=1, sort_keys=True) + "\n").encode("ascii"))


def read_delays(cassette: Path) -> dict[str, float]:
    """Seconds to the first byte of each interaction's answer, by id. Raises CassetteError: there are none to read."""
    path = timings_path(cassette)
    try:
        timings = json.loads(path.read_bytes())["interactions"]
        return {name: timing["first_byte_ms"] / 1000 for name, timing in timings.items()}
    except OSError as error:
        raise CassetteError(cassette, f"no timings beside it: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CassetteError(path, "it does not hold the timings of a recording") from error


def timings_path(cassette: Path) -> Path:
    return cassette.with_suffix(".timings.json")
