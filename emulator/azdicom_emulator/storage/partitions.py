"""The partitions of the index, held in memory: a name is looked up in every request (azure-apis §5)."""

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.errors import UnknownPartitionError
from azdicom_emulator.storage.records import InstanceKey, Partition
from azdicom_emulator.storage.times import from_column

SELECT_PARTITIONS = "SELECT partition_key, name, created_at FROM partitions ORDER BY partition_key"


class Partitions:
    """Names compare without case. Only the writer thread adds; all other methods may be called in any thread."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._by_key: dict[int, Partition] = {}
        self._by_name: dict[str, Partition] = {}
        for key, name, created_at in connection.execute(SELECT_PARTITIONS).fetchall():
            self.add(Partition(key, name, from_column(created_at)))

    def forget_others(self, name: str) -> None:
        """All partitions but the one of this name are gone."""
        kept = self._by_name[name.casefold()]
        self._by_key = {kept.key: kept}
        self._by_name = {name.casefold(): kept}

    def all(self) -> list[Partition]:
        """By key."""
        return list(self._by_key.values())

    def find(self, name: str) -> Partition | None:
        return self._by_name.get(name.casefold())

    def key_of(self, name: str) -> int:
        """Raises UnknownPartitionError."""
        found = self.find(name)
        if found is None:
            raise UnknownPartitionError(name)
        return found.key

    def identity(self, key: InstanceKey) -> tuple[int, str, str, str]:
        """`key` as the columns of the index have it. Raises UnknownPartitionError."""
        return self.key_of(key.partition), key.study, key.series, key.instance

    def name_of(self, key: int) -> str:
        return self._by_key[key].name

    def add(self, partition: Partition) -> None:
        self._by_key[partition.key] = partition
        self._by_name[partition.name.casefold()] = partition
