"""Keeps a data lake view up to date: a follower of the change feed adds files, the store's remover takes them away."""

import asyncio
import logging
from contextlib import suppress

from azdicom_emulator.datalake.tree import LakeTree
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.records import Change, ChangeAction

log = logging.getLogger(__name__)

HEALTH_CHECK_EVERY_S = 30.0


class LakeView:
    """A consumer of the change feed. `start()` begins the rebuild in the background; `await close()`."""

    name = "data-lake-view"

    def __init__(self, files: FileStore, tree: LakeTree) -> None:
        self._files = files
        self._tree = tree
        self._tasks: list[asyncio.Task[None]] = []
        # Not by the feed, which does not say which version another one replaced.
        files.on_removed = tree.remove

    def start(self) -> None:
        self._tasks = [asyncio.ensure_future(self._rebuild()), asyncio.ensure_future(self._tell_health())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def lane(self, change: Change) -> str:
        return ""

    async def take(self, change: Change) -> None:
        if change.action is not ChangeAction.DELETE:
            await asyncio.to_thread(self._tree.add, self._files, change.key, change.watermark)

    async def reset(self) -> None:
        """The store removes the files of what is gone, and with them those of the view."""

    async def _rebuild(self) -> None:
        try:
            added, removed = await asyncio.to_thread(self._tree.rebuild, self._files)
        except OSError as error:
            log.warning("the data lake view could not be brought up to date: %s", error)
            return
        if added or removed:
            log.info("data lake view: %d files added, %d removed", added, removed)

    async def _tell_health(self) -> None:
        while True:
            with suppress(OSError):
                await asyncio.to_thread(self._tree.write_health_check)
            await asyncio.sleep(HEALTH_CHECK_EVERY_S)
