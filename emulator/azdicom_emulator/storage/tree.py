"""The folders of the file tree: how identities name them, and a walk through all that is there."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from azdicom_emulator.storage.records import InstanceKey

ORIGINAL_MARK = ".original"
"""Suffix of an empty file beside a version that is the original of a later one."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")


class Version(NamedTuple):
    """One version of an instance that has files in the tree, whether or not it is in the index.

    modified_at: when the latest of its files was written, in seconds since 1970. is_original: it is marked to stay when
    a later version becomes current.
    """

    key: InstanceKey
    watermark: int
    modified_at: float
    is_original: bool = False


def folder_name(name: str) -> str:
    """A partition name or UID as the name of one folder: what could leave the tree or hide is percent-encoded."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    encoded = quote(name, safe="")
    if encoded.startswith("."):
        encoded = f"%2E{encoded[1:]}"
    if encoded.endswith("."):
        encoded = f"{encoded[:-1]}%2E"
    return encoded


def instance_folder(root: str, key: InstanceKey) -> str:
    return (
        f"{root}/{folder_name(key.partition)}/{folder_name(key.study)}"
        f"/{folder_name(key.series)}/{folder_name(key.instance)}"
    )


def versions(root: Path) -> Iterator[Version]:
    """All versions in the tree, in no order; empty folders are removed on the way.

    Files with other names are not ours and stay.
    """
    for partition, study, series, instance, folder in _instance_folders(root):
        files = _modification_times(folder)
        if not files:
            remove_empty_folders(folder, below=root)
        key = InstanceKey(*map(unquote, (partition, study, series, instance)))
        versions_of_instance: dict[str, float] = {}
        for name, modified_at in files.items():
            stem = name.partition(".")[0]
            versions_of_instance[stem] = max(modified_at, versions_of_instance.get(stem, 0))
        for stem, modified_at in versions_of_instance.items():
            if stem.isdecimal():
                yield Version(key, int(stem), modified_at, f"{stem}{ORIGINAL_MARK}" in files)


def remove_empty_folders(folder: Path, *, below: Path) -> None:
    """Removes `folder` and its parents below `below` as long as they are empty."""
    while folder != below:
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return
        folder = folder.parent


def _instance_folders(root: Path) -> Iterator[tuple[str, str, str, str, Path]]:
    for partition in _names(root):
        for study in _names(root / partition):
            for series in _names(root / partition / study):
                for instance in _names(root / partition / study / series):
                    yield partition, study, series, instance, root / partition / study / series / instance


def _modification_times(folder: Path) -> dict[str, float]:
    found = {}
    for name in _names(folder):
        with suppress(FileNotFoundError):
            found[name] = (folder / name).stat().st_mtime
    return found


def _names(folder: Path) -> list[str]:
    """What a folder holds; nothing if it vanished meanwhile or is a file."""
    try:
        return [entry.name for entry in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
