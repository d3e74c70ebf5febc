"""Many recordings at once: each request is answered and recorded in its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from azdicom_proxy.cassette.reading import load
from azdicom_proxy.settings import Mode
from tests.proxy.conversations import TOUR_STATUSES, Conversation
from tests.proxy.proxies import RunningProxy, proxying
from tests.support.client import Emulator

CLIENTS = 50


def tours(proxy: RunningProxy) -> list[list[int]]:
    """50 clients at once, half named by a header, half by the path."""

    def tour(number: int) -> list[int]:
        name = f"test-{number}"
        by_path = number % 2 == 0
        talk = Conversation(
            number,
            prefix=f"/_r/{name}" if by_path else "",
            headers=() if by_path else (("x-azdicom-recording", name),),
        )
        return [answer.status for answer in talk.tour(proxy.client)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(tour, range(1, CLIENTS + 1)))


def cassettes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("test-*.yaml"))}


def test_50_clients_record_50_cassettes_without_cross_talk_and_the_same_each_time(
    emulator: Emulator, tmp_path: Path
) -> None:
    """Each cassette holds its own study only; recorded again the files are equal; replayed, all is answered."""
    with proxying(emulator.base_url, Mode.RECORD, cassette_dir=tmp_path) as proxy:
        assert tours(proxy) == [TOUR_STATUSES] * CLIENTS
    first = cassettes(tmp_path)

    assert len(first) == CLIENTS
    for number in range(1, CLIENTS + 1):
        uris = [interaction.request.uri for interaction in load(tmp_path / f"test-{number}.yaml").interactions]
        assert len(uris) == len(TOUR_STATUSES)
        studies = {uri.split("/studies/")[1].split("/")[0] for uri in uris if "/studies/" in uri}
        assert studies == {Conversation(number).study}

    with proxying(emulator.base_url, Mode.RECORD, cassette_dir=tmp_path, record_mode="rewrite") as proxy:
        tours(proxy)
    assert cassettes(tmp_path) == first

    with proxying(None, Mode.REPLAY, cassette_dir=tmp_path, cassette=tmp_path / "test-1.yaml") as proxy:
        assert tours(proxy) == [TOUR_STATUSES] * CLIENTS


@pytest.mark.parametrize("name", ["..", "a/b", "a%2Fb", ".hidden", "x" * 101, ""])
def test_name_that_is_no_file_name_is_refused(name: str, tmp_path: Path) -> None:
    """A recording's name becomes a file's: nothing is written elsewhere."""
    with proxying("http://127.0.0.1:1", Mode.RECORD, cassette_dir=tmp_path / "c") as proxy:
        answer = proxy.client.request("GET", "/v2/studies", headers={"x-azdicom-recording": name})

    assert answer.status == 400
    assert answer.headers["x-azdicom-error"] == "bad-request"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
