"""The bodies of worklist requests: an array of data sets of which the first counts (worklist §2.2)."""

from dataclasses import dataclass

from aiohttp import web

from azdicom_emulator.dicom.json_data_set import DataSet, JsonDataSetError, parse_data_set
from azdicom_emulator.web.errors import BadRequestError, UnsupportedMediaTypeError
from azdicom_emulator.web.json_body import EMPTY_BODY, NOT_JSON, lenient_json
from azdicom_emulator.worklist.seed_dialect import announce_dialect, speaks_dialect

DICOM_JSON = "application/dicom+json"
NOT_AN_ARRAY = "The JSON value could not be converted to an array of data sets."
NOT_A_DATA_SET = "The JSON value could not be converted to a data set: {reason}."
TOO_FEW = "The field dicomDatasets must be a string or array type with a minimum length of '1'."
BODY_MISSING = "The request body is missing."


@dataclass(frozen=True, slots=True)
class WorkitemBody:
    """The data set that counts; None: `null` stands in its place. is_object: one bare object, the seed's dialect."""

    first: DataSet | None
    is_object: bool = False

    @property
    def data_set(self) -> DataSet:
        """Looked at after the role. Raises BadRequestError."""
        if self.first is None:
            raise BadRequestError(BODY_MISSING)
        return self.first


def has_dicom_json(request: web.Request) -> bool:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == DICOM_JSON


def require_dicom_json_body(request: web.Request) -> None:
    """Raises UnsupportedMediaTypeError (415, empty body), also without a Content-Type."""
    if not has_dicom_json(request):
        raise UnsupportedMediaTypeError(hint=f"Content-Type: {DICOM_JSON}")


async def read_body(request: web.Request, managed: str = "answer 400") -> WorkitemBody:
    """managed: what the service would do with a bare object, to be announced. Raises BadRequestError."""
    content = await request.read()
    if not content.strip():
        raise BadRequestError.query_parameter("", EMPTY_BODY)
    value = _parsed(content)
    if isinstance(value, dict) and speaks_dialect(request):
        body = WorkitemBody(_data_set(value), is_object=True)
        announce_dialect(request, managed)
        return body
    if not isinstance(value, list):
        raise BadRequestError.query_parameter("$", NOT_AN_ARRAY)
    data_sets = [None if each is None else _data_set(each) for each in value]
    if not data_sets:
        raise BadRequestError.query_parameter("dicomDatasets", TOO_FEW)
    return WorkitemBody(data_sets[0])


def _parsed(content: bytes) -> object:
    try:
        return lenient_json(content)
    except ValueError as error:
        raise BadRequestError.query_parameter("$", NOT_JSON) from error


def _data_set(value: object) -> DataSet:
    try:
        return parse_data_set(value)
    except JsonDataSetError as error:
        raise BadRequestError.query_parameter("$", NOT_A_DATA_SET.format(reason=error)) from error
