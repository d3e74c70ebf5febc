"""What rules remember between exchanges: answers from before the last write, and how often operations were polled."""

import time
from collections import OrderedDict
from collections.abc import Hashable

from azdicom_emulator.faults.actions import SlowOperation
from azdicom_emulator.faults.http_message import Message

KEPT_ANSWERS = 256
KEPT_ANSWER_BYTES = 1024 * 1024
KEPT_OPERATIONS = 1_000


class EarlierAnswers:
    """The last answer to each request as it was before the last write. Bounded: the oldest go first."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, Message] = OrderedDict()
        self._written_at = float("-inf")

    def wrote(self) -> None:
        """A write was carried out."""
        self._written_at = time.monotonic()

    def is_stale(self, seconds: float) -> bool:
        """Whether the last write is so recent."""
        return time.monotonic() - self._written_at < seconds

    def find(self, request: Hashable) -> Message | None:
        return self._answers.get(request)

    def remember(self, request: Hashable, answer: Message) -> None:
        if len(answer.body) > KEPT_ANSWER_BYTES:
            return
        self._answers[request] = answer
        self._answers.move_to_end(request)
        if len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)


class OperationViews:
    """How often, and since when, each operation was looked at."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def looks_running(self, operation: str, slow: SlowOperation) -> bool:
        """Counts one more poll; whether it is still to be told that the operation runs."""
        now = time.monotonic()
        count, since = self._views.get(operation, (0, now))
        self._views[operation] = count + 1, since
        if len(self._views) > KEPT_OPERATIONS:
            self._views.popitem(last=False)
        if slow.polls is not None:
            return count < slow.polls
        return slow.seconds is not None and now - since < slow.seconds
