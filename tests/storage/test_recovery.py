"""What a killed process leaves: nothing acknowledged is lost, nothing half done is seen."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from azdicom_emulator.storage.records import ChangeWindow
from tests.storage.stores import KEY, files_below, opened, row, sibling, store

# Each program stores instance "0" fully, then ends itself at the point that its name tells.
KILL_BETWEEN_FILES_AND_JOURNAL = """
    claim_and_write(index, sibling("1"))
    kill()
"""
KILL_BETWEEN_JOURNAL_AND_DUCKDB = """
    await store(index, sibling("1"))
    kill()
"""
KILL_BETWEEN_DUCKDB_AND_THE_END_OF_THE_JOURNAL = """
    index._journal.applied = lambda segment: kill()
    await store(index, sibling("1"))
    await index.instances(KEY.partition, KEY.study)
"""
PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from azdicom_emulator.storage.index import Durability, Index
from tests.storage.stores import KEY, claim_and_write, sibling, store

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    index = Index.open(Path(sys.argv[1]), durability=Durability(sys.argv[2]))
    await store(index, sibling("0"))
    await index.instances(KEY.partition, KEY.study)
{body}

asyncio.run(main())
"""


def run(body: str, folder: Path, durability: str = "process") -> int:
    """The exit code of the program; negative: the signal that ended it."""
    command = [sys.executable, "-c", PROGRAM.format(body=body), str(folder), durability]
    return subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60, check=False).returncode


def run_until_killed(body: str, folder: Path, durability: str = "process") -> None:
    assert run(body, folder, durability) == -signal.SIGKILL


def instance_files(folder: Path) -> set[str]:
    return files_below(folder / "dicom/Microsoft.Default/1.2/1.2.3")


@pytest.mark.parametrize("durability", ["process", "full"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(KILL_BETWEEN_JOURNAL_AND_DUCKDB, id="before DuckDB has it"),
        pytest.param(KILL_BETWEEN_DUCKDB_AND_THE_END_OF_THE_JOURNAL, id="when DuckDB and the journal have it"),
    ],
)
def test_an_acknowledged_store_survives_a_kill(tmp_path: Path, body: str, durability: str) -> None:
    """docs/architecture.md: acknowledged means it survives `kill -9`, and is counted once."""
    run_until_killed(body, tmp_path, durability)

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            found = await index.instances(KEY.partition, KEY.study)
            assert [(stored.key.instance, stored.watermark) for stored in found] == [("0", 1), ("1", 2)]
            changes = await index.changes(ChangeWindow())
            assert [(change.sequence, change.watermark) for change in changes] == [(1, 1), (2, 2)]
            assert await row(index, "SELECT count(*) FROM studies") == (1,)
            assert (await store(index, sibling("2"))).watermark == 3
        assert instance_files(tmp_path) == {f"{n}/{n + 1}.{kind}" for n in range(3) for kind in ("dcm", "json")}

    asyncio.run(scenario())


def test_files_without_a_journal_line_are_not_seen_and_are_swept(tmp_path: Path) -> None:
    """docs/architecture.md: a crash between files and journal leaves nothing that is visible, and no files for long."""
    run_until_killed(KILL_BETWEEN_FILES_AND_JOURNAL, tmp_path)
    assert instance_files(tmp_path) == {"0/1.dcm", "0/1.json", "1/2.dcm", "1/2.json"}

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            assert await index.instance(sibling("1")) is None
            assert len(await index.instances(KEY.partition, KEY.study)) == 1
            await index.swept()
            assert instance_files(tmp_path) == {"0/1.dcm", "0/1.json"}

    asyncio.run(scenario())


def test_the_identity_of_orphaned_files_can_be_stored_at_once(tmp_path: Path) -> None:
    """store §9: a store that was never acknowledged is taken over by the next one."""
    run_until_killed(KILL_BETWEEN_FILES_AND_JOURNAL, tmp_path)

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            stored = await store(index, sibling("1"))
            await index.swept()
            assert await index.instance(sibling("1")) == stored
            # The sweep may have taken the watermark that comes next, for the claim under which it looks.
            version = f"1/{stored.watermark}"
            assert instance_files(tmp_path) == {"0/1.dcm", "0/1.json", f"{version}.dcm", f"{version}.json"}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "torn",
    [
        pytest.param(b'{"at":"2024-01-01T00:00:00+00:00","new":{"sto', id="half a line"),
        pytest.param(b"\0" * 100, id="zeros"),
    ],
)
def test_a_torn_journal_line_is_ignored(tmp_path: Path, torn: bytes) -> None:
    """docs/architecture.md: a line that is not whole was never acknowledged."""
    run_until_killed(KILL_BETWEEN_JOURNAL_AND_DUCKDB, tmp_path)
    (journal,) = (tmp_path / "journal").iterdir()
    with journal.open("ab") as file:
        file.write(torn)

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            found = await index.instances(KEY.partition, KEY.study)
            assert [stored.key.instance for stored in found] == ["0", "1"]
        assert files_below(tmp_path / "journal") == set()

    asyncio.run(scenario())


def test_a_deleted_database_loses_nothing_that_the_journal_has(tmp_path: Path) -> None:
    """docs/architecture.md: opening applies what the journal holds, partitions included."""
    body = """
    await index.partition("other", create=True)
    await store(index, sibling("1", partition="other"))
    kill()
    """
    run_until_killed(body, tmp_path)
    for path in tmp_path.glob("index.duckdb*"):
        path.unlink()

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            assert len(await index.instances("other", KEY.study)) == 1

    asyncio.run(scenario())


def test_nothing_is_swept_after_an_orderly_end(tmp_path: Path) -> None:
    """docs/architecture.md: the sweep runs after an unclean stop."""

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await store(index)
        stray = tmp_path / "dicom/Microsoft.Default/1.2/1.2.3/9/9.dcm"
        stray.parent.mkdir()
        stray.touch()
        async with opened(tmp_path) as index:
            await index.swept()
        assert stray.exists()

    asyncio.run(scenario())


def test_files_of_a_lost_database_are_never_swept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """docs/architecture.md: a damaged database is never the end of the data."""
    run_until_killed(KILL_BETWEEN_JOURNAL_AND_DUCKDB, tmp_path)
    before = instance_files(tmp_path)
    for path in (*tmp_path.glob("index.duckdb*"), *tmp_path.glob("journal/*")):
        path.unlink()

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.swept()
        assert instance_files(tmp_path) == before
        assert "azdicom reindex" in caplog.text

    asyncio.run(scenario())


def test_files_older_than_the_crashed_process_are_never_swept(tmp_path: Path) -> None:
    """docs/architecture.md: the sweep removes what the crash left, nothing else."""
    stray = tmp_path / "dicom/Microsoft.Default/1.2/1.2.3/9/9.dcm"
    stray.parent.mkdir(parents=True)
    stray.touch()
    os.utime(stray, (1, 1))
    run_until_killed(KILL_BETWEEN_FILES_AND_JOURNAL, tmp_path)

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            await index.swept()
        assert instance_files(tmp_path) == {"0/1.dcm", "0/1.json", "9/9.dcm"}

    asyncio.run(scenario())


def test_a_process_that_does_not_close_the_index_ends_and_loses_nothing(tmp_path: Path) -> None:
    """docs/architecture.md: acknowledged means it survives the end of the process, whatever ends it."""
    assert run("    await store(index, sibling('1'))", tmp_path) == 0

    async def scenario() -> None:
        async with opened(tmp_path) as index:
            assert len(await index.instances(KEY.partition, KEY.study)) == 2

    asyncio.run(scenario())
