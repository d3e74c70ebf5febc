"""What a probe asks of a service: small requests of its own, with fresh UIDs, and the traces taken away."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.model import Empty, Inline, RecordedRequest
from azdicom_proxy.media_types import DICOM_JSON
from azdicom_proxy.parity.sides import Side

ACCEPT_JSON = {"Accept": DICOM_JSON}
BOUNDARY = "azdicom-probe"
MULTIPART = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
JSON_BODY = {"Content-Type": DICOM_JSON, "Accept": DICOM_JSON}
EXPLICIT_VR, IMPLICIT_VR = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
POLLS, POLL_EVERY_S = 120, 0.5


class ProbeFailedError(Exception):
    """The service's answers do not say which reading it follows; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Raises ProbeFailedError."""
        try:
            return json.loads(self.content)
        except ValueError:
            raise ProbeFailedError(f"{self.status} without JSON: {self.content[:80]!r}") from None


@dataclass(slots=True)
class ProbeService:
    """Asks the service at `side`, and deletes what was stored."""

    side: Side
    _stored: list[str] = field(default_factory=list)
    _tags: list[str] = field(default_factory=list)

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] = ACCEPT_JSON, body: bytes | None = None
    ) -> Answer:
        """path: below the version, `/studies?…`; one that begins with `/v` and digits has its own."""
        request = RecordedRequest(
            method, self.url(path), tuple(headers.items()), Empty() if body is None else Inline(body)
        )
        response = (await self.side.send(request)).response
        try:
            names = {name.lower(): value for name, value in reversed(response.headers)}
            return Answer(response.status, names, content_of(response.body))
        finally:
            self.side.release(response.body)

    def url(self, path: str) -> str:
        return f"{self.side.base}{path}" if path[:2] == "/v" and path[2:3].isdigit() else self.side.service_url + path

    async def stored(self, **attributes: Any) -> str:
        """The Study Instance UID of a new instance. Raises ProbeFailedError unless the service takes it."""
        study = fresh_uid()
        answer = await self.store(instance(study, **attributes), study=study)
        if answer.status not in (200, 202):
            raise ProbeFailedError(f"a store was answered {answer.status}: {answer.content[:200]!r}")
        return study

    async def store(
        self, *files: bytes, study: str, path: str = "/studies", headers: Mapping[str, str] = ACCEPT_JSON
    ) -> Answer:
        """study: what is deleted in the end."""
        self._stored.append(study)
        parts = b"".join(
            b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (BOUNDARY.encode(), file) for file in files
        )
        return await self.ask("POST", path, {**headers, **MULTIPART}, parts + b"--%s--\r\n" % BOUNDARY.encode())

    async def add_tag(self, path: str, vr: str, level: str = "instance", **more: str) -> None:
        """An extended query tag, indexed. Raises ProbeFailedError where it cannot be had."""
        body = json.dumps([{"path": path, "vr": vr, "level": level, **more}]).encode()
        answer = await self.ask(
            "POST", "/extendedquerytags", {"Content-Type": "application/json", "Accept": "application/json"}, body
        )
        if answer.status != 202:
            raise ProbeFailedError(f"tag {path} cannot be added ({answer.status}): is it there already?")
        self._tags.append(path)
        await self.finished(answer.json()["href"])

    async def finished(self, href: str) -> Mapping[str, Any]:
        """The operation at its end. Raises ProbeFailedError when it does not come to one."""
        path = href[href.index("/operations/") :]
        for _ in range(POLLS):
            answer = await self.ask("GET", path, {"Accept": "application/json"})
            if answer.status == 200:
                operation: Mapping[str, Any] = answer.json()
                return operation
            await asyncio.sleep(POLL_EVERY_S)
        raise ProbeFailedError("an operation did not end within a minute")

    async def clean_up(self) -> None:
        """Deletes what the probes stored; a tag or study that is gone already is no trouble."""
        for study in self._stored:
            await self.ask("DELETE", f"/studies/{study}")
        for tag in self._tags:
            await self.ask("DELETE", f"/extendedquerytags/{tag}")


def fresh_uid() -> str:
    """`2.25.` and 120 random bits (PS3.5 §B.2)."""
    return f"2.25.{secrets.randbits(120)}"


def instance(
    study: str,
    *,
    transfer_syntax: str = EXPLICIT_VR,
    preamble: bytes = bytes(128),
    private: str | None = None,
    **attributes: Any,
) -> bytes:
    """A small file without pixel data. private: value of (0043,1001) of the creator AZDICOM."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(transfer_syntax)
    data_set = FileDataset(None, {}, file_meta=meta, preamble=preamble)  # type: ignore[arg-type]
    data_set.SOPClassUID, data_set.SOPInstanceUID = UID(SECONDARY_CAPTURE), UID(fresh_uid())
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = UID(study), UID(fresh_uid())
    data_set.PatientID, data_set.PatientName, data_set.Modality = "AZDICOM-PROBE", "Probe^Azdicom", "OT"
    for keyword, value in attributes.items():
        setattr(data_set, keyword, value)
    if private is not None:
        data_set.private_block(0x0043, "AZDICOM", create=True).add_new(0x01, "LO", private)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data_set.SOPClassUID, data_set.SOPInstanceUID
    buffer = BytesIO()
    data_set.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
