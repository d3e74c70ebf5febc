"""Extended query tags in the index, without HTTP: what a failing transaction and an older index leave."""

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from azdicom_emulator.dicom.tag_values import TagRules
from azdicom_emulator.storage.errors import OperationActiveError
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationType
from azdicom_emulator.storage.query_tags import Level, QueryTag
from azdicom_emulator.storage.schema import STEPS
from azdicom_emulator.storage.tag_readings import columns_of, read_tags
from azdicom_emulator.storage.writer import Mutation
from tests.storage.stores import opened, row, store

AGE = QueryTag(tag=0x00101010, keyword="PatientAge", vr="AS", level=Level.STUDY)


def an_operation(at: datetime, operation_id: str = "0" * 32) -> Operation:
    return Operation(id=operation_id, type=OperationType.REINDEX, created_at=at, updated_at=at, percent=0)


def test_a_failing_transaction_leaves_tags_and_operations_as_they_were(tmp_path: Path) -> None:
    """Own design: what is held in memory is what DuckDB has."""

    def add_and_fail(mutations: Mutations, at: datetime) -> None:
        with mutations.transaction():
            mutations.operations.add(an_operation(at))
            mutations.tags.add([AGE], "0" * 32, 128)
            raise ValueError("no")

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            with pytest.raises(ValueError, match="no"):
                await index.write(add_and_fail)
            assert index.query_tags == ()
            assert index.operations.active() == []
            assert await row(index, "SELECT (SELECT count(*) FROM query_tags), (SELECT count(*) FROM operations)") == (
                0,
                0,
            )

    asyncio.run(scenario())


def test_only_one_operation_of_a_type_is_active(tmp_path: Path) -> None:
    """Service source (azure-apis §2)."""

    def add(operation_id: str) -> Mutation[Operation]:
        def mutation(mutations: Mutations, at: datetime) -> Operation:
            with mutations.transaction():
                return mutations.operations.add(an_operation(at, operation_id))

        return mutation

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.write(add("a" * 32))
            with pytest.raises(OperationActiveError) as refused:
                await index.write(add("b" * 32))
            assert refused.value.operation_id == "a" * 32

    asyncio.run(scenario())


def test_an_index_without_tags_is_brought_up_to_date(tmp_path: Path) -> None:
    """storage/schema.py: step 2, for a file that step 1 made."""
    with duckdb.connect(tmp_path / "index.duckdb") as connection:
        connection.execute(STEPS[0])
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        connection.execute("INSERT INTO schema_version VALUES (1)")

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
            assert index.query_tags == ()
            assert await row(index, "SELECT max(version) FROM schema_version") == (len(STEPS),)

    asyncio.run(scenario())


def test_readings_are_values_and_errors_by_key() -> None:
    """Azure-apis §1.9: what is absent is in neither."""
    tags = [
        replace(AGE, key=1),
        replace(AGE, key=2, tag=0x00081010, vr="SH"),
        replace(AGE, key=3, tag=0x00200011, vr="IS"),
    ]
    metadata = b'{"00081010":{"vr":"SH","Value":["a"]},"00101010":{"vr":"AS","Value":["1Y"]}}'
    readings = read_tags(metadata, tags, TagRules())

    assert (readings.values, readings.errors) == (((2, "a"),), ((1, 3),))


@pytest.mark.parametrize(
    ("vr", "value", "columns"),
    [
        ("LO", "Café \0", ("café", None, None)),
        ("PN", "Hall^Tá", ("hall^ta", " hall ta", None)),
        ("UI", "1.2", ("1.2", None, None)),
        ("DA", "20200101", ("20200101", None, None)),
        ("IS", 7, (None, None, 7.0)),
        ("FD", 1.5, (None, None, 1.5)),
    ],
)
def test_values_are_kept_as_they_are_compared(vr: str, value: str | int | float, columns: tuple[object, ...]) -> None:
    """Search §5.5."""
    assert columns_of(vr, value) == columns
