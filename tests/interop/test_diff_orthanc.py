"""Another service in diff mode: Orthanc, whose answers are its own, against the emulator."""

import json
import signal
from pathlib import Path

import pytest
from dicomweb_client import DICOMwebClient

from tests.interop.orthanc import missing, orthanc
from tests.interop.test_proxy_orthanc import conversation
from tests.parity.outcomes import outcomes
from tests.proxy.commands import started

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

EXCHANGES = 7


def test_a_report_says_in_what_orthanc_and_the_emulator_differ(tmp_path: Path) -> None:
    """record-replay §10, §11: a service without a version in its paths; every exchange is compared, and explained."""
    with orthanc(tmp_path / "orthanc") as service:
        options = (
            "--mode=diff",
            f"--upstream={service}",
            "--json=result.json",
            "--html=result.html",
            "--fail-on=never",
        )
        with started(tmp_path, "proxy", *options) as proxy:
            conversation(DICOMwebClient(url=proxy.url))
            outcomes(proxy.client, EXCHANGES)
            proxy.process.send_signal(signal.SIGTERM)
            code = proxy.ends()

    result = json.loads((tmp_path / "result.json").read_text())
    summary = result["summary"]
    assert code == 0, proxy.said
    assert (summary["compared"], summary["unseeded"], summary["skipped"]) == (EXCHANGES, 0, 0), result["not_compared"]
    assert 0 < summary["recall"] < 100
    assert not any(each["at"] == "local-error" for each in result["fingerprints"])
    assert all(each["text"] and each["examples"] for each in result["fingerprints"])
    assert "GET /studies/{study}/series/{series}/instances/{instance}/metadata" in proxy.said
