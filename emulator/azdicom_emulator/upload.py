"""`azdicom upload`: sends files and folders to a DICOMweb service by STOW-RS and says what became of each."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import click

CHUNK_BYTES = 1024 * 1024
MAX_TRIES = 5
"""Of one file, while the service answers 503."""
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)

FAILURE_REASONS = {
    272: "processing failure",
    43264: "not readable, or a required attribute is missing or invalid",
    43265: "belongs to another study",
    45070: "already exists",
    45071: "is being stored by another request",
}
"""FailureReason (0008,1197) in words (conformance statement v2, Store)."""
ALREADY_EXISTS = 45070


class Outcome(StrEnum):
    STORED = "stored"
    STORED_WITH_WARNINGS = "stored with warnings"
    ALREADY_STORED = "already stored"
    REFUSED = "refused"
    HTTP_ERROR = "http error"
    UNREADABLE = "cannot be read here"

    @property
    def is_failure(self) -> bool:
        return self in (Outcome.REFUSED, Outcome.HTTP_ERROR, Outcome.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one file. status: of the answer, 0 without one. reason: FailureReason or WarningReason."""

    path: Path
    outcome: Outcome
    status: int
    reason: int | None = None
    comments: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The row of the summary that counts this file."""
        match self.outcome:
            case Outcome.REFUSED:
                return f"refused, {self.reason} ({FAILURE_REASONS.get(self.reason or 0, 'unknown reason')})"
            case Outcome.HTTP_ERROR:
                return f"HTTP {self.status}" if self.status else "connection lost"
            case _:
                return str(self.outcome)


class UnreachableError(click.ClickException):
    """No connection to the service: nothing was sent."""

    exit_code = 2


def _service_url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise click.BadParameter(f"{value!r} is not a URL such as http://127.0.0.1:8080/v2")
    return value.rstrip("/")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@click.option(
    "--url",
    default="http://127.0.0.1:8080/v2",
    show_default=True,
    callback=_service_url,
    help="Service URL with its API version.",
)
@click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time.")
@click.option("--token", help="Bearer token, for a service that asks for one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the outcome of each file.")
def upload(paths: tuple[Path, ...], url: str, concurrency: int, token: str | None, as_json: bool) -> None:
    """Send DICOM files, and all files in folders, to a DICOMweb service.

    Every file is one store request (STOW-RS). Files that the service holds already are left as they are.

    \b
    Exit codes: 0 all files are stored, 1 some were refused, 2 wrong usage or no connection.

    \b
    Examples:
      azdicom upload scan.dcm
      azdicom upload exports/ more/*.dcm --url http://127.0.0.1:9000/v2 --concurrency 8
      azdicom upload scan.dcm --token "$(azdicom token)"
    """
    files = list(files_below(paths))
    started = time.monotonic()
    with _progress(len(files), quiet=as_json) as advance:
        results = asyncio.run(send_files(files, url, concurrency, token=token, advance=advance))
    results.sort(key=lambda sent: sent.path)
    if as_json:
        click.echo(json.dumps(_as_json(url, results)))
    else:
        for row in _summary(results):
            click.echo(row)
        click.echo(f"{len(files)} files in {time.monotonic() - started:.1f} s", err=True)
    if any(sent.status == 404 for sent in results):
        click.echo(f"The service answered 404: does {url} end in the API version, as in …/v2?", err=True)
    if any(sent.outcome.is_failure for sent in results):
        sys.exit(1)


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """Each of `paths` that is a file, and all files below those that are folders, in the order of their names."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        else:
            yield path


async def send_files(
    files: Iterable[Path],
    url: str,
    concurrency: int,
    *,
    token: str | None = None,
    advance: Callable[[Sent], None] = lambda _: None,
) -> list[Sent]:
    """The outcome of each of `files`, in the order of their answers. Raises UnreachableError."""
    remaining = iter(files)
    results: list[Sent] = []
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def send_some(session: aiohttp.ClientSession) -> None:
        for path in remaining:
            sent = await _send(session, url, path)
            results.append(sent)
            advance(sent)

    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(concurrency):
                group.create_task(send_some(session))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # one is enough: the group cancels the others
    return results


async def _send(session: aiohttp.ClientSession, url: str, path: Path) -> Sent:
    """One file by one store request, tried again while the service is busy."""
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        return Sent(path, Outcome.UNREADABLE, 0, comments=(error.strerror or str(error),))
    with file:
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                async with _store(session, url, file) as answer:
                    if answer.status != 503 or not tries_left:
                        return _outcome(path, answer.status, answer.content_type, await answer.text())
                    await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
            except aiohttp.ClientConnectorError as error:
                raise UnreachableError(_unreachable(url, error)) from error
            except aiohttp.ClientError as error:
                return Sent(path, Outcome.HTTP_ERROR, 0, comments=(str(error) or type(error).__name__,))
    raise AssertionError("the last try returns")


def _unreachable(url: str, error: aiohttp.ClientConnectorError) -> str:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return f"cannot reach {url}: {reason}. To start a server on this machine: azdicom serve"


def _store(
    session: aiohttp.ClientSession, url: str, file: BufferedReader
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    """The store request for one file, as multipart/related with a known length (PS3.18 §10.5)."""
    boundary = uuid4().hex
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Accept": "application/dicom+json",
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(len(head) + os.fstat(file.fileno()).st_size + len(tail)),
    }
    return session.post(f"{url}/studies", data=_body(head, file, tail), headers=headers)


async def _body(head: bytes, file: BufferedReader, tail: bytes) -> AsyncIterator[bytes]:
    yield head
    file.seek(0)
    while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
        yield chunk
    yield tail


def _outcome(path: Path, status: int, content_type: str, text: str) -> Sent:
    """Reads the answer to a store of one instance (PS3.18 §10.5.3; store §10)."""
    if content_type != "application/dicom+json" or status not in (200, 202, 409):
        return Sent(path, Outcome.HTTP_ERROR, status, comments=(text.strip(),) if text.strip() else ())
    answer = json.loads(text)
    for item in answer.get("00081198", {}).get("Value", []):
        reason = _first(item, "00081197")
        outcome = Outcome.ALREADY_STORED if reason == ALREADY_EXISTS else Outcome.REFUSED
        return Sent(path, outcome, status, reason, _comments(item))
    item = answer["00081199"]["Value"][0]
    warning = _first(item, "00081196")
    outcome = Outcome.STORED if warning is None else Outcome.STORED_WITH_WARNINGS
    return Sent(path, outcome, status, warning, _comments(item))


def _first(item: dict[str, Any], tag: str) -> int | None:
    values: list[int] = item.get(tag, {}).get("Value", [])
    return values[0] if values else None


def _comments(item: dict[str, Any]) -> tuple[str, ...]:
    """ErrorComment (0000,0902) of each item of FailedAttributesSequence (0074,1048)."""
    return tuple(failed["00000902"]["Value"][0] for failed in item.get("00741048", {}).get("Value", []))


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[Sent], None]]:
    """What to call for each sent file. On stderr: a bar on a terminal, else a line for each file that failed."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        problems: list[Sent] = []
        with click.progressbar(length=total, label="Sending", file=sys.stderr, show_pos=True) as bar:

            def advance(sent: Sent) -> None:
                bar.update(1)
                if sent.outcome.is_failure:
                    problems.append(sent)

            yield advance
        for sent in problems:
            _report(sent)
    else:
        yield lambda sent: _report(sent) if sent.outcome.is_failure else None


def _report(sent: Sent) -> None:
    click.echo(f"{sent.path}: {sent.label}{''.join(f'; {comment}' for comment in sent.comments)}", err=True)


def _summary(results: list[Sent]) -> Iterator[str]:
    """One row for each outcome that happened, best first."""
    order = {outcome: position for position, outcome in enumerate(Outcome)}
    counts = Counter((order[sent.outcome], sent.label) for sent in results)
    width = max((len(label) for _, label in counts), default=0)
    for (_, label), count in sorted(counts.items()):
        yield f"{label:<{width}}  {count:>7}"


def _as_json(url: str, results: list[Sent]) -> dict[str, Any]:
    counts = Counter(sent.outcome for sent in results)
    return {
        "url": url,
        "counts": {outcome: counts[outcome] for outcome in Outcome},
        "files": [
            {
                "path": str(sent.path),
                "outcome": sent.outcome,
                "status": sent.status,
                "reason": sent.reason,
                "comments": sent.comments,
            }
            for sent in results
        ],
    }
