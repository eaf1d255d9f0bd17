"""Writing a file while a second thread makes its SHA-256: hashing lets go of the interpreter's lock."""

import hashlib
import os
import queue
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from downman_flows.storage.disk import write_all

#: Pieces that may wait for the hashing thread; they bound the memory.
_WAITING = 16


class HashedFile:
    """A new file whose SHA-256 is known when it is finished."""

    def __init__(self, path: Path) -> None:
        """Make the file, or empty what a run that died left of it."""
        self.size = 0
        self._file = path.open("wb", buffering=0)
        self._hash = hashlib.sha256()
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._hash_pieces, name="hash", daemon=True)

    def __enter__(self) -> Self:
        """Start the hashing thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file; the thread ends whatever happened."""
        self._end_hashing()
        self._file.close()

    def write(self, piece: bytes) -> None:
        """Append."""
        write_all(self._file.fileno(), piece)
        self.size += len(piece)
        self._pieces.put(piece)

    def finish(self) -> str:
        """Have everything on the disk, and give the SHA-256."""
        self._end_hashing()
        os.fsync(self._file.fileno())
        return self._hash.hexdigest()

    def _end_hashing(self) -> None:
        if self._thread.is_alive():
            self._pieces.put(None)
            self._thread.join()

    def _hash_pieces(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._hash.update(piece)
