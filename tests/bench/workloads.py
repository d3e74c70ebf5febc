"""What is measured: a table of workloads, the requests of each, and the data that they need."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.corpus import INSTANCE, SERIES, STUDY, Patient, Template, ct, header_only, multi_frame, small_ct, uid
from tests.bench.load import Connection, Request, exchange

STUDIES = 10_000
"""Of one small instance each: what searches run over."""
CT_STUDY, LARGE_SERIES_STUDY, MULTI_FRAME_STUDY = 20_001, 20_002, 20_003
CT_INSTANCES, LARGE_SERIES_INSTANCES, FRAMES = 100, 1000, 100
FIRST_FREE_NUMBER = 1_000_000
"""Below are the numbers of the preloaded data."""
INSTANCES_PER_STORED_SERIES = 100

BOUNDARY = "bench-boundary"
STORE_HEADERS = (
    f'Content-Type: multipart/related; type="application/dicom"; boundary={BOUNDARY}\r\n'
    "Accept: application/dicom+json\r\n"
)
PART_HEAD = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
PART_END = b"\r\n"
LAST_BOUNDARY = f"--{BOUNDARY}--\r\n".encode()

Requests = Callable[[int, int, int], Iterator[Request]]


@dataclass(frozen=True, slots=True)
class Workload:
    """requests: as in `load.Job`. matches: how many an answer holds, None when it is no JSON array."""

    name: str
    requests: Requests
    connections: Sequence[int] = (1, 8)
    matches: int | None = None
    is_store: bool = False


def store(*files: tuple[bytes, ...]) -> Request:
    """One STOW-RS request with all of `files`, each given in one buffer or more."""
    body: list[bytes] = []
    for file in files:
        body += [PART_HEAD, *file, PART_END]
    return Request("POST", "/studies", STORE_HEADERS, (*body, LAST_BOUNDARY), instances=len(files))


def stores_of(template: Callable[[], Template], per_request: int = 1) -> Requests:
    """Series of 100 instances, one after the other on each connection."""
    return _Stores(template, per_request)


@dataclass(frozen=True, slots=True)
class _Stores:
    template: Callable[[], Template]
    per_request: int

    def __call__(self, number: int, connections: int, first: int) -> Iterator[Request]:
        template = self.template()
        position = number
        while True:
            numbers = [first + position * self.per_request + index for index in range(self.per_request)]
            yield store(
                *(
                    template.copy(
                        study=instance // INSTANCES_PER_STORED_SERIES + first, series=first, instance=instance
                    )
                    for instance in numbers
                )
            )
            position += connections


def retrieves(number: int, connections: int, first: int) -> Iterator[Request]:
    """Single instances of 535 KB, as stored."""
    position = number
    while True:
        yield Request("GET", instance_path(CT_STUDY, position % CT_INSTANCES), _accept("application/dicom", "*"))
        position += connections


def series_retrieves(number: int, connections: int, first: int) -> Iterator[Request]:
    """All 100 CT instances of a series in one answer."""
    while True:
        path = f"/studies/{uid(STUDY, CT_STUDY)}/series/{uid(SERIES, CT_STUDY)}"
        headers = 'Accept: multipart/related; type="application/dicom"; transfer-syntax=*\r\n'
        yield Request("GET", path, headers, instances=CT_INSTANCES)


def frames(number: int, connections: int, first: int) -> Iterator[Request]:
    """One frame of 131 KB out of 100."""
    position = number
    while True:
        path = f"{instance_path(MULTI_FRAME_STUDY, 0)}/frames/{position % FRAMES + 1}"
        yield Request("GET", path, _accept("application/octet-stream", "*"))
        position += connections


def rendered(number: int, connections: int, first: int) -> Iterator[Request]:
    """512 × 512 as JPEG."""
    position = number
    while True:
        path = f"{instance_path(CT_STUDY, position % CT_INSTANCES)}/rendered"
        yield Request("GET", path, "Accept: image/jpeg\r\n")
        position += connections


def metadata(number: int, connections: int, first: int) -> Iterator[Request]:
    """A series of 1,000 instances."""
    while True:
        yield Request("GET", f"/studies/{uid(STUDY, LARGE_SERIES_STUDY)}/metadata", instances=LARGE_SERIES_INSTANCES)


def changes(number: int, connections: int, first: int) -> Iterator[Request]:
    """Pages of 100, with metadata, somewhere in the feed."""
    chosen = random.Random(number)
    while True:
        yield Request("GET", f"/changefeed?limit=100&offset={chosen.randrange(STUDIES - 100)}")


def searches(query: Callable[[int], str]) -> Requests:
    """`/studies` with the query for a study that is drawn at random."""
    return _Searches(query)


@dataclass(frozen=True, slots=True)
class _Searches:
    query: Callable[[int], str]

    def __call__(self, number: int, connections: int, first: int) -> Iterator[Request]:
        chosen = random.Random(number)
        while True:
            yield Request("GET", f"/studies?{self.query(chosen.randrange(1, STUDIES + 1))}")


def by_study_uid(study: int) -> str:
    return f"StudyInstanceUID={uid(STUDY, study)}"


def by_patient_id(study: int) -> str:
    return f"PatientID={Patient.of(study).patient_id}"


def by_date_range(study: int) -> str:
    """One year of ten."""
    year = Patient.of(study).study_date[:4]
    return f"StudyDate={year}0101-{year}1231&limit=100"


def by_fuzzy_name(study: int) -> str:
    family, given = Patient.of(study).name.split("^")
    return f"PatientName={family[:4]}%20{given[:3]}&fuzzymatching=true&limit=25"


def at_a_deep_offset(study: int) -> str:
    return f"limit=100&offset={STUDIES - 500 + study % 100}"


WORKLOADS = (
    Workload("store, 20 KB", stores_of(small_ct), is_store=True),
    Workload("store, 535 KB", stores_of(ct), is_store=True),
    Workload("store, 20 × 535 KB a request", stores_of(ct, per_request=20), connections=(1,), is_store=True),
    Workload("retrieve instance, 535 KB", retrieves),
    Workload("retrieve series, 100 × 535 KB", series_retrieves, connections=(1,)),
    Workload("retrieve frame, 131 KB", frames),
    Workload("rendered JPEG, 512 × 512", rendered),
    Workload("metadata of 1,000 instances", metadata, connections=(1,), matches=LARGE_SERIES_INSTANCES),
    Workload("search by StudyInstanceUID", searches(by_study_uid), matches=1),
    Workload("search by PatientID", searches(by_patient_id), matches=1),
    Workload("search by StudyDate range, 100 matches", searches(by_date_range), matches=100),
    Workload("search by name, fuzzy, 25 matches", searches(by_fuzzy_name), matches=25),
    Workload("search at a deep offset, 100 matches", searches(at_a_deep_offset), matches=100),
    Workload("change feed, page of 100", changes, matches=100),
)


def preload(base_url: str) -> None:
    """Stores what the workloads read in an empty service. Raises RuntimeError when it does not take it."""
    connection = Connection(base_url)
    for request in _preloads():
        connection.send(request)
        status, body = connection.receive()
        if status != 200:
            raise RuntimeError(f"the server at {base_url} answered {status} to a store: {body[:300]!r}")
    connection.close()


def check(workload: Workload, base_url: str) -> str | None:
    """What is wrong with the answer to a first request, which also warms the server up; None when it is right."""
    if workload.is_store:
        return None
    status, body = exchange(base_url, next(workload.requests(0, 1, 0)))
    if status != 200:
        return f"{status} {body[:200]!r}"
    found = len(json.loads(body)) if workload.matches is not None else None
    return None if found == workload.matches else f"{found} matches instead of {workload.matches}"


def instance_path(study: int, instance: int) -> str:
    return (
        f"/studies/{uid(STUDY, study)}/series/{uid(SERIES, study)}/instances/{uid(INSTANCE, study * 1000 + instance)}"
    )


def _accept(media_type: str, transfer_syntax: str) -> str:
    return f"Accept: {media_type}; transfer-syntax={transfer_syntax}\r\n"


def _preloads() -> Iterator[Request]:
    per_request = 250
    for start in range(1, STUDIES + 1, per_request):
        numbers = range(start, start + per_request)
        yield store(*(header_only().copy(study=number, series=number, instance=number) for number in numbers))
    for study, template, count in (
        (CT_STUDY, ct(), CT_INSTANCES),
        (LARGE_SERIES_STUDY, small_ct(), LARGE_SERIES_INSTANCES),
        (MULTI_FRAME_STUDY, multi_frame(), 1),
    ):
        for start in range(0, count, 50):
            numbers = range(start, min(start + 50, count))
            yield store(
                *(template.copy(study=study, series=study, instance=study * 1000 + number) for number in numbers)
            )
