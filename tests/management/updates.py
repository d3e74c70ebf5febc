"""Starting bulk updates over HTTP, and waiting for their end."""

import json
from typing import Any

from pydicom.dataset import Dataset

from tests.management.tags import APPLICATION_JSON, finished, operation_path
from tests.support.client import DICOM, STORED, Emulator, Json, Response
from tests.support.instances import instance_path

BULK_UPDATE = "/studies/$bulkUpdate"
ORIGINAL = {"msdicom-request-original": "true"}


def post_update(
    emulator: Emulator, body: Any, *, content_type: str | None = APPLICATION_JSON, accept: str | None = None
) -> Response:
    """body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return emulator.post(BULK_UPDATE, content, content_type=content_type, accept=accept)


def an_update(*studies: Dataset | str, **elements: tuple[str, list[Any]]) -> Json:
    """The body that sets elements, by tag with a `t` in front: (VR, values)."""
    uids = [study if isinstance(study, str) else str(study.StudyInstanceUID) for study in studies]
    changes = {tag[1:]: {"vr": vr, **({"Value": values} if values else {})} for tag, (vr, values) in elements.items()}
    return {"studyInstanceUids": uids, "changeDataset": changes}


def a_name(text: str) -> tuple[str, list[Any]]:
    return "PN", [{"Alphabetic": text}]


def update(emulator: Emulator, body: Json) -> Json:
    """What the operation says when it is done."""
    answer = post_update(emulator, body)
    assert answer.status == 202, answer.text
    return finished(emulator, operation_path(emulator, answer))


def original_file(emulator: Emulator, instance: Dataset) -> bytes:
    answer = emulator.get(instance_path(instance), accept=DICOM + STORED, headers=ORIGINAL)
    assert answer.status == 200, answer.text
    return answer.content
