"""The threads that read DuckDB, each with a cursor of its own."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock, local
from typing import TypeVar

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.errors import OverloadedError

Result = TypeVar("Result")
Query = Callable[[DuckDBPyConnection], Result]

MAX_QUERIES = 1_000


class Readers:
    """All methods but `close` return at once and may be called in any thread."""

    def __init__(self, connection: DuckDBPyConnection, threads: int) -> None:
        self._connection = connection
        self._own = local()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="index-reader")
        self._waiting = 0

    def submit(self, query: Query[Result]) -> Future[Result]:
        """Runs `query` in a reader thread. Raises OverloadedError."""
        with self._lock:
            if self._waiting >= MAX_QUERIES:
                raise OverloadedError
            self._waiting += 1
        future = self._pool.submit(self._run, query)
        future.add_done_callback(self._done)
        return future

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _run(self, query: Query[Result]) -> Result:
        cursor: DuckDBPyConnection | None = getattr(self._own, "cursor", None)
        if cursor is None:
            with self._lock:
                cursor = self._own.cursor = self._connection.cursor()
        return query(cursor)

    def _done(self, _: Future[Result]) -> None:
        with self._lock:
            self._waiting -= 1
