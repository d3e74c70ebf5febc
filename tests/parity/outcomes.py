"""What a proxy in diff mode says about itself while it runs."""

import re
from typing import Any

from tests.proxy.proxies import RunningProxy
from tests.support.client import Emulator
from tests.support.waiting import eventually

COMPARED = re.compile(r'^azdicom_compared_total\{verdict="(\w+)"\} (\d+)$', re.MULTILINE)
DIFFERENCES = re.compile(r'^azdicom_differences_total\{severity="(\w+)"\} (\d+)$', re.MULTILINE)
WAITING = re.compile(r"^azdicom_diff_queue_length (\d+)$", re.MULTILINE)


def metrics(client: Emulator) -> str:
    return client.request("GET", "/_azdicom/metrics").text


def outcomes(client: Emulator, count: int, *, within_s: float = 30) -> dict[str, int]:
    """How many exchanges ended how, once there are `count` in all."""

    def counted() -> dict[str, int]:
        found = {verdict: int(number) for verdict, number in COMPARED.findall(metrics(client))}
        return found if sum(found.values()) >= count else {}

    return eventually(counted, within_s=within_s, what=f"{count} outcomes: {metrics(client)}")


def differences(client: Emulator) -> dict[str, int]:
    """How many differences of each severity there are."""
    return {severity: int(number) for severity, number in DIFFERENCES.findall(metrics(client))}


def waiting(client: Emulator) -> int:
    found = WAITING.search(metrics(client))
    assert found is not None
    return int(found[1])


def result(proxy: RunningProxy) -> Any:
    """The whole result until now."""
    answer = proxy.admin("GET", "diff")
    assert answer.status == 200, answer.text
    return answer.json()
