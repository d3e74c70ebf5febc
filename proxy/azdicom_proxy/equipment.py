"""What a recording needs in its mode: the cassette it replays, the writer it records with, the scrubber of both."""

from pathlib import Path

from azdicom_proxy.cassette.errors import CassetteMissingError
from azdicom_proxy.cassette.model import Cassette
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.record_modes import RecordMode, plan
from azdicom_proxy.cassette.writing import CassetteWriter, WriteOptions
from azdicom_proxy.matching.player import Player
from azdicom_proxy.recordings import Recording
from azdicom_proxy.scrub.key import project_key
from azdicom_proxy.scrub.policy import Phi, ScrubPolicy, parse_options, parse_rules
from azdicom_proxy.scrub.scrubber import Scrubber
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address


def equip(recording: Recording, settings: ProxySettings) -> None:
    """Gives `recording` its player, writer and scrubber. Reads files. Raises CassetteError, PolicyError, BadKeyError."""
    assert recording.path is not None
    scrubber = _scrubber(settings)
    recording.scrubber = scrubber
    if recording.mode is Mode.RECORD:
        _equip_for_recording(recording, settings, recording.path, scrubber)
        return
    recording.player = _player(_replayed(recording, recording.path), settings, scrubber)
    if recording.mode is Mode.SPY and settings.record_misses:
        previous = plan(RecordMode.NEW_EPISODES, recording.path).previous
        recording.writer = _writer(recording.path, settings, scrubber, previous, keep_equal=False)


def _equip_for_recording(recording: Recording, settings: ProxySettings, path: Path, scrubber: Scrubber) -> None:
    planned = plan(RecordMode(recording.record_mode), path)
    if planned.replays:
        recording.player = _player(planned.previous or Cassette(path=path), settings, scrubber)
    if planned.records:
        recording.writer = _writer(path, settings, scrubber, planned.previous, keep_equal=planned.keep_equal)


def _replayed(recording: Recording, path: Path) -> Cassette:
    """A missing cassette of a named recording is one that has no answers; of the command line's it is an error."""
    try:
        return load(path)
    except CassetteMissingError:
        if recording.mode is Mode.REPLAY:
            raise
        return Cassette(path=path)


def _player(cassette: Cassette, settings: ProxySettings, scrubber: Scrubber) -> Player:
    raise NotImplementedError


def _writer(
    path: Path, settings: ProxySettings, scrubber: Scrubber, previous: Cassette | None, *, keep_equal: bool
) -> CassetteWriter:
    raise NotImplementedError


def _scrubber(settings: ProxySettings) -> Scrubber:
    raise NotImplementedError


__all__ = ["Address", "Phi", "ScrubPolicy", "WriteOptions", "equip", "parse_options", "parse_rules", "project_key"]
