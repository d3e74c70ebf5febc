"""A thin client: what it sends is what the test wrote, what it returns is what was on the wire."""

import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydicom.dataset import Dataset

from tests.support.instances import instance_path, part10
from tests.support.multipart import Part, multipart_related, parts_of

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
MULTIPART_DICOM = 'multipart/related; type="application/dicom"'
STORED = "; transfer-syntax=*"
TIMEOUT_S = 30

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and the whole body of one answer."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def content_type(self) -> str | None:
        return self.headers["Content-Type"]

    def json(self) -> Any:
        return json.loads(self.content)

    def parts(self) -> list[Part]:
        """The parts of a multipart/related answer, read strictly."""
        return parts_of(self.headers["Content-Type"], self.content)

    def failure_reasons(self) -> list[int]:
        """FailureReason (0008,1197) of each item of a store's FailedSOPSequence."""
        return [item["00081197"]["Value"][0] for item in self.json().get("00081198", {}).get("Value", [])]

    def stored_instances(self) -> list[str]:
        """SOP instance UID of each item of a store's ReferencedSOPSequence."""
        return [item["00081155"]["Value"][0] for item in self.json().get("00081199", {}).get("Value", [])]


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running server as a client sees it. `version` is the API version of the relative paths.

    certificate: what a client of an https server trusts.
    """

    base_url: str
    data_dir: Path
    version: str = "v2"
    certificate: Path | None = None

    @property
    def v1(self) -> "Emulator":
        """The same server through API version 1."""
        return replace(self, version="v1")

    @property
    def service_url(self) -> str:
        """What DICOMweb clients call the service's URL: base and version."""
        return f"{self.base_url}/{self.version}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for a bare socket."""
        url = urlsplit(self.base_url)
        assert url.hostname is not None
        assert url.port is not None
        return url.hostname, url.port

    def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """Sends `target` as written and `headers`; nothing is added but Host, Accept-Encoding and Content-Length."""
        connection = self._connection()
        try:
            connection.request(method, target, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(
        self,
        path: str,
        *,
        accept: str | None = DICOM_JSON,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Response:
        """GET of a path below the version; None as `accept` sends no Accept header."""
        return self._send("GET", f"{path}?{urlencode(query)}" if query else path, accept, headers, None)

    def post(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str | None,
        accept: str | None = DICOM_JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        return self._send("POST", path, accept, _with_type(content_type, headers), body)

    def put(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str | None,
        accept: str | None = DICOM_JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        return self._send("PUT", path, accept, _with_type(content_type, headers), body)

    def delete(self, path: str) -> Response:
        return self._send("DELETE", path, None, None, None)

    def store(self, dataset: Dataset) -> Dataset:
        """Stores `dataset` and returns it; AssertionError unless the service took it without a warning."""
        answer = self.store_response(dataset)
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        return dataset

    def store_all(self, datasets: Iterable[Dataset]) -> list[Dataset]:
        """Stores `datasets` in one request, in their order, and returns them; AssertionError as for `store`."""
        stored = list(datasets)
        answer = self.store_response(*stored)
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        return stored

    def store_response(
        self,
        *instances: Dataset | bytes,
        study: str | None = None,
        method: str = "POST",
        accept: str | None = DICOM_JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The answer to a multipart store of data sets or files, into `study` when it is given."""
        contents = [instance if isinstance(instance, bytes) else part10(instance) for instance in instances]
        content_type, body = multipart_related(contents)
        path = "/studies" if study is None else f"/studies/{study}"
        return self._send(method, path, accept, _with_type(content_type, headers), body)

    def search_studies(self, **parameters: str | int) -> list[Json]:
        """The matches of QIDO-RS on studies; an empty list for 204, AssertionError for anything but 200 and 204."""
        return self._matches("/studies", parameters)

    def search_series(self, study: str | None = None, **parameters: str | int) -> list[Json]:
        return self._matches("/series" if study is None else f"/studies/{study}/series", parameters)

    def search_instances(
        self, study: str | None = None, series: str | None = None, **parameters: str | int
    ) -> list[Json]:
        path = f"/studies/{study}" if study is not None else ""
        path += f"/series/{series}" if series is not None else ""
        return self._matches(f"{path}/instances", parameters)

    def retrieve(self, instance: Dataset | str) -> bytes:
        """The file of one instance as stored (`transfer-syntax=*`), named by its data set or its path."""
        path = instance if isinstance(instance, str) else instance_path(instance)
        answer = self.get(path, accept=DICOM + STORED)
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        return answer.content

    def metadata(self, path: str) -> list[Json]:
        """The metadata of the study, series or instance at `path`."""
        answer = self.get(f"{path}/metadata")
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        found: list[Json] = answer.json()
        return found

    def changes(self, **parameters: str | int) -> list[Json]:
        """A page of the change feed."""
        answer = self.get("/changefeed", accept="application/json", query=parameters)
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        found: list[Json] = answer.json()
        return found

    def _connection(self) -> http.client.HTTPConnection:
        if self.certificate is None:
            return http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)
        context = ssl.create_default_context(cafile=self.certificate)
        return http.client.HTTPSConnection(*self.address, timeout=TIMEOUT_S, context=context)

    def _matches(self, path: str, parameters: Mapping[str, str | int]) -> list[Json]:
        answer = self.get(path, query=parameters)
        if answer.status == 204:
            return []
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        found: list[Json] = answer.json()
        return found

    def _send(
        self, method: str, path: str, accept: str | None, headers: Mapping[str, str] | None, body: bytes | None
    ) -> Response:
        sent = {**({"Accept": accept} if accept is not None else {}), **(headers or {})}
        return self.request(method, f"/{self.version}{path}", headers=sent, body=body)


def _with_type(content_type: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {**({"Content-Type": content_type} if content_type is not None else {}), **(headers or {})}
