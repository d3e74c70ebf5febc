"""STOW-RS: store and upsert instances (PS3.18 §10.5, store)."""

import asyncio
import contextlib
import logging
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from azdicom_emulator.dicom.ingest import Accepted, Identity, Refused, read_instance
from azdicom_emulator.dicom.part10 import PREAMBLE_BYTES, has_preamble
from azdicom_emulator.dicom.reasons import FailureReason
from azdicom_emulator.dicom.tag_values import TagValue
from azdicom_emulator.faults.keys import PARTIAL_STORE
from azdicom_emulator.settings import Settings
from azdicom_emulator.storage.attributes import series_attributes, study_attributes
from azdicom_emulator.storage.claims import Claim
from azdicom_emulator.storage.errors import InstanceExistsError, InstancePendingError, OverloadedError
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.query_tags import QueryTag
from azdicom_emulator.storage.records import InstanceKey, NewInstance, StoredInstance
from azdicom_emulator.storage.tag_readings import read_tags
from azdicom_emulator.studies.expiry import expiry_of
from azdicom_emulator.studies.store_request import StoreRequest, parse_store_request, read_parts, require_storable_type
from azdicom_emulator.studies.store_response import Failed, Stored, StoreResult, store_response
from azdicom_emulator.web.keys import INDEX, MATCH, SETTINGS, WORKERS
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.spool import Spool
from azdicom_emulator.web.tag_rules import tag_rules
from azdicom_emulator.web.workers import Workers

log = logging.getLogger(__name__)


async def store_instances(request: web.Request) -> web.StreamResponse:
    """POST and PUT of `/studies[/{study}]`: 200; 202 with warnings or failures; 204 without parts; 409: all failed."""
    settings, index, workers = request.app[SETTINGS], request.app[INDEX], request.app[WORKERS]
    received = datetime.now(UTC)
    require_storable_type(request)
    partition = await partition_of(request, create=True)
    store = parse_store_request(request)
    expires_at = expiry_of(request, received)
    spool = Spool(
        workers=workers,
        temporary=index.files.temporary,
        limit_bytes=settings.max_request_bytes,
        part_memory_bytes=settings.spool_memory_bytes,
    )
    with spool:
        parts = await read_parts(request, store, spool)
        ingest = Ingest(index, settings, partition, store, request[MATCH].api_version, expires_at)
        refusal = request.get(PARTIAL_STORE)
        to_refuse = refusal.fail.of(len(parts)) if refusal is not None else 0
        results: list[StoreResult] = []
        for part in parts:
            # One after the other, in request order: the second of two equal identities is a duplicate (store §9).
            prepared = await _prepared(workers, ingest, part.content)
            if not isinstance(prepared, Prepared):
                results.append(prepared)
            elif refusal is not None and to_refuse > 0:
                to_refuse -= 1
                await workers.in_thread(prepared.claim.release)
                results.append(_failed(prepared.report, refusal.reason))
            else:
                results.append(await _commit(ingest, prepared))
    log.info("stored %d of %d instances", sum(isinstance(result, Stored) for result in results), len(results))
    return store_response(request, store.study, results)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An instance whose files are written and whose identity is claimed; only the commit is missing."""

    claim: Claim
    new: NewInstance
    report: Accepted
    query_tags: tuple[QueryTag, ...]


@dataclass(frozen=True, slots=True)
class Ingest:
    """Takes one body at a time from bytes to files on disk. Runs in a worker thread."""

    index: Index
    settings: Settings
    partition: str
    store: StoreRequest
    api_version: int
    expires_at: datetime | None

    def prepare(self, content: bytes | Path) -> Prepared | Failed:
        """Parses, validates, claims and writes one instance (store §7)."""
        query_tags, rules = self.index.query_tags, tag_rules(self.settings)
        with _opened(content) as source:
            report = read_instance(
                source,
                api_version=self.api_version,
                study=self.store.study,
                implicit_vr="reject" if self.settings.quirk("store.implicit_vr") == "reject" else "warn",
                study_mismatch=FailureReason(int(self.settings.quirk("store.study_mismatch_code"))),
                query_tags={each.tag: rules.expected_vr(each.tag, each.vr) for each in query_tags},
            )
        if isinstance(report, Refused):
            return Failed(report.identity, report.reason, report.messages, report.has_multiple_values)
        try:
            claim = self.index.claim(self._key(report.identity), replace=self.store.is_upsert)
        except InstanceExistsError:
            return _failed(report, FailureReason.ALREADY_EXISTS)
        except InstancePendingError:
            return _failed(report, FailureReason.PENDING)
        try:
            return self._write(claim, content, report, query_tags)
        except OSError:
            claim.release()
            log.exception("could not write %s", claim.key)
            return _failed(report, FailureReason.PROCESSING)
        except BaseException:
            claim.release()
            raise

    def tag_values(self, report: Accepted, query_tags: tuple[QueryTag, ...]) -> tuple[tuple[int, TagValue], ...]:
        """What the extended query tags index. A value that fails is left out: only a re-index has errors."""
        return read_tags(report.metadata, query_tags, tag_rules(self.settings)).values

    def _write(
        self, claim: Claim, content: bytes | Path, report: Accepted, query_tags: tuple[QueryTag, ...]
    ) -> Prepared:
        size_bytes = content.stat().st_size if isinstance(content, Path) else len(content)
        if self.settings.quirk("store.preamble") == "zero-at-store":
            content = _zero_preamble(content)
        self.index.files.write(claim.key, claim.watermark, content, report.metadata)
        stored = StoredInstance(claim.key, claim.watermark, report.transfer_syntax_uid, size_bytes)
        new = NewInstance(
            stored=stored,
            study=study_attributes(report.attributes),
            series=series_attributes(report.attributes),
            expires_at=self.expires_at,
            tag_values=self.tag_values(report, query_tags),
        )
        return Prepared(claim, new, report, query_tags)

    def _key(self, identity: Identity) -> InstanceKey:
        return InstanceKey(self.partition, identity.study or "", identity.series or "", identity.instance or "")


async def store_one(workers: Workers, ingest: Ingest, content: bytes | Path) -> StoreResult:
    """One instance, from the bytes to the acknowledgement. A file is moved into the store, or stays if that fails."""
    prepared = await _prepared(workers, ingest, content)
    return await _commit(ingest, prepared) if isinstance(prepared, Prepared) else prepared


async def _prepared(workers: Workers, ingest: Ingest, content: bytes | Path) -> Prepared | Failed:
    """What a thread makes of one body. When the client hangs up, the thread still ends, and its claim is given back."""
    working = asyncio.ensure_future(workers.in_thread(ingest.prepare, content))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        working.add_done_callback(_abandon)
        raise


def _abandon(working: asyncio.Future[Prepared | Failed]) -> None:
    if not working.cancelled() and working.exception() is None:
        prepared = working.result()
        if isinstance(prepared, Prepared):
            asyncio.get_running_loop().run_in_executor(None, prepared.claim.release)


async def _commit(ingest: Ingest, prepared: Prepared) -> StoreResult:
    index, new = ingest.index, prepared.new
    if (query_tags := index.query_tags) is not prepared.query_tags:
        # A tag was added since: the re-index takes what is committed before it begins, and this comes after.
        new = replace(new, tag_values=ingest.tag_values(prepared.report, query_tags))
    try:
        await index.commit((prepared.claim, new))
    except OverloadedError:
        raise
    except Exception:
        log.exception("could not commit %s", prepared.claim.key)
        return _failed(prepared.report, FailureReason.PROCESSING)
    report = prepared.report
    return Stored(report.identity, report.warning, report.messages, report.has_multiple_values)


def _failed(report: Accepted, reason: int) -> Failed:
    """A failure of storing, not of validation: it carries no messages (store §7 step 10)."""
    return Failed(report.identity, reason, (), report.has_multiple_values)


@contextlib.contextmanager
def _opened(content: bytes | Path) -> Iterator[bytes | mmap.mmap]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def _zero_preamble(content: bytes | Path) -> bytes | Path:
    """The preamble can carry anything, even another file's header: 128 zero bytes replace it, all else is kept."""
    if isinstance(content, bytes):
        if has_preamble(content) and any(content[:PREAMBLE_BYTES]):
            return bytes(PREAMBLE_BYTES) + content[PREAMBLE_BYTES:]
        return content
    with content.open("r+b") as file:
        if has_preamble(file.read(PREAMBLE_BYTES + 4)):
            file.seek(0)
            file.write(bytes(PREAMBLE_BYTES))
    return content
