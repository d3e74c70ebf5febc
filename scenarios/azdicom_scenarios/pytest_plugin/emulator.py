"""What tests hold of the service that they talk to."""

import http.client
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from azdicom_scenarios.synthetic.build import BuiltStudy

TIMEOUT_S = 60
DICOM_JSON = "application/dicom+json"


class NotStoredError(AssertionError):
    """The service did not take what a test gave to `store`; the text has its answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names in lower case, repeated ones joined."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class DicomEmulator:
    """The service under `url`: `http://127.0.0.1:PORT` of the emulator, or what `--dicom-target` names.

    is_own: the emulator of this run, which may be emptied.
    """

    url: str
    is_own: bool = True

    @property
    def service_url(self) -> str:
        """What DICOMweb clients take as the service's URL: with the version, `…/v2`."""
        return f"{self.url}/v2"

    def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Sends `target` (path and query) as it is written."""
        split = urlsplit(self.url)
        make = http.client.HTTPSConnection if split.scheme == "https" else http.client.HTTPConnection
        connection = make(split.hostname or "", split.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, split.path + target, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, _headers(answer.headers), answer.read())
        finally:
            connection.close()

    def reset(self) -> None:
        """Removes all data. Raises RuntimeError where the service is not this run's own emulator."""
        if not self.is_own:
            raise RuntimeError(f"{self.url} is not emptied: it is not an emulator of this test run")
        answer = self.request("POST", "/_azdicom/reset")
        if answer.status != 204:
            raise RuntimeError(f"reset: {answer.status} {answer.content!r}")

    def store(self, *sources: Any, path: str = "/v2/studies") -> Any:
        """Stores data sets, files (bytes or paths) or synthetic studies in one request; gives the answer's JSON.

        Raises NotStoredError unless everything was stored (200, or 202 with warnings).
        """
        boundary = f"azdicom-{secrets.token_hex(8)}"
        body = b"".join(
            b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (boundary.encode(), content)
            for source in sources
            for content in _contents(source)
        )
        content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
        answer = self.request(
            "POST",
            path,
            headers={"Content-Type": content_type, "Accept": DICOM_JSON},
            body=body + b"--%s--\r\n" % boundary.encode(),
        )
        if answer.status not in (200, 202) or "00081198" in (stored := answer.json()):
            raise NotStoredError(f"{answer.status}: {answer.content.decode('utf-8', 'replace')}")
        return stored

    def synthetic(self, alias: str = "study", **spec: Any) -> "BuiltStudy":
        """Makes a study as a scenario's `fixtures.synthetic` does, stores it, and gives it with its UIDs.

        spec: the keys of the YAML: `patient={"id": "P-1"}, series=[{"modality": "CT", "instances": 2}]`.
        """
        from azdicom_scenarios.pytest_plugin.studies import build_study

        study = build_study(alias, spec)
        self.store(study)
        return study


@dataclass(frozen=True, slots=True)
class DicomFaults:
    """The fault rules of the emulator (docs/faults.md)."""

    emulator: DicomEmulator

    def put(self, *rules: Mapping[str, Any], seed: int | None = None) -> None:
        """Replaces all rules: `put({"route": "POST /studies", "do": {"status": 503}})`. Raises ValueError."""
        document: dict[str, Any] = {"faults": list(rules)}
        if seed is not None:
            document["seed"] = seed
        answer = self.emulator.request("PUT", "/_azdicom/faults", body=json.dumps(document).encode())
        if answer.status != 200:
            raise ValueError(answer.json().get("detail", answer.content.decode("utf-8", "replace")))

    def clear(self) -> None:
        self.emulator.request("DELETE", "/_azdicom/faults")

    @contextmanager
    def active(self, *rules: Mapping[str, Any], seed: int | None = None) -> Iterator[None]:
        """The rules, until the block ends."""
        self.put(*rules, seed=seed)
        try:
            yield
        finally:
            self.clear()

    @property
    def summary(self) -> list[dict[str, Any]]:
        """What each rule did so far: name, route, matches, firings."""
        summary: list[dict[str, Any]] = self.emulator.request("GET", "/_azdicom/faults").json()["summary"]
        return summary


def _headers(message: http.client.HTTPMessage) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in message.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _contents(source: Any) -> Iterator[bytes]:
    from pydicom.dataset import Dataset

    if isinstance(source, bytes):
        yield source
    elif isinstance(source, str | Path):
        yield Path(source).read_bytes()
    elif isinstance(source, Dataset):
        yield _part10(source)
    elif hasattr(source, "i"):  # a synthetic study or series
        for instance in source.i:
            yield instance.content
    else:
        raise TypeError(f"store takes data sets, bytes, paths and synthetic studies, not {type(source).__name__}")


def _part10(data_set: Any) -> bytes:
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    if not hasattr(data_set, "file_meta"):
        data_set.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in data_set.file_meta:
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dcmwrite(buffer, data_set, enforce_file_format=True)
    return buffer.getvalue()
