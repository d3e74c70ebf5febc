"""What a fault rule does to an exchange: one frozen value for each action (record-replay §14)."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from random import Random


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of bytes or instances, or a share of all of them. percent: whether `value` is of a hundred."""

    value: float
    is_percent: bool = False

    def of(self, total: int) -> int:
        """At most `total`, rounded down."""
        return min(total, int(total * self.value / 100 if self.is_percent else self.value))


@dataclass(frozen=True, slots=True)
class FixedDelay:
    seconds: float

    def sample(self, random: Random) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class UniformDelay:
    """Between two bounds, in seconds."""

    low: float
    high: float

    def sample(self, random: Random) -> float:
        return random.uniform(self.low, self.high)


@dataclass(frozen=True, slots=True)
class LognormalDelay:
    """What latencies look like: half of them below `median` seconds, and a long tail that `sigma` stretches."""

    median: float
    sigma: float

    def sample(self, random: Random) -> float:
        return random.lognormvariate(math.log(self.median), self.sigma)


Delay = FixedDelay | UniformDelay | LognormalDelay


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The header of a refusal, as seconds or as the date that they lead to (RFC 9110 §10.2.3)."""

    seconds: float
    is_date: bool = False

    def value(self) -> str:
        if not self.is_date:
            return str(math.ceil(self.seconds))
        return format_datetime(datetime.now(UTC) + timedelta(seconds=self.seconds), usegmt=True)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in place of the real one."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: RetryAfter | None = None
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Dribble:
    """The body in `chunks` pieces of about equal size, spread over `seconds`."""

    chunks: int
    seconds: float


class Corruption(StrEnum):
    BYTES = "bytes"
    BOUNDARY = "boundary"
    TRANSFER_SYNTAX = "transfer-syntax"


@dataclass(frozen=True, slots=True)
class Corrupt:
    """at, count: which bytes of the body are flipped."""

    what: Corruption
    at: Amount = Amount(0)
    count: int = 1


@dataclass(frozen=True, slots=True)
class PartialStore:
    """The first `fail` instances of a store fail with FailureReason (0008,1197) `reason`."""

    fail: Amount
    reason: int


@dataclass(frozen=True, slots=True)
class SlowOperation:
    """How long an operation that has ended looks as if it were running: some polls, or some seconds from the first."""

    polls: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """All that one rule does. At most one of `ending`; the loader sees to it that what is combined goes together."""

    delay: Delay | None = None

    status: Refusal | None = None
    reset: bool = False
    hang: bool = False
    empty: bool = False

    rate: float | None = None
    """Bytes a second."""
    dribble: Dribble | None = None
    truncate: Amount | None = None

    corrupt: Corrupt | None = None
    partial_store: PartialStore | None = None
    stale_read: float | None = None
    """Seconds after a write."""
    slow_operation: SlowOperation | None = None

    @property
    def is_ending(self) -> bool:
        """Whether the client never gets the real answer."""
        return self.status is not None or self.reset or self.hang or self.empty

    @property
    def is_shaping(self) -> bool:
        """Whether the real answer's bytes come late or not all."""
        return self.rate is not None or self.dribble is not None or self.truncate is not None
