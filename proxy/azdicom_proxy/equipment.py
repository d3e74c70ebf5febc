"""What a recording needs in its mode: the cassette it replays, the writer it records with, the scrubbers of both."""

import logging
import os
import secrets
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from azdicom_proxy.cassette.bodies import sha256_of, size_of
from azdicom_proxy.cassette.errors import CassetteMissingError
from azdicom_proxy.cassette.layout import LayoutOptions
from azdicom_proxy.cassette.model import Cassette, Interaction, Omitted, RecordedRequest
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.record_modes import parse_record_mode, plan
from azdicom_proxy.cassette.writing import CassetteWriter, read_delays
from azdicom_proxy.exchanges import DEFAULT_RECORDING
from azdicom_proxy.matching.bodies import BodyLevel
from azdicom_proxy.matching.player import Order, Player, Repeat
from azdicom_proxy.recordings import Recording
from azdicom_proxy.scrub.key import DEFAULT_PATH, ENVIRONMENT_VARIABLE, KEY_BYTES, project_key
from azdicom_proxy.scrub.known import known_uids, known_values
from azdicom_proxy.scrub.policy import Phi, PolicyError, Rules, ScrubPolicy, parse_options, parse_rules
from azdicom_proxy.scrub.scrubber import RefusedError, Scrubber
from azdicom_proxy.scrub.thinning import THIN_PIXELS
from azdicom_proxy.settings import Latency, Mode, OfflineFallback, ProxySettings

log = logging.getLogger(__name__)

PROJECT_FILE = Path("azdicom.yaml")
PHI_WAS_SCRUBBED = "phi-basic"
"""Among what an interaction was scrubbed of."""
NO_KEY = bytes(KEY_BYTES)
"""Where no data of patients are replaced and the upstream is on this machine, there is nothing to hide behind a key."""


def equip(recording: Recording, settings: ProxySettings) -> None:
    """Gives `recording` its player and its writer. Reads files, so not on the loop.

    Raises CassetteError, PolicyError, BadKeyError, UnknownMatcherError.
    """
    path = recording.path
    assert path is not None
    if settings.offline_fallback is OfflineFallback.REPLAY:
        recording.known = _known(recording, path, settings)
    _equip_mode(recording, path, settings)
    if settings.latency is Latency.RECORDED and recording.player is not None:
        recording.delays_s = read_delays(path)


def _known(recording: Recording, path: Path, settings: ProxySettings) -> Player:
    """All that the cassette has, as if it had been played to its end: the newest answers are those to give again."""
    try:
        cassette: Cassette | None = load(path)
    except CassetteMissingError:
        cassette = None
    interactions = cassette.interactions if cassette is not None else ()
    empty = replace(cassette, interactions=()) if cassette is not None else None
    player = _player(recording, empty, path, settings, like=cassette)
    for interaction in interactions:
        player.add(interaction, played=True)
    return player


def _equip_mode(recording: Recording, path: Path, settings: ProxySettings) -> None:
    if recording.mode is Mode.PASSTHROUGH:
        return
    if recording.mode is Mode.DIFF:
        if settings.cassette is None:
            return
        planned = plan(parse_record_mode("rewrite"), path)
        recording.writer = _writer(path, settings, planned.existing, keeps_equal=planned.keeps_equal)
        return
    if recording.mode is Mode.RECORD:
        planned = plan(parse_record_mode(recording.record_mode), path)
        if planned.replays:
            recording.player = _player(recording, planned.existing, path, settings)
        if planned.records:
            recording.writer = _writer(path, settings, planned.existing, keeps_equal=planned.keeps_equal)
        return
    existing = _replayed(recording, path)
    recording.player = _player(recording, existing, path, settings)
    if recording.mode is Mode.SPY and settings.record_misses:
        recording.writer = _writer(path, settings, existing, keeps_equal=False)


def _replayed(recording: Recording, path: Path) -> Cassette | None:
    """A missing file of a recording that a request names is one that answers nothing, which the miss says."""
    try:
        return load(path)
    except CassetteMissingError:
        if recording.mode is Mode.REPLAY and recording.name == DEFAULT_RECORDING:
            raise
        return None


def _player(
    recording: Recording,
    cassette: Cassette | None,
    path: Path,
    settings: ProxySettings,
    *,
    like: Cassette | None = None,
) -> Player:
    """like: whose interactions come later, and say how requests are scrubbed."""
    matching = settings.matching
    scrubber = _scrubber_of_player(like or cassette, settings)
    stack = ExitStack()
    stack.callback(scrubber.close)
    recording.releases.append(stack.close)
    return Player(
        _alike(cassette, scrubber.policy, stack),
        path=path,
        match_on=matching.match_on,
        match_headers=matching.match_headers,
        ignore_version=matching.ignore_version,
        body_level=BodyLevel(matching.body_level),
        order=Order(matching.order),
        repeat=Repeat(matching.repeat),
        map_uids=matching.map_uids,
        scrub_request=_RequestScrubber(scrubber),
        discard_request=scrubber.discard,
    )


def _alike(cassette: Cassette | None, policy: ScrubPolicy, stack: ExitStack) -> Cassette | None:
    """The cassette with the pixels of all its requests thinned, where those of incoming ones are."""
    if cassette is None or not policy.thin_pixels:
        return cassette
    thinner = Scrubber(ScrubPolicy(phi=Phi.KEEP, thin_pixels=True), NO_KEY)
    stack.callback(thinner.close)
    return replace(cassette, interactions=tuple(_thinned(each, thinner) for each in cassette.interactions))


def _thinned(interaction: Interaction, thinner: Scrubber) -> Interaction:
    if THIN_PIXELS in interaction.scrubbed:
        return interaction
    try:
        return replace(interaction, request=thinner.with_thin_pixels(interaction.request))
    except RefusedError:
        return interaction


class _RequestScrubber:
    """A scrubber of requests that threads may share."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._lock = Lock()

    def __call__(self, request: RecordedRequest) -> RecordedRequest:
        with self._lock:
            try:
                return self._scrubber.request(request)
            except RefusedError as error:  # nothing like it can have been recorded: a miss
                log.info("a request cannot be scrubbed: %s", error)
                body = Omitted(size_of(request.body), sha256_of(request.body))
                return self._scrubber.request(replace(request, body=body))


def _writer(path: Path, settings: ProxySettings, existing: Cassette | None, *, keeps_equal: bool) -> CassetteWriter:
    writing = settings.writing
    scrubber = Scrubber(
        _policy(settings, _phi_of_upstream(settings)),
        _key_of_writer(settings),
        hosts=_hosts(settings),
        known=known_uids(existing) if existing is not None and not keeps_equal else (),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    return CassetteWriter(
        path,
        scrubber=scrubber,
        options=LayoutOptions(
            raw_json=writing.raw_json,
            keep_boundary=writing.keep_boundary,
            keep_headers=writing.keep_headers,
            inline_all=writing.inline_all,
        ),
        existing=existing,
        keeps_equal=keeps_equal,
        upstream=settings.upstream_alias,
    )


def _scrubber_of_player(cassette: Cassette | None, settings: ProxySettings) -> Scrubber:
    """What makes a request like the recorded ones: as they were scrubbed, unless the settings say how."""
    interactions = cassette.interactions if cassette is not None else ()
    was_scrubbed = any(PHI_WAS_SCRUBBED in interaction.scrubbed for interaction in interactions)
    phi = Phi(settings.writing.phi) if settings.writing.phi is not None else Phi.BASIC if was_scrubbed else Phi.KEEP
    known = known_values(cassette) if cassette is not None else ()
    key = _key_of_player() if phi is Phi.BASIC else NO_KEY
    was_thinned = any(THIN_PIXELS in interaction.scrubbed for interaction in interactions)
    policy = replace(_policy(settings, phi), thin_pixels=settings.writing.thin_pixels or was_thinned)
    return Scrubber(policy, key, hosts=_hosts(settings), known=known)


def _policy(settings: ProxySettings, phi: Phi) -> ScrubPolicy:
    return ScrubPolicy(
        phi=phi,
        options=parse_options(settings.writing.phi_options),
        rules=_rules(settings),
        thin_pixels=settings.writing.thin_pixels,
    )


def _phi_of_upstream(settings: ProxySettings) -> Phi:
    if settings.writing.phi is not None:
        return Phi(settings.writing.phi)
    return Phi.KEEP if _is_local(settings) else Phi.BASIC


def _is_local(settings: ProxySettings) -> bool:
    return settings.upstream is None or settings.upstream.is_loopback


def _key_of_writer(settings: ProxySettings) -> bytes:
    scrubs_phi = _phi_of_upstream(settings) is Phi.BASIC
    return project_key() if scrubs_phi or not _is_local(settings) else NO_KEY


def _key_of_player() -> bytes:
    if DEFAULT_PATH.exists() or os.environ.get(ENVIRONMENT_VARIABLE):
        return project_key()
    log.warning(
        "the cassette was scrubbed with a project key, and there is none (%s, $%s): original names and ids in requests"
        " will not match, those from recorded answers will",
        DEFAULT_PATH,
        ENVIRONMENT_VARIABLE,
    )
    return secrets.token_bytes(KEY_BYTES)


def _hosts(settings: ProxySettings) -> tuple[str, ...]:
    return (settings.upstream.authority, settings.upstream.host) if settings.upstream is not None else ()


def _rules(settings: ProxySettings) -> Rules:
    path = settings.writing.scrub_rules
    if path is None and not PROJECT_FILE.is_file():
        return Rules()
    where = path or PROJECT_FILE
    try:
        document: Any = yaml.safe_load(where.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PolicyError(f"cannot read {where}: {error}") from None
    return parse_rules(document.get("scrub")) if isinstance(document, dict) else Rules()
