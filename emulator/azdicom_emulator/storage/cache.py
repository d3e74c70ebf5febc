"""A bounded map from identity to stored version, so that retrieving does not ask DuckDB."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from azdicom_emulator.storage.records import InstanceKey, StoredInstance


class InstanceCache:
    """Least recently used goes first. All methods may be called in any thread.

    A look-up in DuckDB can overlap with a delete and come back with what is gone: who looks up takes `generation` first
    and hands it to `remember`, which drops the find if anything was deleted or replaced since.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._known: OrderedDict[InstanceKey, StoredInstance] = OrderedDict()
        self._lock = Lock()
        self._generation = 0

    @property
    def generation(self) -> int:
        return self._generation

    def get(self, key: InstanceKey) -> StoredInstance | None:
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def put(self, instance: StoredInstance, *, replaces: bool = False) -> None:
        """Takes up a version that is being committed."""
        with self._lock:
            self._generation += replaces
            self._add(instance)

    def switch(self, versions: Iterable[StoredInstance]) -> None:
        """Takes up versions that replace others, all at once: nobody sees one of them new and another old."""
        with self._lock:
            self._generation += 1
            for instance in versions:
                self._add(instance)

    def remember(self, found: Iterable[StoredInstance], generation: int) -> None:
        """Takes up what a look-up found that began at `generation`."""
        with self._lock:
            if generation == self._generation:
                for instance in found:
                    self._add(instance)

    def drop(self, gone: Iterable[StoredInstance]) -> None:
        """Forgets these versions; a newer version of the same instance stays."""
        with self._lock:
            self._generation += 1
            for instance in gone:
                known = self._known.get(instance.key)
                if known is not None and known.watermark == instance.watermark:
                    del self._known[instance.key]

    def _add(self, instance: StoredInstance) -> None:
        self._known[instance.key] = instance
        self._known.move_to_end(instance.key)
        if len(self._known) > self._entries:
            self._known.popitem(last=False)
