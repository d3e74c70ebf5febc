"""Who is storing which instance right now, and the watermark that each store gets."""

from collections.abc import Callable
from threading import Condition
from typing import Self

from azdicom_emulator.storage.errors import InstancePendingError
from azdicom_emulator.storage.records import InstanceKey, StoredInstance


class Claim:
    """The right to store one version of an instance; nobody else can claim the instance until it is released.

    watermark: what the new version is called. replaced: the version that it will replace.
    `Index.commit` releases it. Released without a commit, the files written under it are removed.
    """

    def __init__(self, key: InstanceKey, watermark: int, abandon: Callable[["Claim"], None]) -> None:
        self.key = key
        self.watermark = watermark
        self.replaced: StoredInstance | None = None
        self.is_settled = False
        self._abandon: Callable[[Claim], None] | None = abandon

    def release(self) -> None:
        """Gives the claim back, if that was not done before. Blocks for the removal of files: a thread's work."""
        abandon, self._abandon = self._abandon, None
        if abandon is not None:
            abandon(self)

    def committed(self) -> None:
        self._abandon = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


class Claims:
    """The claims of the process. All methods may be called in any thread."""

    def __init__(self, last_watermark: int) -> None:
        self._held: dict[InstanceKey, Claim] = {}
        self._changed = Condition()
        self._last_watermark = last_watermark

    def acquire(self, key: InstanceKey, abandon: Callable[[Claim], None]) -> Claim:
        """A claim that is not settled yet: whether the instance exists is still to be found out.

        Waits while another claim of the instance is not settled; raises InstancePendingError when it is.
        """
        with self._changed:
            while (other := self._held.get(key)) is not None:
                if other.is_settled:
                    raise InstancePendingError(key)
                self._changed.wait()
            self._last_watermark += 1
            claim = self._held[key] = Claim(key, self._last_watermark, abandon)
            return claim

    def settle(self, claim: Claim, replaced: StoredInstance | None) -> None:
        """From now on the claim stands for a store in progress."""
        with self._changed:
            claim.replaced = replaced
            claim.is_settled = True
            self._changed.notify_all()

    def forget(self, claim: Claim) -> None:
        with self._changed:
            if self._held.get(claim.key) is claim:
                del self._held[claim.key]
                self._changed.notify_all()
