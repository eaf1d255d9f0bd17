"""The bytes of one body on their way into staging: decoded, counted, hashed, bounded."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from downman.domain.errors import SourceTooLarge
from downman_flows.sources.encodings import Chain, Decoder
from downman_flows.sources.http_errors import interrupted
from downman_flows.storage.disk import require_space, write_all
from downman_flows.storage.hashing import Hashes, compute_hashes


class Body:
    """One body that is written to `path`, behind what lies there already."""

    def __init__(
        self, path: Path, *, decoder: Decoder | Chain | None, algorithms: Iterable[str], max_bytes: int
    ) -> None:
        """Go on at the end of `path`; `algorithms` are those of the checksums that the source gives."""
        self._decoder = decoder
        self._max_bytes = max_bytes
        self.path = path
        #: Of what the source sends; its checksums are about that.
        self.sent = compute_hashes(path, algorithms) if path.exists() else Hashes(algorithms)
        #: Of what is kept: the same, unless it comes encoded.
        self.kept = self.sent if decoder is None else Hashes()

    def write(self, chunks: Iterable[bytes], *, total: int | None) -> Iterator[tuple[int, int | None]]:
        """Write what arrives, giving the bytes so far and in all after each piece; `total` counts what is sent.

        Raises `SourceTooLarge`, `NoSpace`, and `TransferInterrupted` when it ends short or is encoded wrongly.
        """
        if total is not None:
            require_space(self.path.parent, total - self.sent.size)
        shown_total = total if self._decoder is None else None
        with self.path.open("ab", buffering=0) as file:
            yield self.kept.size, shown_total
            for chunk in chunks:
                self.sent.update(chunk)
                for piece in self._decoded(chunk):
                    write_all(file.fileno(), piece)
                    if self.kept.size > self._max_bytes:
                        raise SourceTooLarge(limit=self._max_bytes)
                yield self.kept.size, shown_total
            for piece in self._held_back():
                write_all(file.fileno(), piece)
        if total is not None and self.sent.size != total:
            raise interrupted("the connection ended early", received=self.sent.size, expected=total)
        if self._decoder is not None and not self._decoder.complete:
            raise interrupted("the encoded data ended early", received=self.kept.size, expected=None)

    def _held_back(self) -> Iterator[bytes]:
        """Return what the decoder still has when all its input is read."""
        for piece in self._decoder.drain() if self._decoder is not None else ():
            self.kept.update(piece)
            yield piece

    def _decoded(self, chunk: bytes) -> Iterator[bytes]:
        if self._decoder is None:
            yield chunk
            return
        try:
            for piece in self._decoder.decode(chunk):
                self.kept.update(piece)
                yield piece
        except zlib.error as exc:
            raise interrupted("the encoded data is broken", received=self.kept.size, expected=None) from exc
