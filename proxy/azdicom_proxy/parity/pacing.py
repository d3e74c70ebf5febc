"""When the comparison may work: while clients are served it takes a small share of the time, else all of it."""

import asyncio
import time

QUIET_S = 0.005
"""Without a request for so long, nobody waits for the proxy."""
SHARE = 9
"""Of the time that a comparison took: how long clients come first."""
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5


class Pace:
    """Threads of one process share an interpreter: a comparison beside a client's exchange would slow that down.

    `enter` and `leave` are called around each exchange, on the clients' loop; `turn` and `took` on another.
    """

    def __init__(self) -> None:
        self._active = 0
        self._left_at = 0.0
        self._resume_at = 0.0

    def enter(self) -> None:
        self._active += 1

    def leave(self) -> None:
        self._active -= 1
        self._left_at = time.perf_counter()

    async def turn(self) -> None:
        """Returns when nobody is being served, or has been for long enough since the last turn. One waits at a time."""
        # A look now and then: a signal for each exchange would cost the client more than this costs the comparison.
        while not self._is_quiet() and (left := self._resume_at - time.perf_counter()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, QUIET_S))
        self._pause(SHORTEST_PAUSE_S)

    def took(self, seconds: float) -> None:
        """A comparison lasted so long."""
        self._pause(min(seconds * SHARE, LONGEST_PAUSE_S))

    def _pause(self, seconds: float) -> None:
        self._resume_at = max(self._resume_at, time.perf_counter() + seconds)

    def _is_quiet(self) -> bool:
        return not self._active and time.perf_counter() - self._left_at > QUIET_S
