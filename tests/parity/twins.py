"""Two real servers with the same data, one of them behind a front that can change its answers; both asked alike."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydicom import FileDataset
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, RLELossless, generate_uid

from azdicom_emulator.settings import Settings
from azdicom_proxy.cassette.model import Body, Empty, Inline, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.parity.compare import IdentityPairs, compare
from azdicom_proxy.parity.model import Compared, Pair
from tests.parity.mutating import MutatingUpstream, Mutation, mutating, unchanged
from tests.support.client import DICOM_JSON, Emulator
from tests.support.instances import an_instance, another_in_series, instance_path, part10, series_path, study_path
from tests.support.multipart import multipart_related
from tests.support.server import running
from tests.support.waiting import eventually
from tests.worklist.workitems import a_workitem

JSON = "application/json"
FRAMES = 'multipart/related; type="application/octet-stream"'
STORED_FRAMES = f"{FRAMES}; transfer-syntax=*"
PARTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FILE = "application/dicom; transfer-syntax=*"
WORKITEM = "1.2.826.0.1.3680043.8.498.88.1"
TAG = "00181030"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. path: below the version."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Twins:
    """upstream: the server behind the front; local: its twin; identities: of all that was asked so far."""

    upstream: Emulator
    local: Emulator
    front: MutatingUpstream
    identities: IdentityPairs

    def ask(self, asked: Asked, mutation: Mutation = unchanged, *, learns: bool = True) -> Compared:
        """The request sent to both, and their answers compared."""
        self.front.mutation = mutation
        request = RecordedRequest(
            asked.method, f"{self.front.url}/v2{asked.path}", tuple(asked.headers.items()), _body(asked.body)
        )
        translated = self.identities.to_local(request)
        headers = tuple(line for line in translated.headers if line[0] != "Host")
        translated = replace(translated, headers=headers)
        split = urlsplit(translated.uri)
        target = split.path + (f"?{split.query}" if split.query else "")
        pair = Pair(
            id="pair",
            route=route_of(asked.method, request.uri),
            request=request,
            upstream=answered(self.front.url, request),
            local=answered(self.local.base_url, translated),
            local_uri=f"{self.local.base_url}{target}",
        )
        if asked.method == "POST" and asked.path == "/extendedquerytags":
            self._settle()
        compared = compare(pair, identities=self.identities)
        if learns:
            self.identities.learn(pair)
        return compared

    def _settle(self) -> None:
        """Waits for the operations that index tags: while one is under way, each side answers in its own time."""
        for server in (self.upstream, self.local):
            eventually(partial(_are_tags_ready, server), within_s=30, what="the end of the reindexing")


def _are_tags_ready(server: Emulator) -> bool:
    return all(tag["status"] == "ready" for tag in server.get("/extendedquerytags").json())


def answered(base: str, request: RecordedRequest) -> RecordedResponse:
    """What the server at `base` says to the request."""
    address, target = urlsplit(base), urlsplit(request.uri)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        content = request.body.content if isinstance(request.body, Inline) else None
        path = target.path + (f"?{target.query}" if target.query else "")
        connection.request(request.method, path, body=content, headers=dict(request.headers))
        answer = connection.getresponse()
        return RecordedResponse(answer.status, answer.reason, tuple(answer.getheaders()), _body(answer.read()))
    finally:
        connection.close()


@contextmanager
def twins(folder: Path) -> Iterator[Twins]:
    """Both filled with `data()`."""
    with (
        running(Settings(data_dir=folder / "upstream")) as upstream,
        running(Settings(data_dir=folder / "local")) as local,
        mutating(upstream.base_url) as front,
    ):
        pair = Twins(upstream, local, front, IdentityPairs())
        for server in (upstream, local):
            _fill(server)
        yield pair


@dataclass(frozen=True, slots=True)
class Data:
    """image: with sequences, a private attribute, numbers; sibling: in its series; movie: three frames; packed: RLE."""

    image: FileDataset
    sibling: FileDataset
    movie: FileDataset
    packed: FileDataset
    wavelet: FileDataset
    colour: FileDataset
    removed: FileDataset


@cache
def data() -> Data:
    """The same data sets for all servers of a run."""
    image = an_instance(
        private=((0x0011, "AZD TEST", 0x10, "LO", "private value"),),
        SliceThickness="1.5",
        ImageType=["ORIGINAL", "PRIMARY"],
        RequestAttributesSequence=Sequence([_step("SPS1"), _step("SPS2"), _step("SPS3")]),
        ImagePositionPatient=["1", "2.5", "-3"],
        PatientName="Doe^Jane",
    )
    return Data(
        image=image,
        sibling=another_in_series(image, InstanceNumber=2, SOPInstanceUID=generate_uid()),
        movie=an_instance(frames=3, rows=16, columns=16),
        packed=an_instance(frames=2, transfer_syntax=RLELossless),
        wavelet=an_instance(transfer_syntax=JPEG2000Lossless, rows=64, columns=64),
        colour=an_instance(samples=3, frames=1),
        removed=an_instance(),
    )


def _step(identifier: str) -> Dataset:
    item = Dataset()
    item.ScheduledProcedureStepID = identifier
    item.ScheduledProcedureStepDescription = f"step {identifier}"
    return item


def _fill(server: Emulator) -> None:
    made = data()
    for each in (made.image, made.sibling, made.movie, made.packed, made.wavelet, made.colour, made.removed):
        server.store(each)
    assert server.delete(instance_path(made.removed)).status == 204
    body = json.dumps([{"path": TAG, "level": "Series"}]).encode()
    started = server.post("/extendedquerytags", body, content_type=JSON)
    assert started.status == 202, started.text
    operation = started.json()["id"]
    eventually(
        lambda: server.get(f"/operations/{operation}").status == 200, within_s=30, what="the end of the reindexing"
    )
    created = server.post(f"/workitems?{WORKITEM}", json.dumps(a_workitem()).encode(), content_type=DICOM_JSON)
    assert created.status == 201, created.text


def _body(content: bytes | None) -> Body:
    return Inline(content) if content else Empty()


def reads() -> dict[str, Asked]:
    """One request of each kind that changes nothing."""
    made = data()
    image, movie, packed = instance_path(made.image), instance_path(made.movie), instance_path(made.packed)
    wavelet = instance_path(made.wavelet)
    missing = f"/studies/{generate_uid()}"
    json_accept, parts, file = {"Accept": DICOM_JSON}, {"Accept": PARTS}, {"Accept": FILE}
    return {
        "studies": Asked("GET", "/studies?includefield=all", json_accept),
        "series": Asked("GET", "/series", json_accept),
        "instances": Asked("GET", f"{study_path(made.image)}/instances?includefield=all", json_accept),
        "none": Asked("GET", "/studies?PatientID=nobody", json_accept),
        "bad-query": Asked("GET", "/studies?limit=0", json_accept),
        "bad-uid": Asked("GET", "/studies/abc/metadata", json_accept),
        "metadata": Asked("GET", f"{series_path(made.image)}/metadata", json_accept),
        "one-metadata": Asked("GET", f"{image}/metadata", json_accept),
        "no-study": Asked("GET", missing, parts),
        "study": Asked("GET", study_path(made.image), parts),
        "file": Asked("GET", image, file),
        "as-little-endian": Asked("GET", wavelet, {"Accept": "application/dicom"}),
        "movie": Asked("GET", movie, file),
        "packed": Asked("GET", packed, file),
        "wavelet": Asked("GET", wavelet, file),
        "frames": Asked("GET", f"{movie}/frames/1,2,3", {"Accept": FRAMES}),
        "frame": Asked("GET", f"{movie}/frames/2", {"Accept": "application/octet-stream; transfer-syntax=*"}),
        "wavelet-frame": Asked("GET", f"{wavelet}/frames/1", {"Accept": STORED_FRAMES}),
        "as-wavelet": Asked("GET", f"{movie}/frames/1", {"Accept": 'multipart/related; type="image/jp2"'}),
        "rendered": Asked("GET", f"{image}/rendered", {"Accept": "image/jpeg"}),
        "png": Asked("GET", f"{movie}/frames/1/rendered", {"Accept": "image/png"}),
        "colour": Asked("GET", f"{instance_path(made.colour)}/rendered", {"Accept": "image/jpeg"}),
        "not-acceptable": Asked("GET", study_path(made.image), {"Accept": "text/html"}),
        "not-allowed": Asked("PATCH", "/studies"),
        "feed": Asked("GET", "/changefeed"),
        "latest": Asked("GET", "/changefeed/latest?includeMetadata=false"),
        "tags": Asked("GET", "/extendedquerytags"),
        "tag": Asked("GET", f"/extendedquerytags/{TAG}"),
        "no-tag": Asked("GET", "/extendedquerytags/00181000"),
        "workitem": Asked("GET", f"/workitems/{WORKITEM}", json_accept),
        "workitems": Asked("GET", "/workitems", json_accept),
        "no-workitem": Asked("GET", "/workitems/1.2.3", json_accept),
    }


def a_store(*, twice: bool = False, wrong: bool = False) -> Asked:
    """Of new instances. twice: of one that is there; wrong: with a warning, for a value that breaks its VR."""
    made = data()
    instances = [made.image, an_instance()] if twice else [an_instance(), an_instance()]
    if wrong:
        instances = [an_instance(StudyDate="nonsense")]
    content_type, body = multipart_related([part10(each) for each in instances])
    return Asked("POST", "/studies", {"Accept": DICOM_JSON, "Content-Type": content_type}, body)


def a_tag(number: int) -> Asked:
    """A new extended query tag: starts an operation."""
    body = json.dumps([{"path": f"0018{number:04X}", "level": "Series"}]).encode()
    return Asked("POST", "/extendedquerytags", {"Content-Type": JSON}, body)


def a_bulk_update(tag: str = "00100010") -> Asked:
    """tag: one that may be updated, or not."""
    name: dict[str, Any] = {"vr": "PN", "Value": [{"Alphabetic": "New^Name"}]}
    change = {tag: name if tag == "00100010" else {"vr": "DA", "Value": ["20240101"]}}
    body = json.dumps({"studyInstanceUids": [generate_uid()], "changeDataset": change}).encode()
    return Asked("POST", "/studies/$bulkUpdate", {"Content-Type": JSON}, body)


def a_new_workitem(uid: str) -> Asked:
    return Asked(
        "POST",
        f"/workitems?{uid}",
        {"Content-Type": DICOM_JSON, "Accept": DICOM_JSON},
        json.dumps(a_workitem()).encode(),
    )
