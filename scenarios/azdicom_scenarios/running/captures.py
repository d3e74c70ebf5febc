"""Takes values out of answers for later steps (`capture`)."""

import re
from typing import Any

from azdicom_scenarios.model import Capture, Locator
from azdicom_scenarios.running.data_sets import BadTagPathError, NoDataSetError, attribute, data_sets_of
from azdicom_scenarios.running.exchanges import Answer
from azdicom_scenarios.running.expectations import json_at
from azdicom_scenarios.running.matching import ABSENT
from azdicom_scenarios.running.results import Mismatch
from azdicom_scenarios.variables import Scope


def captured(capture: Capture, answer: Answer, scope: Scope) -> Any | Mismatch:
    """The value; a Mismatch when the answer has none."""
    where = scope.substitute(capture.where.value)
    try:
        value = _value(capture.locator, where, answer)
    except (ValueError, NoDataSetError, BadTagPathError) as error:
        return _nothing(capture, where, str(error))
    return _nothing(capture, where, f"nothing in a {answer.status}") if value is ABSENT else value


def _value(locator: Locator, where: str, answer: Answer) -> Any:
    match locator:
        case Locator.STATUS:
            return answer.status
        case Locator.HEADER:
            found = answer.header(where)
            return ABSENT if found is None else found
        case Locator.JSON:
            return json_at(where, answer.json)
        case Locator.DICOM:
            data_sets = data_sets_of(answer.headers, answer.content)
            return attribute(data_sets[0], where).value if data_sets else ABSENT
        case Locator.REGEX:
            matched = re.search(where, answer.text)
            return ABSENT if matched is None else matched[1] if matched.re.groups else matched[0]


def _nothing(capture: Capture, where: str, actual: str) -> Mismatch:
    expected = f"{capture.locator} {where}".strip()
    return Mismatch(mark=capture.mark, what=f"capture {capture.name}", expected=expected, actual=actual)
