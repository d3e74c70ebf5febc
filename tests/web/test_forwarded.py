"""URLs in answers behind a proxy: `X-Forwarded-Host` and `X-Forwarded-Prefix`."""

from urllib.parse import urlsplit

import pytest
from pydicom.dataset import Dataset

from tests.support.client import Emulator, Response
from tests.support.instances import an_instance, study_path

RETRIEVE_URL = "00081190"
HOST = {"X-Forwarded-Host": "api.powershare.com"}
PREFIX = {"X-Forwarded-Prefix": "/newbasePath"}


def retrieve_url(answer: Response) -> str:
    """RetrieveURL of a store's answer."""
    url: str = answer.json()[RETRIEVE_URL]["Value"][0]
    return url


def store(emulator: Emulator, dataset: Dataset, headers: dict[str, str]) -> Response:
    return emulator.store_response(dataset, study=dataset.StudyInstanceUID, headers=headers)


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        pytest.param({}, "http://{address}/v2", id="none"),
        pytest.param(HOST, "http://api.powershare.com/v2", id="host"),
        pytest.param(PREFIX, "http://{address}/newbasePath", id="prefix"),
        pytest.param(HOST | PREFIX, "http://api.powershare.com/newbasePath", id="both"),
        pytest.param({"X-Forwarded-Prefix": "newbasePath/"}, "http://{address}/newbasePath", id="slashes"),
        pytest.param({"X-Forwarded-Prefix": "/a/b"}, "http://{address}/a/b", id="two-segments"),
        pytest.param({"X-Forwarded-Host": "proxy:8443"}, "http://proxy:8443/v2", id="host-with-port"),
        pytest.param({"X-Forwarded-Host": ""}, "http://{address}/v2", id="empty-host"),
        pytest.param({"Host": "pacs.example"}, "http://pacs.example/v2", id="host-header"),
    ],
)
def test_urls_name_what_the_client_of_the_proxy_sees(
    shared_emulator: Emulator, headers: dict[str, str], base: str
) -> None:
    """Azure: Proxy URL support; http §8: host and prefix are independent; the prefix replaces the version."""
    dataset = an_instance()

    answer = store(shared_emulator, dataset, headers)

    expected = base.format(address=urlsplit(shared_emulator.base_url).netloc)
    assert answer.status == 200
    assert retrieve_url(answer) == expected + study_path(dataset)


def test_url_repeats_the_version_as_the_client_wrote_it(shared_emulator: Emulator) -> None:
    """Service source; http §8: `/v{version}` as requested."""
    dataset = an_instance()

    answer = store(shared_emulator.v1, dataset, HOST)

    assert retrieve_url(answer) == f"http://api.powershare.com/v1{study_path(dataset)}"


def test_forwarded_headers_do_not_change_routing(shared_emulator: Emulator) -> None:
    """Azure: Proxy URL support; http §8: they only rewrite text in answers."""
    headers = HOST | {"X-Forwarded-Prefix": "/v1", "Accept": "*/*"}

    assert shared_emulator.request("GET", "/v2/changefeed?limit=200", headers=headers).status == 200
    assert shared_emulator.request("GET", "/newbasePath/studies", headers=headers | PREFIX).status == 404
