"""Times in the index: naive TIMESTAMP columns in UTC, aware datetimes everywhere else."""

from datetime import UTC, datetime


def to_column(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def from_column(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
