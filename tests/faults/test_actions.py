"""Every fault action, as a client on a bare socket sees it (record-replay §14 and §16, check 12)."""

import http.client
import json
import socket
from email.utils import parsedate_to_datetime

import pytest

from tests.faults.conftest import FaultyEmulator
from tests.faults.wire import End, Seen, seen
from tests.support.client import DICOM_JSON, MULTIPART_DICOM, STORED, Emulator
from tests.support.instances import an_instance, instance_path, part10, study_path
from tests.support.multipart import multipart_related, parts_of
from tests.support.waiting import eventually

FEED = "/v2/changefeed"
TAGS = "/v2/extendedquerytags"
WAIT_S = 0.04
"""Long enough to be seen, short enough to be waited for."""


def stored_file(emulator: Emulator, size_bytes: int) -> tuple[str, bytes]:
    """A stored instance of at least so many bytes: the target that retrieves it, and its file."""
    dataset = an_instance(rows=100, columns=-(-size_bytes // 200))
    content = part10(dataset)
    assert emulator.store_response(content).status == 200
    return f"/v2{instance_path(dataset)}", content


def retrieved(emulator: Emulator, target: str) -> Seen:
    return seen(emulator, "GET", target, "Accept: application/dicom; transfer-syntax=*")


class TestStatus:
    def test_it_is_answered_in_place_of_the_service(self, faulty: FaultyEmulator) -> None:
        """§14: status with Retry-After, headers and a body; the emulator never sees the request."""
        emulator = faulty(
            "- {name: busy, route: POST /studies, do: {status: 503, retry_after: 2,"
            " headers: {X-Reason: planned}, body: {json: {error: busy}}}}"
        )

        answer = emulator.store_response(an_instance())

        assert answer.status == 503
        assert answer.headers["Retry-After"] == "2"
        assert answer.headers["X-Reason"] == "planned"
        assert (answer.content_type, answer.json()) == ("application/json; charset=utf-8", {"error": "busy"})
        assert (answer.headers["x-azdicom-source"], answer.headers["x-azdicom-fault"]) == ("fault", "busy")
        assert emulator.changes() == []

    @pytest.mark.parametrize("status", [403, 408, 413, 424, 429, 499, 500])
    def test_any_status_goes(self, faulty: FaultyEmulator, status: int) -> None:
        """§14."""
        emulator = faulty(f"- do: {{status: {status}}}")

        answer = seen(emulator, "GET", FEED)

        assert (answer.status, answer.body, answer.end) == (status, b"", End.CLOSED)

    def test_retry_after_may_be_a_date(self, faulty: FaultyEmulator) -> None:
        """§14; RFC 9110 §10.2.3."""
        emulator = faulty("- do: {status: 429, retry_after: {date: 60s}}")

        answer = seen(emulator, "GET", FEED)

        date, retry = (parsedate_to_datetime(answer.header(name) or "") for name in ("Date", "Retry-After"))
        assert 58 <= (retry - date).total_seconds() <= 62

    def test_401_has_a_challenge(self, faulty: FaultyEmulator) -> None:
        """RFC 6750 §3."""
        answer = seen(faulty("- do: {status: 401}"), "GET", FEED)

        assert answer.status == 401
        assert (answer.header("WWW-Authenticate") or "").startswith("Bearer ")

    def test_after_the_work_the_store_was_carried_out(self, faulty: FaultyEmulator) -> None:
        """§14, `where: after`: the case in which a retried store meets 409."""
        emulator = faulty("- {route: POST /studies, where: after, times: 1, do: {status: 503}}")
        dataset = an_instance()

        assert emulator.store_response(dataset).status == 503
        again = emulator.store_response(dataset)

        assert (again.status, again.failure_reasons()) == (409, [45070])

    def test_after_a_retrieve_that_streams_nothing_of_it_is_sent(self, faulty: FaultyEmulator) -> None:
        """§14: the client does not get the answer. It is a page that asks, and the refusal is for its eyes."""
        emulator = faulty("- {route: GET /studies/**/instances/*, where: after, do: {status: 500, body: lost}}")
        dataset = emulator.store(an_instance())

        answer = seen(
            emulator,
            "GET",
            f"/v2{instance_path(dataset)}",
            "Accept: application/dicom; transfer-syntax=*",
            "Origin: http://localhost:3000",
        )

        assert (answer.status, answer.body) == (500, b"lost")
        assert answer.header("Access-Control-Allow-Origin") == "http://localhost:3000"
        assert answer.header("x-azdicom-fault") == "rule-1"


class TestToken:
    def test_it_expires_once(self, faulty: FaultyEmulator) -> None:
        """§14: 401 once, then the client that came back is served."""
        emulator = faulty("- do: {expire_token: true}")

        first, second = seen(emulator, "GET", FEED), seen(emulator, "GET", FEED)

        assert (first.status, second.status) == (401, 200)
        assert 'error="invalid_token"' in (first.header("WWW-Authenticate") or "")
        assert second.header("x-azdicom-source") is None


class TestConnection:
    def test_reset_is_a_reset(self, faulty: FaultyEmulator) -> None:
        """§14: TCP RST, via zero linger."""
        answer = seen(faulty("- do: {reset: true}"), "GET", FEED)

        assert (answer.content, answer.end) == (b"", End.RESET)

    def test_reset_after_the_work(self, faulty: FaultyEmulator) -> None:
        """§14, `where: after`."""
        emulator = faulty("- {route: POST /studies, where: after, do: {reset: true}}")
        content_type, body = multipart_related([part10(an_instance())])

        answer = seen(
            emulator, "POST", "/v2/studies", f"Accept: {DICOM_JSON}", f"Content-Type: {content_type}", body=body
        )

        assert (answer.content, answer.end) == (b"", End.RESET)
        assert len(emulator.search_studies()) == 1

    @pytest.mark.parametrize("where", ["before", "after"])
    def test_empty_closes_in_order_without_a_byte(self, faulty: FaultyEmulator, where: str) -> None:
        """§14: close without a response; an unread request body must not make a reset of it."""
        emulator = faulty(f"- {{route: POST /studies, where: {where}, do: {{empty: true}}}}")
        content_type, body = multipart_related([part10(an_instance(rows=300, columns=300))])

        answer = seen(
            emulator, "POST", "/v2/studies", f"Accept: {DICOM_JSON}", f"Content-Type: {content_type}", body=body
        )

        assert (answer.content, answer.end) == (b"", End.CLOSED)
        assert len(emulator.search_studies()) == (1 if where == "after" else 0)

    def test_hang_takes_the_request_and_never_answers(self, faulty: FaultyEmulator) -> None:
        """§14. That the server stops all the same is what the end of the test shows."""
        emulator = faulty(f"- {{route: GET {FEED}, do: {{hang: true}}}}")

        answer = seen(emulator, "GET", FEED, silence_s=WAIT_S)

        assert (answer.content, answer.end) == (b"", End.SILENT)
        assert seen(emulator, "GET", TAGS).status == 200

    def test_whoever_hangs_is_let_go_when_the_rules_go(self, faulty: FaultyEmulator) -> None:
        """Own design: DELETE of the rules ends what they hold up."""
        emulator = faulty(f"- {{route: GET {FEED}, do: {{hang: true}}}}")
        with socket.create_connection(emulator.address, timeout=10) as hanging:
            hanging.sendall(f"GET {FEED} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            eventually(lambda: emulator.request("GET", "/_azdicom/faults").json()["summary"][0]["firings"])
            assert emulator.request("DELETE", "/_azdicom/faults").status == 204

            assert hanging.recv(100) == b""


class TestTiming:
    @pytest.mark.parametrize(
        "delay",
        [
            "40ms",
            "0.04",
            "{dist: uniform, min: 40ms, max: 50ms}",
            "{dist: lognormal, median: 45ms, sigma: 0}",
        ],
    )
    def test_delay_comes_before_the_first_byte(self, faulty: FaultyEmulator, delay: str) -> None:
        """§14: fixed, uniform, lognormal."""
        answer = seen(faulty(f"- do: {{delay: {delay}}}"), "GET", FEED)

        assert answer.status == 200
        assert answer.arrivals[0][0] >= WAIT_S
        assert answer.header("x-azdicom-source") == "fault"

    def test_delay_after_the_work(self, faulty: FaultyEmulator) -> None:
        """§14, `where: after`."""
        answer = seen(faulty("- {where: after, do: {delay: 40ms}}"), "GET", FEED)

        assert (answer.status, answer.body) == (200, b"[]")
        assert answer.arrivals[0][0] >= WAIT_S

    def test_dribble_spreads_the_body_over_a_time(self, faulty: FaultyEmulator) -> None:
        """§14: chunks over a time. The head comes first."""
        emulator = faulty("- {route: GET /studies/**, do: {dribble: {chunks: 4, over: 80ms}}}")
        target, file = stored_file(emulator, 4_000)

        answer = retrieved(emulator, target)

        assert answer.body == file
        assert answer.declared_length == len(file)
        assert answer.arrivals[-1][0] >= 0.08
        assert len(answer.arrivals) >= 3

    def test_rate_limits_the_bytes_of_a_second(self, faulty: FaultyEmulator) -> None:
        """§14. The file is longer than what may wait: the handler has to wait too."""
        emulator = faulty("- {route: GET /studies/**, do: {rate: 10MB/s}}")
        target, file = stored_file(emulator, 700_000)

        answer = retrieved(emulator, target)

        assert answer.body == file
        assert answer.arrivals[-1][0] >= 0.06


class TestTruncate:
    @pytest.mark.parametrize(("amount", "share"), [("60%", 0.6), ("0%", 0.0), ("1KB", None)])
    def test_length_stays_declared_and_the_connection_closes_early(
        self, faulty: FaultyEmulator, amount: str, share: float | None
    ) -> None:
        """§14."""
        emulator = faulty(f"- {{route: GET /studies/**, do: {{truncate: {amount}}}}}")
        target, file = stored_file(emulator, 200_000)

        answer = seen(emulator, "GET", target, "Accept: application/dicom; transfer-syntax=*", keeps_alive=True)

        assert answer.status == 200
        assert answer.declared_length == len(file)
        assert answer.body == file[: 1000 if share is None else int(len(file) * share)]
        assert answer.end is End.CLOSED

    def test_an_answer_that_is_made_at_once_is_cut_too(self, faulty: FaultyEmulator) -> None:
        """§14: JSON that the handler hands over whole."""
        emulator = faulty("- {route: GET /changefeed, do: {truncate: 50%}}")
        emulator.store(an_instance())

        answer = seen(emulator, "GET", FEED)

        assert len(answer.body) == answer.declared_length // 2


class TestCorrupt:
    def test_bytes_are_flipped_at_an_offset(self, faulty: FaultyEmulator) -> None:
        """§14."""
        emulator = faulty("- {route: GET /studies/**, do: {corrupt: {at: 200, bytes: 3}}}")
        target, file = stored_file(emulator, 1_000)

        body = retrieved(emulator, target).body

        assert [at for at, (old, new) in enumerate(zip(file, body, strict=True)) if old != new] == [200, 201, 202]

    def test_boundary_is_another_one_than_the_header_says(self, faulty: FaultyEmulator) -> None:
        """§14: wrong boundary."""
        emulator = faulty("- {route: GET /studies/*, do: {corrupt: boundary}}")
        dataset = emulator.store(an_instance())

        answer = emulator.get(study_path(dataset), accept=MULTIPART_DICOM + STORED)

        assert answer.status == 200
        boundary = answer.headers["Content-Type"].rpartition("boundary=")[2]
        assert f"--{boundary}".encode() not in answer.content

    def test_transfer_syntax_is_another_one_than_the_file_has(self, faulty: FaultyEmulator) -> None:
        """§14: wrong transfer syntax, in the part's own header."""
        emulator = faulty("- {route: GET /studies/*, do: {corrupt: transfer-syntax}}")
        dataset = emulator.store(an_instance())

        answer = emulator.get(study_path(dataset), accept=MULTIPART_DICOM + STORED)

        (part,) = parts_of(answer.headers["Content-Type"], answer.content)
        assert part.content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.2"

    def test_what_cannot_be_corrupted_is_no_firing(self, faulty: FaultyEmulator) -> None:
        """Own design: an answer without a boundary goes through unmarked."""
        emulator = faulty("- {route: GET /changefeed, do: {corrupt: boundary}}")

        answer = seen(emulator, "GET", FEED)

        assert (answer.status, answer.body, answer.header("x-azdicom-source")) == (200, b"[]", None)
        (line,) = emulator.request("GET", "/_azdicom/faults").json()["summary"]
        assert (line["matches"], line["firings"]) == (1, 0)


class TestPartialStore:
    def test_some_instances_fail_and_are_not_stored(self, faulty: FaultyEmulator) -> None:
        """§14: n of m fail with a given FailureReason; a second attempt stores them."""
        emulator = faulty("- {route: POST /studies, times: 1, do: {partial_store: {fail: 2, reason: 272}}}")
        datasets = [an_instance() for _ in range(3)]

        answer = emulator.store_response(*datasets)

        assert (answer.status, answer.failure_reasons()) == (202, [272, 272])
        assert answer.stored_instances() == [datasets[2].SOPInstanceUID]
        assert answer.headers["x-azdicom-fault"] == "rule-1"
        assert len(emulator.search_instances()) == 1
        assert emulator.store_response(*datasets[:2]).status == 200

    def test_all_of_them(self, faulty: FaultyEmulator) -> None:
        """store §10: 409 when every instance failed. The reason may be any number."""
        emulator = faulty("- {route: POST /studies, do: {partial_store: {fail: 100%, reason: 42752}}}")

        answer = emulator.store_response(an_instance(), an_instance())

        assert (answer.status, answer.failure_reasons()) == (409, [42752, 42752])
        assert emulator.changes() == []

    def test_after_the_work_the_answer_alone_says_so(self, faulty: FaultyEmulator) -> None:
        """Own design: as behind a proxy, where the instances are stored and the answer is wrong."""
        emulator = faulty("- {route: POST /studies, where: after, do: {partial_store: {fail: 50%, reason: 272}}}")
        datasets = [an_instance() for _ in range(2)]

        answer = emulator.store_response(*datasets)

        assert (answer.status, answer.failure_reasons()) == (202, [272])
        assert answer.stored_instances() == [datasets[1].SOPInstanceUID]
        assert len(emulator.search_instances()) == 2


class TestTimeline:
    def test_stale_read_is_the_answer_before_the_last_write(self, faulty: FaultyEmulator) -> None:
        """§14: answer as before the last write for a while."""
        emulator = faulty("- {route: GET /studies, do: {stale_read: 60s}}")
        assert emulator.search_studies() == []
        dataset = emulator.store(an_instance())

        stale = emulator.get("/studies")
        fresh = emulator.search_studies(PatientID=dataset.PatientID)

        assert stale.status == 204
        assert stale.headers["x-azdicom-source"] == "fault"
        assert len(fresh) == 1, "this was never asked before"

    def test_stale_read_ends(self, faulty: FaultyEmulator) -> None:
        """§14. No time at all has passed."""
        emulator = faulty("- {route: GET /studies, do: {stale_read: 0s}}")
        assert emulator.search_studies() == []
        emulator.store(an_instance())

        assert len(emulator.search_studies()) == 1

    def test_slow_operation_runs_for_some_polls(self, faulty: FaultyEmulator) -> None:
        """§14; azure-apis §2: 202 with Location while it runs."""
        emulator = faulty("- {route: GET /operations/*, do: {slow_operation: {polls: 2}}}")
        started = emulator.post(
            "/extendedquerytags",
            json.dumps([{"path": "00081010", "level": "Series"}]).encode(),
            content_type="application/json",
        )
        path = f"/operations/{started.json()['id']}"
        answers = [emulator.get(path) for _ in range(2)]
        while (answer := emulator.get(path)).status == 202:
            answers.append(answer)

        assert all(each.json()["status"] in ("notStarted", "running") for each in answers)
        assert all(each.headers["Location"].endswith(path) for each in answers)
        assert [each.headers["x-azdicom-fault"] for each in answers[-2:]] == ["rule-1"] * 2
        assert (answer.json()["status"], answer.headers["x-azdicom-fault"]) == ("succeeded", None)

    def test_slow_operation_leaves_other_answers_alone(self, faulty: FaultyEmulator) -> None:
        """Own design: a route that matches and has no operation in it is no firing."""
        answer = seen(faulty("- do: {slow_operation: {for: 5s}}"), "GET", FEED)

        assert (answer.status, answer.body, answer.header("x-azdicom-source")) == (200, b"[]", None)


class TestTogether:
    def test_delay_corruption_and_cut_in_one_rule(self, faulty: FaultyEmulator) -> None:
        """Own design: what changes the real answer goes together."""
        emulator = faulty("- {route: GET /studies/**, do: {delay: 40ms, corrupt: {at: 0}, truncate: 10}}")
        target, file = stored_file(emulator, 1_000)

        answer = retrieved(emulator, target)

        assert answer.arrivals[0][0] >= WAIT_S
        assert answer.body == bytes([file[0] ^ 0xFF]) + file[1:10]
        assert answer.declared_length == len(file)

    def test_the_connection_serves_the_next_request(self, faulty: FaultyEmulator) -> None:
        """RFC 9112 §9.3: an answer that is whole keeps the connection."""
        emulator = faulty("- {route: GET /changefeed, do: {dribble: {chunks: 2, over: 10ms}}}")
        connection = http.client.HTTPConnection(*emulator.address, timeout=10)
        for target in (FEED, TAGS, FEED):
            connection.request("GET", target)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"[]")
        connection.close()


def test_a_captured_answer_keeps_the_connection_too(faulty: FaultyEmulator) -> None:
    """RFC 9112 §9.3."""
    emulator = faulty("- {route: GET /studies/**, do: {corrupt: {at: 0}}}")
    dataset = emulator.store(an_instance())
    connection = http.client.HTTPConnection(*emulator.address, timeout=10)
    for _ in range(2):
        connection.request("GET", f"/v2{study_path(dataset)}/metadata", headers={"Accept": DICOM_JSON})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read()[:1] == bytes([ord("[") ^ 0xFF])
    connection.close()
