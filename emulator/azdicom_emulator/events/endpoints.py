"""Events in the admin API and its metrics: how far each sink has come, and handshakes that are completed by hand."""

from collections.abc import Callable, Mapping

from aiohttp import web

from azdicom_emulator.admin.api import Endpoint
from azdicom_emulator.admin.metrics import Gauge
from azdicom_emulator.admin.problems import ProblemError, json_answer
from azdicom_emulator.events.envelopes import event_time
from azdicom_emulator.events.publisher import Publisher
from azdicom_emulator.events.publishers import VALIDATION, Publishers
from azdicom_emulator.events.webhook import WebhookSink
from azdicom_emulator.following.follower import Follower
from azdicom_emulator.following.followers import Followers

Values = Mapping[tuple[tuple[str, str], ...], float]


def event_endpoints(followers: Callable[[], Followers], publishers: Callable[[], Publishers]) -> tuple[Endpoint, ...]:
    async def show(request: web.BaseRequest) -> web.Response:
        return json_answer({"sinks": [_described(*each) for each in _sinks(followers())]})

    async def validate(request: web.BaseRequest, name: str, code: str) -> web.Response:
        publisher = publishers().named(name)
        if publisher is None or not isinstance(publisher.sink, WebhookSink) or not publisher.sink.complete(code):
            raise ProblemError(404, "there is no handshake with this code")
        return json_answer({"status": "validated"})

    return Endpoint("GET", "events", show), Endpoint("GET", VALIDATION, validate)


def event_gauges(followers: Callable[[], Followers]) -> tuple[Gauge, ...]:
    def by_sink(value: Callable[[Follower, Publisher], float]) -> Callable[[], Values]:
        return lambda: {(("sink", each.name),): value(follower, each) for follower, each in _sinks(followers())}

    return (
        Gauge(
            "azdicom_events_pending",
            "Changes whose event is not delivered.",
            by_sink(lambda follower, _: follower.progress.pending),
        ),
        Gauge(
            "azdicom_events_delivered_total",
            "Events that their sink took.",
            by_sink(lambda _, publisher: publisher.tally.delivered),
            "counter",
        ),
        Gauge(
            "azdicom_event_failures_total",
            "Attempts to deliver an event that failed.",
            by_sink(lambda _, publisher: publisher.tally.failed_attempts),
            "counter",
        ),
        Gauge(
            "azdicom_events_given_up_total",
            "Events that were never delivered.",
            by_sink(lambda _, publisher: publisher.tally.given_up),
            "counter",
        ),
    )


def _sinks(followers: Followers) -> list[tuple[Follower, Publisher]]:
    return [(each, each.consumer) for each in followers.all if isinstance(each.consumer, Publisher)]


def _described(follower: Follower, publisher: Publisher) -> dict[str, object]:
    tally, progress = publisher.tally, follower.progress
    return {
        "name": publisher.name,
        "type": publisher.provider.type,
        "schema": publisher.provider.schema,
        "position": progress.position,
        "pending": progress.pending,
        "delivered": tally.delivered,
        "failures": tally.failed_attempts,
        "givenUp": tally.given_up,
        "lastError": tally.last_error,
        "lastErrorTime": event_time(tally.failed_at) if tally.failed_at is not None else None,
    }
