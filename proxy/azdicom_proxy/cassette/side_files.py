"""Side files: large bodies beside the cassette, named by the SHA-256 of their content."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from azdicom_proxy.cassette.bodies import chunks_of, hash_of, sha256_of
from azdicom_proxy.cassette.model import Body, Inline, Multipart, SpooledFile

EXTENSIONS = {
    "application/dicom": ".dcm",
    "application/dicom+json": ".json",
    "application/json": ".json",
    "image/gif": ".gif",
    "image/jp2": ".jp2",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "video/mp4": ".mp4",
}
OTHER_EXTENSION = ".bin"


def bodies_folder(cassette: Path) -> Path:
    """`NAME.bodies` beside `NAME.yaml`."""
    return cassette.with_suffix(".bodies")


class SideFiles:
    """The folder of one cassette's side files. A name is `ab/abcdef….ext`, with `/` on every system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def store(self, body: Inline | SpooledFile, media_type: str) -> SpooledFile:
        """The body as a file of the folder, written once however often it occurs."""
        digest = sha256_of(body)
        path = self.folder / digest[:2] / (digest + EXTENSIONS.get(media_type, OTHER_EXTENSION))
        size = len(body.content) if isinstance(body, Inline) else body.size_bytes
        if not path.is_file() or path.stat().st_size != size:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(path, chunks_of(body))
        return SpooledFile(path, size, digest)

    def name_of(self, file: SpooledFile) -> str:
        return file.path.relative_to(self.folder).as_posix()

    def names(self) -> set[str]:
        """The names of all files that are there."""
        if not self.folder.is_dir():
            return set()
        return {path.relative_to(self.folder).as_posix() for path in self.folder.glob("??/*") if path.is_file()}

    def remove(self, names: Iterable[str]) -> None:
        """Removes these files, and folders that are empty afterwards."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        if self.folder.is_dir():
            for folder in (*self.folder.glob("??"), self.folder):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


def problem_of(file: SpooledFile) -> str | None:
    """What is wrong with a side file, with the hash that is expected; None: nothing."""
    if not file.path.is_file():
        return f"side file {file.path.name} is missing (expected SHA-256 {file.sha256})"
    actual = hash_of(chunks_of(SpooledFile(file.path, file.path.stat().st_size, "")))
    if actual != file.sha256:
        return f"side file {file.path.name} was changed: SHA-256 is {actual}, expected {file.sha256}"
    return None


def files_of(body: Body) -> list[SpooledFile]:
    """The files that the body is made of."""
    match body:
        case SpooledFile():
            return [body]
        case Multipart(parts=parts):
            return [part.body for part in parts if isinstance(part.body, SpooledFile)]
        case _:
            return []


def _write_atomically(path: Path, chunks: Iterable[bytes]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(chunks)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
