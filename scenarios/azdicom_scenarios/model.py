"""What a scenario file says, as values: each part knows the line and column where it stands (record-replay §12).

Nothing is substituted here: texts keep their `${…}`, which `variables.Scope` fills in when a step is run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A JSON value whose texts, keys among them, may hold `${…}`."""
Words = str | Sequence["Words"] | Mapping[str, "Words"]
"""Values of a DICOM attribute as written: a text, several, or the items of a sequence by tag. Never a number."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as written. `is_quoted`: it stood in quotes or in a block (`|`, `>`)."""

    value: str
    mark: Mark
    is_quoted: bool = False

    def __str__(self) -> str:
        return self.value


# Matchers: what a value is held against.


@dataclass(frozen=True, slots=True, kw_only=True)
class Equals:
    mark: Mark
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    mark: Mark
    matcher: "Matcher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """A text that has the text `value`, a list that has the item `value`, an object that has its members."""

    mark: Mark
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The whole text matches the regular expression."""

    mark: Mark
    pattern: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists:
    mark: Mark
    expected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    mark: Mark
    matchers: "tuple[Matcher, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Also what a matcher of several keys is, such as `{gt: 1, lt: 5}`."""

    mark: Mark
    matchers: "tuple[Matcher, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The number of characters, items or members."""

    mark: Mark
    matcher: "Matcher"


class Order(StrEnum):
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """As numbers where both sides are numbers, else as texts (so that DICOM dates compare)."""

    mark: Mark
    order: Order
    value: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Approx:
    mark: Mark
    value: Text
    tolerance: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Unordered:
    """A list of as many items, each matched by another one of the matchers."""

    mark: Mark
    matchers: "tuple[Matcher, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsUid:
    """A valid UID (PS3.5 §9.1), or none."""

    mark: Mark
    expected: bool


class JsonType(StrEnum):
    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    NULL = "null"


@dataclass(frozen=True, slots=True, kw_only=True)
class HasType:
    mark: Mark
    type: JsonType


@dataclass(frozen=True, slots=True, kw_only=True)
class HasVr:
    """The value representation of the attribute; under `json`, the object's `vr`."""

    mark: Mark
    vr: str


Matcher = (
    Equals
    | Not
    | Contains
    | Matches
    | Exists
    | AnyOf
    | AllOf
    | Length
    | Compare
    | Approx
    | Unordered
    | IsUid
    | HasType
    | HasVr
)
Matchers = tuple[tuple[Text, Matcher], ...]
"""A matcher for each header name, JSONPath or tag path, in the order of the file."""


# Expectations.


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomExpectation:
    """Matchers by tag path (`PatientName`, `00100010`, `ReferencedSOPSequence[0].ReferencedSOPInstanceUID`).

    where: the data set that is looked at; empty: the first.
    """

    mark: Mark
    where: Matchers = ()
    attributes: Matchers = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyExpectation:
    """sha256: of the body's bytes, in hex digits."""

    mark: Mark
    sha256: Text | None = None
    text: Matcher | None = None
    is_empty: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartExpectation:
    mark: Mark
    headers: Matchers = ()
    dicom: DicomExpectation | None = None
    body: BodyExpectation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesExpectation:
    """The parts are, byte for byte, these frames of a fixture's instance. numbers: from 1; empty: all of them."""

    mark: Mark
    of: Text
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsExpectation:
    """A multipart body. each: of every part; items: of the first, the second, …"""

    mark: Mark
    count: Matcher | None = None
    each: PartExpectation | None = None
    items: tuple[PartExpectation, ...] = ()
    frames: FramesExpectation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PsnrExpectation:
    """to: an image file; minimum_db: least peak signal-to-noise ratio, in dB."""

    mark: Mark
    to: Text
    minimum_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageExpectation:
    """width, height: pixels; None: any."""

    mark: Mark
    width: int | None = None
    height: int | None = None
    psnr: PsnrExpectation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """status: codes and classes such as `2xx`, one of which it must be; empty: any. max_time_s: seconds."""

    mark: Mark
    status: tuple[Text, ...] = ()
    headers: Matchers = ()
    json: Matchers = ()
    dicom: DicomExpectation | None = None
    parts: PartsExpectation | None = None
    image: ImageExpectation | None = None
    body: BodyExpectation | None = None
    same_as: Text | None = None
    max_time_s: float | None = None
    snapshot: Text | None = None
    is_parity: bool = False


# Requests.


class Malformed(StrEnum):
    TRUNCATE = "truncate"
    NO_FINAL_BOUNDARY = "no-final-boundary"
    WRONG_BOUNDARY = "wrong-boundary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """How a multipart body is broken on purpose. at_byte: where it is cut (TRUNCATE), else None."""

    mark: Mark
    kind: Malformed
    at_byte: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBody:
    mark: Mark
    file: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonBody:
    mark: Mark
    json: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBody:
    mark: Mark
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Base64Body:
    mark: Mark
    base64: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSource:
    """Instances to send: an alias (`ct1`, `ct1.s[0]`, `ct1.i[2]`) or a file, changed on the way.

    set: new values by tag path; remove: tag paths; raw: values that are written as they are, valid or not.
    """

    mark: Mark
    source: Text
    set: tuple[tuple[Text, Words], ...] = ()
    remove: tuple[Text, ...] = ()
    raw: tuple[tuple[Text, Words], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomBody:
    """is_single: `application/dicom` instead of multipart/related. part_type: of each part's Content-Type."""

    mark: Mark
    sources: tuple[DicomSource, ...]
    is_single: bool = False
    boundary: Text | None = None
    part_type: Text | None = None
    defect: Defect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    mark: Mark
    headers: tuple[tuple[Text, Text], ...] = ()
    body: "Body | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartBody:
    mark: Mark
    parts: tuple[Part, ...]
    boundary: Text | None = None
    defect: Defect | None = None


Body = FileBody | JsonBody | TextBody | Base64Body | DicomBody | MultipartBody


class Auth(StrEnum):
    NONE = "none"
    TOKEN = "token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """path: below the base; `https://…` or a captured absolute URL goes as it is. query: in order, names may repeat.

    auth: None: as the target does it.
    """

    mark: Mark
    method: str
    path: Text
    query: tuple[tuple[Text, Text], ...] = ()
    headers: tuple[tuple[Text, Text], ...] = ()
    auth: Auth | None = None
    body: Body | None = None


# Steps.


class Locator(StrEnum):
    """Where a captured value is found in an answer."""

    JSON = "json"
    DICOM = "dicom"
    HEADER = "header"
    REGEX = "regex"
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """where: a JSONPath, tag path, header name, or a regular expression (its first group); for STATUS unused."""

    mark: Mark
    name: str
    locator: Locator
    where: Text


class OperationFrom(StrEnum):
    LOCATION = "location"
    BODY = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitOperation:
    """until: states of an operation, in lower case; any other final state fails the step at once."""

    mark: Mark
    come_from: OperationFrom = OperationFrom.LOCATION
    until: tuple[str, ...] = ("succeeded",)
    every_s: float = 0.5
    for_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The request is repeated until the answer is as `until` says; for_s: then it has failed."""

    mark: Mark
    until: Expect
    every_s: float = 0.2
    for_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForEach:
    """items: texts, each the value of the variable once; or one `${…}` or alias path that is a list (`ct1.i`)."""

    mark: Mark
    name: str
    items: tuple[Text, ...] | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule as faults files have it (record-replay §14); without `route`, it is about the step's own request."""

    mark: Mark
    rule: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """request: None for a step that only sleeps, waits for an operation of the step before, or notes something.

    repeat: times in a row, or at once if is_parallel. when: a condition (`conditions.parse`), None: always.
    number: from 1, the teardown's go on after the steps'.
    """

    mark: Mark
    number: int
    name: str | None = None
    request: Request | None = None
    expect: Expect | None = None
    captures: tuple[Capture, ...] = ()
    wait_operation: WaitOperation | None = None
    retry: Retry | None = None
    repeat: int = 1
    is_parallel: bool = False
    for_each: ForEach | None = None
    when: Text | None = None
    faults: tuple[Fault, ...] = ()
    sleep_s: float | None = None
    note: Text | None = None

    @property
    def title(self) -> str:
        """The name, or the request, or what it is."""
        if self.name:
            return self.name
        if self.request:
            return f"{self.request.method} {self.request.path}"
        return "wait for the operation" if self.wait_operation else f"step {self.number}"


# Fixtures and the whole.


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticStudy:
    """A study to be made. spec: what stands under it, every scalar a text (`synthetic_studies` makes a StudySpec)."""

    mark: Mark
    alias: str
    spec: Mapping[str, Words]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkitemFixture:
    """A workitem to be created; file: DICOM JSON. Alias: `${wi1.uid}`."""

    mark: Mark
    alias: str
    file: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTagFixture:
    mark: Mark
    path: Text
    level: str
    vr: str | None = None
    private_creator: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixtures:
    """dicom: globs relative to the scenario, stored before the steps; preload: aliases that are stored by PUT."""

    mark: Mark
    dicom: tuple[Text, ...] = ()
    synthetic: tuple[SyntheticStudy, ...] = ()
    preload: tuple[Text, ...] = ()
    workitems: tuple[WorkitemFixture, ...] = ()
    extended_query_tags: tuple[QueryTagFixture, ...] = ()
    partitions: tuple[Text, ...] = ()


class TargetKind(StrEnum):
    EMULATOR = "emulator"
    URL = "url"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """config: settings of an in-process emulator by name, as texts. exclusive: changes what all clients share."""

    mark: Mark
    base: str = "/v2"
    is_strict: bool = False
    timeout_s: float = 10.0
    skip_on: frozenset[TargetKind] = frozenset()
    is_exclusive: bool = False
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    """One run. id: in names and reports; values: `${param.NAME}`, `id` among them."""

    mark: Mark
    id: str
    values: Mapping[str, Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityRule:
    """A rule of what differences matter (record-replay §10.5). until: `YYYY-MM-DD`, after which lint fails."""

    mark: Mark
    rule: Mapping[str, Json]
    until: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One file. variables: in order; each may use those above it. parameters: empty: one run."""

    mark: Mark
    file: Path
    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    settings: Settings
    parameters: tuple[ParameterRow, ...] = ()
    variables: tuple[tuple[Text, Text], ...] = ()
    fixtures: Fixtures
    steps: tuple[Step, ...] = ()
    teardown: tuple[Step, ...] = ()
    parity: tuple[ParityRule, ...] = ()

    @property
    def folder(self) -> Path:
        """What relative paths in it are relative to."""
        return self.file.parent
