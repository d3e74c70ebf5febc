"""A small application: finds a patient's studies and says how many images each has."""

import json
import urllib.parse
import urllib.request


def studies_of(service_url: str, patient_id: str) -> dict[str, int]:
    """Study Instance UID to number of instances, of all studies of a patient. service_url: `http://…/v2`."""
    query = urllib.parse.urlencode({"PatientID": patient_id})
    found = _get(f"{service_url}/studies?{query}")
    return {
        study["0020000D"]["Value"][0]: len(_get(f"{service_url}/studies/{study['0020000D']['Value'][0]}/instances"))
        for study in found
    }


def _get(url: str) -> list[dict]:
    """A search's result; the service answers 204 without a body when nothing is found."""
    request = urllib.request.Request(url, headers={"Accept": "application/dicom+json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer) if answer.status == 200 else []
