"""Files for bodies that are made anew and belong to no cassette yet, or to none at all."""

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from azdicom_proxy.cassette.model import Inline, SpooledFile

MAX_IN_MEMORY_BYTES = 1024 * 1024


class Scratch:
    """A temporary folder, made for its first file; removed by `close`, or with this object. Not safe for threads.

    prefix: what its name begins with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._folder: Path | None = None
        self._remove: weakref.finalize[..., Scratch] | None = None

    def kept(self, chunks: Iterable[bytes], size_bytes: int) -> Inline | SpooledFile:
        """The body of these bytes, in memory if it is small."""
        return Inline(b"".join(chunks)) if size_bytes <= MAX_IN_MEMORY_BYTES else self.written(chunks)

    def written(self, chunks: Iterable[bytes]) -> SpooledFile:
        """The body of these bytes, as a new file."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=self._prefix))
            self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        digest = hashlib.sha256()
        path = self._folder / uuid4().hex
        try:
            with path.open("xb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                return SpooledFile(path, file.tell(), digest.hexdigest())
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def discard(self, file: SpooledFile) -> None:
        """Removes the file if it is one of these. Safe for threads."""
        if file.path.parent == self._folder:
            file.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes all files."""
        if self._remove is not None:
            self._remove()
            self._folder = self._remove = None
