"""Who is subscribed to which workitems: AE by AE, for single workitems and for the whole worklist (PS3.4 §CC.2.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

SELECT_STANDING = """
    SELECT partition_key, ae_title, target, deletion_lock, filter, is_suspended
    FROM standing_subscriptions
    ORDER BY partition_key, ae_title, target
"""
DELETE_STANDING = """
    DELETE FROM standing_subscriptions
    WHERE partition_key = $partition AND ae_title = $ae_title AND target = coalesce($target, target)
"""
INSERT_STANDING = "INSERT INTO standing_subscriptions VALUES (?, ?, ?, ?, ?, ?)"
SUSPEND = """
    UPDATE standing_subscriptions SET is_suspended = true
    WHERE partition_key = ? AND ae_title = ? AND target = ?
    RETURNING target
"""
SELECT_SUBSCRIBERS = """
    SELECT ae_title FROM workitem_subscriptions WHERE workitem_key = ? AND is_subscribed ORDER BY ae_title
"""
SELECT_OF_AE = """
    SELECT workitem_key, is_subscribed, is_own FROM workitem_subscriptions WHERE partition_key = ? AND ae_title = ?
"""
DELETE_OF_AE = "DELETE FROM workitem_subscriptions WHERE partition_key = ? AND ae_title = ?"
DELETE_SOME_OF_AE = """
    DELETE FROM workitem_subscriptions
    WHERE partition_key = $partition AND ae_title = $ae_title AND workitem_key IN (SELECT unnest($keys::BIGINT[]))
"""
INSERT_SUBSCRIPTIONS = """
    INSERT INTO workitem_subscriptions (partition_key, ae_title, workitem_key, deletion_lock, is_subscribed, is_own)
    SELECT $partition, $ae_title, unnest($keys::BIGINT[]), $deletion_lock, $is_subscribed, $is_own
"""
IS_KNOWN = """
    SELECT EXISTS (SELECT 1 FROM standing_subscriptions WHERE partition_key = $partition AND ae_title = $ae_title)
        OR EXISTS (SELECT 1 FROM workitem_subscriptions WHERE partition_key = $partition AND ae_title = $ae_title)
"""
SELECT_LIST = """
    SELECT ae_title, target, deletion_lock, filter, is_suspended
    FROM standing_subscriptions
    WHERE partition_key = $partition
    UNION ALL
    SELECT ae_title, workitem_uid, deletion_lock, NULL, false
    FROM workitem_subscriptions AS subscription JOIN workitems USING (workitem_key)
    WHERE subscription.partition_key = $partition AND is_own AND is_subscribed
    ORDER BY ae_title, target
"""


@dataclass(frozen=True, slots=True)
class StandingSubscription:
    """Of an AE to all workitems of a partition, or to those that its filter matches, future ones included.

    target: the well-known UID that stands for all workitems or for all that a filter matches. filter: as the client
    wrote it, None without one. A suspended one takes no new workitems.
    """

    partition_key: int
    ae_title: str
    target: str
    deletion_lock: bool
    filter: str | None = None
    is_suspended: bool = False


@dataclass(frozen=True, slots=True)
class ListedSubscription:
    """What an AE asked for itself: a standing subscription, or one to the workitem `target`."""

    ae_title: str
    target: str
    deletion_lock: bool
    filter: str | None
    is_suspended: bool


class Subscriptions:
    """Owned by the writer thread; what changes something belongs into a transaction.

    A subscription to a workitem is the AE's own, or follows from a standing one; its own one wins, also when it says
    that the AE is not subscribed.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection

    def standing(self, partition_key: int) -> list[StandingSubscription]:
        """Those that take new workitems."""
        rows = self._connection.execute(SELECT_STANDING).fetchall()
        found = [StandingSubscription(*row) for row in rows]
        return [each for each in found if each.partition_key == partition_key and not each.is_suspended]

    def subscribers(self, workitem_key: int) -> list[str]:
        """AE titles."""
        return [row[0] for row in self._connection.execute(SELECT_SUBSCRIBERS, [workitem_key]).fetchall()]

    def is_known(self, partition_key: int, ae_title: str) -> bool:
        """Whether the AE ever subscribed, and did not take everything back."""
        row = self._connection.execute(IS_KNOWN, {"partition": partition_key, "ae_title": ae_title}).fetchone()
        return row is not None and bool(row[0])

    def set_own(
        self, partition_key: int, ae_title: str, workitem_key: int, *, is_subscribed: bool, deletion_lock: bool = False
    ) -> None:
        """What the AE wants of this one workitem."""
        self._replace(
            partition_key,
            ae_title,
            [workitem_key],
            deletion_lock=deletion_lock,
            is_subscribed=is_subscribed,
            is_own=True,
        )

    def stand(self, subscription: StandingSubscription, workitem_keys: Iterable[int]) -> tuple[list[int], list[int]]:
        """Sets a standing subscription. workitem_keys: the existing workitems that it takes.

        Returns those of them that the AE is subscribed to now by it, and among these those that it was not before.
        """
        partition_key, ae_title = subscription.partition_key, subscription.ae_title
        self._delete_standing(partition_key, ae_title, subscription.target)
        self._connection.execute(
            INSERT_STANDING,
            [
                partition_key,
                ae_title,
                subscription.target,
                subscription.deletion_lock,
                subscription.filter,
                subscription.is_suspended,
            ],
        )
        rows = self._connection.execute(SELECT_OF_AE, [partition_key, ae_title]).fetchall()
        own = {key for key, _, is_own in rows if is_own}
        before = {key for key, is_subscribed, _ in rows if is_subscribed}
        taken = [key for key in workitem_keys if key not in own]
        self.take(subscription, taken)
        return taken, [key for key in taken if key not in before]

    def take(self, subscription: StandingSubscription, workitem_keys: list[int]) -> None:
        """Subscribes the AE to these workitems, as its standing subscription says."""
        self._replace(
            subscription.partition_key,
            subscription.ae_title,
            workitem_keys,
            deletion_lock=subscription.deletion_lock,
            is_subscribed=True,
            is_own=False,
        )

    def suspend(self, partition_key: int, ae_title: str, target: str) -> bool:
        """Whether there is such a standing subscription."""
        return bool(self._connection.execute(SUSPEND, [partition_key, ae_title, target]).fetchall())

    def remove_all(self, partition_key: int, ae_title: str, target: str | None) -> None:
        """Ends all subscriptions to single workitems, and the standing one to `target`; None: all standing ones."""
        self._delete_standing(partition_key, ae_title, target)
        self._connection.execute(DELETE_OF_AE, [partition_key, ae_title])

    def _delete_standing(self, partition_key: int, ae_title: str, target: str | None) -> None:
        parameters = {"partition": partition_key, "ae_title": ae_title, "target": target}
        self._connection.execute(DELETE_STANDING, parameters)

    def _replace(
        self,
        partition_key: int,
        ae_title: str,
        keys: list[int],
        *,
        deletion_lock: bool,
        is_subscribed: bool,
        is_own: bool,
    ) -> None:
        which: dict[str, Any] = {"partition": partition_key, "ae_title": ae_title, "keys": keys}
        self._connection.execute(DELETE_SOME_OF_AE, which)
        flags = {"deletion_lock": deletion_lock, "is_subscribed": is_subscribed, "is_own": is_own}
        self._connection.execute(INSERT_SUBSCRIPTIONS, which | flags)


def list_subscriptions(connection: DuckDBPyConnection, partition_key: int) -> list[ListedSubscription]:
    """By AE title and target. Runs in a reader thread."""
    rows = connection.execute(SELECT_LIST, {"partition": partition_key}).fetchall()
    return [ListedSubscription(*row) for row in rows]
