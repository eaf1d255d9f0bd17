"""Undoes a content encoding that a source used although it was asked not to."""

import zlib
from collections.abc import Iterator

from downman.domain.errors import SourceRefused

#: Bytes that come out of one step, however little goes in: a bomb is found before it fills the memory.
_STEP_BYTES = 1 << 20
#: zlib's way to say: gzip or zlib, find out.
_ANY_WRAPPER = zlib.MAX_WBITS | 32
_RAW = -zlib.MAX_WBITS
#: Bytes that zlib needs to see what a stream is wrapped in.
_WRAPPER_BYTES = 2
_GZIP_NAMES = (".gz", ".tgz", ".svgz")


def decoder_for(encoding: str, name: str) -> "Decoder | None":
    """Return what undoes the value of a `Content-Encoding` header; None when there is nothing to undo.

    Some servers say `gzip` for files that lie there compressed, `x.tar.gz`: those are kept as they are.
    Raises `SourceRefused` for encodings that downman does not know.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip"}:
        return None if name.lower().endswith(_GZIP_NAMES) else Decoder()
    if encoding == "deflate":
        return Decoder()
    raise SourceRefused(reason="it sends in an encoding that was not asked for")


class Decoder:
    """Decodes gzip and deflate, of any length, in bounded steps."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._inflate = zlib.decompressobj(_ANY_WRAPPER)
        #: The first byte, until the second is there: it takes both to tell what this is.
        self._held: bytes | None = b""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Return what comes out of the next bytes; raises `zlib.error` when they are broken."""
        if self._held is not None:
            data = self._held + data
            self._held = data
            if len(data) < _WRAPPER_BYTES:
                return
        while data:
            if self._inflate.eof:
                # gzip allows several members one after another.
                self._inflate = zlib.decompressobj(_ANY_WRAPPER)
            out = self._step(data)
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if out:
                yield out

    @property
    def complete(self) -> bool:
        """Return whether the end of the encoded stream was reached, with its checksum."""
        return self._inflate.eof

    def drain(self) -> Iterator[bytes]:
        """Return what is still held back after the last bytes."""
        if not self._inflate.eof and (out := self._inflate.flush()):
            yield out

    def _step(self, data: bytes) -> bytes:
        started, self._held = self._held is None, None
        try:
            return self._inflate.decompress(data, _STEP_BYTES)
        except zlib.error:
            if started:
                raise
            # `deflate` without the wrapper that the standard asks for, as some old servers send it.
            self._inflate = zlib.decompressobj(_RAW)
            return self._inflate.decompress(data, _STEP_BYTES)
