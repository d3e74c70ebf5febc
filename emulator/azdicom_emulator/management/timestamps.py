"""Times as the service's own APIs write them: UTC, trailing zeros of the fraction cut (azure-apis §0)."""

from datetime import datetime


def with_offset(at: datetime) -> str:
    """`2023-05-03T10:58:00.123456+00:00`, of the change feed and of partitions."""
    return f"{without_zone(at)}+00:00"


def with_z(at: datetime) -> str:
    """`2023-05-03T10:58:00.123456Z`, of operations."""
    return f"{without_zone(at)}Z"


def without_zone(at: datetime) -> str:
    """`2023-05-03T10:58:00.123456`, of the errors of extended query tags. at: in UTC."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds").rstrip("0").rstrip(".")
