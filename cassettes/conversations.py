"""The conversations of the example cassettes: `python conversations.py NAME`, with the service in AZDICOM_URL.

Needs nothing but Python. Each begins and ends with an empty service, and asks for the same bytes each time.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

SAMPLE = (Path(__file__).parents[1] / "docs" / "examples" / "sample.dcm").read_bytes()
JSON = "application/dicom+json"
BOUNDARY = "example"
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


def ask(method: str, path: str, accept: str | None = JSON, body: bytes | None = None, content_type: str = "") -> bytes:
    """Sends a request, prints what was answered, returns the body."""
    url = path if path.startswith("http") else f"{os.environ['AZDICOM_URL']}/v2{path}"
    headers = {**({"Accept": accept} if accept else {}), **({"Content-Type": content_type} if content_type else {})}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            status, content = answer.status, bytes(answer.read())
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    sys.stdout.write(f"{status} {method} {path.partition('/v2')[2] or path} {len(content)} bytes\n")
    return content


def store(*parts: bytes, content_type: str = MULTIPART) -> dict[str, dict[str, list[dict[str, dict[str, list[str]]]]]]:
    """STOW-RS with `parts`; the answer's data set, {} when it is not JSON."""
    delimited = b"".join(
        b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % (BOUNDARY.encode(), part) for part in parts
    )
    answer = ask("POST", "/studies", JSON, delimited + b"--%b--\r\n" % BOUNDARY.encode(), content_type)
    return dict(json.loads(answer)) if answer.startswith(b"{") else {}


def retrieve_url(stored: dict[str, dict[str, list[dict[str, dict[str, list[str]]]]]]) -> str:
    """RetrieveURL of the first stored instance."""
    return stored["00081199"]["Value"][0]["00081190"]["Value"][0]


def delete(instance: str) -> None:
    """The study that an instance's URL belongs to."""
    ask("DELETE", instance.partition("/v2")[2].partition("/series/")[0], accept=None)


def tour() -> None:
    """Store, search on three levels, retrieve as a file and as multipart, delete, and a look at what is gone."""
    instance = retrieve_url(store(SAMPLE))
    study = instance.partition("/v2")[2].partition("/series/")[0]
    ask("GET", "/studies?limit=10")
    ask("GET", "/studies?PatientName=sam&fuzzymatching=true&includefield=all")
    ask("GET", f"{study}/series?Modality=OT&includefield=NumberOfSeriesRelatedInstances")
    ask("GET", f"{study}/instances?offset=0&limit=1")
    ask("GET", instance, "application/dicom; transfer-syntax=*")
    ask("GET", study, 'multipart/related; type="application/dicom"; transfer-syntax=*')
    ask("GET", "/changefeed/latest", "application/json")
    delete(instance)
    ask("GET", f"{study}/metadata")
    ask("GET", "/studies?limit=10")


def frames() -> None:
    """Metadata on three levels, frames raw and rendered."""
    instance = retrieve_url(store(SAMPLE))
    series = instance.partition("/instances/")[0]
    for resource in (series.partition("/series/")[0], series, instance):
        ask("GET", f"{resource}/metadata")
    ask("GET", f"{instance}/frames/1", "application/octet-stream; transfer-syntax=*")
    ask("GET", f"{instance}/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=*')
    ask("GET", f"{instance}/frames/1/rendered", "image/png")
    ask("GET", f"{instance}/rendered?quality=50", "image/jpeg")
    ask("GET", f"{instance}/frames/1,3", 'multipart/related; type="application/octet-stream"; transfer-syntax=*')
    delete(instance)


def errors() -> None:
    """What is refused: by a store, a search, a retrieve, a delete, and the routes."""
    store(b"no DICOM file")
    store(content_type="text/plain")
    instance = retrieve_url(store(SAMPLE))
    store(SAMPLE)
    ask("GET", instance, "image/bmp")
    ask("GET", f"{instance}/frames/0", "application/octet-stream")
    ask("GET", f"{instance}/frames/4", "application/octet-stream; transfer-syntax=*")
    ask("GET", "/studies?limit=none")
    ask("GET", "/studies?NoSuchAttribute=1")
    ask("GET", "/studies?PatientName=doe", accept="text/html")
    ask("GET", "/studies/1.2.3/metadata")
    ask("GET", "/studies/not-a-uid/metadata")
    ask("DELETE", "/studies/1.2.3", accept=None)
    ask("GET", "/no-such-route")
    delete(instance)


CONVERSATIONS: dict[str, Callable[[], None]] = {"tour": tour, "frames": frames, "errors": errors}

if __name__ == "__main__":
    CONVERSATIONS[sys.argv[1]]()
