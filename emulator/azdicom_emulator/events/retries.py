"""When an event that was not taken is sent again, and when it is given up (async §6.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

SCHEDULE_S = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)
"""Waits after the first, second, … attempt; the last one repeats. Of Event Grid, without its random part."""
SEED_SCHEDULE_S = (1.0, 2.0, 4.0, 8.0, 10.0)
LEAST_WAITS_S: Mapping[int, float] = {400: 300, 401: 300, 403: 300, 404: 300, 408: 120, 413: 10, 503: 30}
"""By status of the answer."""
GIVEN_UP_AT_ONCE = (400, 413)
"""Where there is a place for dead letters."""

MAX_ATTEMPTS = "MaxDeliveryAttemptsExceeded"
TIME_TO_LIVE = "TimeToLiveExceeded"


class DeliveryError(Exception):
    """A sink did not take an event. outcome: in the words of Event Grid, such as `NotFound`. status: of HTTP."""

    def __init__(self, outcome: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.status = status


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """attempts: how many there are at most. scale: factor of all waits. ttl_s: age at which an event is given up."""

    schedule_s: tuple[float, ...] = SCHEDULE_S
    attempts: int = 30
    scale: float = 1.0
    ttl_s: float = 86_400.0
    has_dead_letters: bool = False

    def wait_s(self, attempts: int, error: DeliveryError) -> float:
        """How long to wait after this many attempts (≥ 1), the last of which ended with `error`."""
        scheduled = self.schedule_s[min(attempts, len(self.schedule_s)) - 1]
        return self.scale * max(scheduled, LEAST_WAITS_S.get(error.status or 0, 0.0))

    def reason_to_give_up(self, attempts: int, age_s: float, error: DeliveryError) -> str | None:
        """None: it is worth another attempt."""
        if attempts >= self.attempts or (self.has_dead_letters and error.status in GIVEN_UP_AT_ONCE):
            return MAX_ATTEMPTS
        return TIME_TO_LIVE if age_s >= self.ttl_s else None
