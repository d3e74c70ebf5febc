"""Conversations with a service that the tests record and replay: the same requests each time."""

from dataclasses import dataclass
from typing import Any

from azdicom_proxy.recordings import Recording
from tests.support.client import DICOM_JSON, Emulator, Response
from tests.support.instances import an_instance, part10

ROOT = "1.2.826.0.1.3680043.8.498.4711"
INSTANCE = "application/dicom; transfer-syntax=*"
FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
STORE = f'multipart/related; type="application/dicom"; boundary=x{"y" * 20}'


@dataclass(frozen=True, slots=True)
class Conversation:
    """Of one study, named by `number`; `prefix` names the recording in the path, if any."""

    number: int = 1
    prefix: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def study(self) -> str:
        return f"{ROOT}.{self.number}.1"

    @property
    def instance_path(self) -> str:
        return f"/studies/{self.study}/series/{self.study}.2/instances/{self.study}.3"

    def file(self, **attributes: Any) -> bytes:
        """The instance, the same bytes each time."""
        identity = {
            "StudyInstanceUID": self.study,
            "SeriesInstanceUID": f"{self.study}.2",
            "SOPInstanceUID": f"{self.study}.3",
            "PatientID": f"P-{self.number}",
            "PatientName": "Doe^Jane",
        }
        return part10(an_instance(**identity | attributes, frames=2))

    def store(self, client: Emulator, **attributes: Any) -> Response:
        boundary = STORE.rpartition("=")[2].encode()
        part = b"--" + boundary + b"\r\nContent-Type: application/dicom\r\n\r\n" + self.file(**attributes)
        body = part + b"\r\n--" + boundary + b"--\r\n"
        return self.ask(client, "POST", "/studies", accept=DICOM_JSON, body=body, content_type=STORE)

    def ask(
        self,
        client: Emulator,
        method: str,
        path: str,
        *,
        accept: str | None = DICOM_JSON,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> Response:
        headers = dict(self.headers)
        if accept is not None:
            headers["Accept"] = accept
        if content_type is not None:
            headers["Content-Type"] = content_type
        return client.request(method, f"{self.prefix}/v2{path}", headers=headers, body=body)

    def tour(self, client: Emulator) -> list[Response]:
        """Store, search by name, follow RetrieveURL, frames, metadata, delete, and a look at what is gone."""
        stored = self.store(client)
        url = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
        return [
            stored,
            self.ask(client, "GET", f"/studies?PatientName=doe&PatientID=P-{self.number}&fuzzymatching=true"),
            client.request(
                "GET", url.removeprefix(client.base_url), headers={"Accept": INSTANCE, **dict(self.headers)}
            ),
            self.ask(client, "GET", f"{self.instance_path}/frames/1,2", accept=FRAMES),
            self.ask(client, "GET", f"/studies/{self.study}/metadata"),
            self.ask(client, "DELETE", f"/studies/{self.study}", accept=None),
            self.ask(client, "GET", f"/studies/{self.study}/metadata"),
        ]


TOUR_STATUSES = [200, 200, 200, 200, 200, 204, 404]


def essence(answers: list[Response]) -> list[tuple[int, str | None, Any]]:
    """Status, type without boundary and content of each answer, in a form that does not depend on the framing."""
    return [_essence(answer) for answer in answers]


def _essence(answer: Response) -> tuple[int, str | None, Any]:
    media_type = (answer.content_type or "").partition(";")[0]
    if media_type == "multipart/related":
        return answer.status, media_type, [part.content for part in answer.parts()]
    if media_type.endswith("json"):
        return answer.status, media_type, answer.json()
    return answer.status, media_type, answer.content


def only(recordings: list[Recording]) -> Recording:
    """The one recording that there was."""
    (recording,) = recordings
    return recording
