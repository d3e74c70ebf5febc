"""Cassettes made of exchanges that the tests write down: requests and responses as a recorder gets them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydicom import Dataset

from azdicom_proxy.cassette.layout import LayoutOptions
from azdicom_proxy.cassette.model import (
    Body,
    Cassette,
    Empty,
    Headers,
    Inline,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.writing import CassetteWriter, WriteReport
from azdicom_proxy.scrub.policy import Phi, ScrubPolicy
from azdicom_proxy.scrub.scrubber import Scrubber
from tests.support.instances import part10
from tests.support.multipart import multipart_related

UPSTREAM_HOST = "ward7.dicom.example.org:8443"
UPSTREAM = f"https://{UPSTREAM_HOST}/v2"
KEY = bytes(range(32))
DICOM_JSON = "application/dicom+json"
PLACEHOLDER = "https://workspace-dicom.dicom.azurehealthcareapis.com/v2"


def an_interaction(
    method: str = "GET",
    path: str = "/studies",
    *,
    headers: Iterable[tuple[str, str]] = (("Accept", DICOM_JSON),),
    body: bytes = b"",
    status: int = 200,
    answer: Any = None,
    answer_headers: Headers = (),
    reason: str = "OK",
) -> Interaction:
    """An exchange with the upstream. answer: bytes, or a document that is sent as DICOM JSON; None: no body."""
    if answer is None:
        response_headers, content = answer_headers, b""
    elif isinstance(answer, bytes):
        response_headers, content = (*answer_headers, ("Content-Length", str(len(answer)))), answer
    else:
        content = json.dumps(answer).encode()
        response_headers = (*answer_headers, ("Content-Type", DICOM_JSON), ("Content-Length", str(len(content))))
    return Interaction(
        request=RecordedRequest(method, UPSTREAM + path, tuple(headers), _body(body)),
        response=RecordedResponse(status, reason, response_headers, _body(content)),
    )


def a_store(*datasets: Dataset, boundary: str | None = None, status: int = 200, path: str = "/studies") -> Interaction:
    """STOW-RS of `datasets` and the answer to it."""
    content_type, body = multipart_related(map(part10, datasets), boundary=boundary)
    stored = [
        {"00081155": {"vr": "UI", "Value": [dataset.SOPInstanceUID]}, "00081190": ur(instance_url(dataset))}
        for dataset in datasets
    ]
    answer = {"00081190": ur(study_url(datasets[0])), "00081199": {"vr": "SQ", "Value": stored}}
    headers = (("Content-Type", content_type), ("Accept", DICOM_JSON), ("Content-Length", str(len(body))))
    return an_interaction("POST", path, headers=headers, body=body, answer=answer, status=status)


def a_retrieve(*datasets: Dataset) -> Interaction:
    """WADO-RS of the study of `datasets`."""
    content_type, body = multipart_related(map(part10, datasets), root_type=None)
    return an_interaction(
        path=f"/studies/{datasets[0].StudyInstanceUID}",
        headers=(("Accept", 'multipart/related; type="application/dicom"; transfer-syntax=*'),),
        answer=body,
        answer_headers=(("Content-Type", content_type),),
    )


def study_url(dataset: Dataset) -> str:
    return f"{UPSTREAM}/studies/{dataset.StudyInstanceUID}"


def instance_url(dataset: Dataset) -> str:
    return f"{study_url(dataset)}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"


def ur(url: str) -> dict[str, Any]:
    return {"vr": "UR", "Value": [url]}


def a_scrubber(phi: Phi = Phi.KEEP, **kwargs: Any) -> Scrubber:
    """The scrubber of the tests' project. kwargs: fields of ScrubPolicy, or `known`."""
    known = kwargs.pop("known", ())
    return Scrubber(ScrubPolicy(phi=phi, **kwargs), KEY, hosts=[UPSTREAM_HOST], known=known)


def record(
    path: Path,
    *interactions: Interaction,
    scrubber: Scrubber | None = None,
    options: LayoutOptions | None = None,
    **writer: Any,
) -> WriteReport:
    """Records `interactions` as the cassette `path`."""
    recording = CassetteWriter(path, scrubber=scrubber or a_scrubber(), options=options, today="2025-05-04", **writer)
    for interaction in interactions:
        recording.append(interaction)
    return recording.close()


def recorded(path: Path, *interactions: Interaction, **kwargs: Any) -> Cassette:
    """The cassette `path` after `interactions` were recorded there."""
    record(path, *interactions, **kwargs)
    return load(path, verify=True)


def written_bytes(folder: Path) -> dict[str, bytes]:
    """The content of every file below `folder`, by its relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _body(content: bytes) -> Body:
    return Inline(content) if content else Empty()
