"""Undoes a content encoding that a source used although it was asked not to (RFC 9110, 8.4)."""

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
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_NAMES = (".gz", ".tgz", ".svgz")
_GZIP_TYPES = frozenset({"application/gzip", "application/x-gzip", "application/x-tgz", "application/gzip-compressed"})
_DECODED = frozenset({"gzip", "x-gzip", "deflate", "x-deflate"})
#: Encodings of IANA's registry that would have to be undone, and cannot be: nobody asked for them. Every other word,
#: such as `utf-8`, `none` or `binary`, is no encoding, and is left alone as browsers do.
_UNDECODABLE = frozenset(
    {"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm", "bzip2", "x-bzip2", "xz"}
)
#: More than one after the other is a mistake of two servers; more than these is an attack.
_MOST_ENCODINGS = 3


def decoder_for(encoding: str, name: str, media_type: str = "") -> "Decoder | Chain | None":
    """Return what undoes the value of a `Content-Encoding` header; None when there is nothing to undo.

    Some servers say `gzip` for files that lie there compressed, `x.tar.gz`: those are kept as they are.
    Raises `SourceRefused` for encodings that downman does not undo.
    """
    tokens = [token.strip().lower() for token in encoding.split(",")]
    if any(token in _UNDECODABLE for token in tokens):
        raise SourceRefused(reason="it sends in an encoding that was not asked for")
    applied = [token for token in tokens if token in _DECODED]
    if applied and applied[0].endswith("gzip") and _is_gzip_file(name, media_type):
        # The first was applied first: by whoever made the file.
        del applied[0]
    if len(applied) > _MOST_ENCODINGS:
        raise SourceRefused(reason="it sends encoded too often")
    if not applied:
        return None
    return Decoder() if len(applied) == 1 else Chain(len(applied))


def _is_gzip_file(name: str, media_type: str) -> bool:
    return name.lower().endswith(_GZIP_NAMES) or media_type in _GZIP_TYPES


class Decoder:
    """Decodes gzip and deflate, of any length, in bounded steps."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._inflate = zlib.decompressobj(_ANY_WRAPPER)
        #: The first byte, until the second is there: it takes both to tell what this is.
        self._held: bytes | None = b""
        #: What follows an end, until it can be told whether it is one more member.
        self._rest = b""
        #: Whether something follows that is neither a member nor zeros: gzip(1) and browsers leave it alone.
        self.has_trailing_garbage = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Return what comes out of the next bytes; raises `zlib.error` when they are broken."""
        if self._held is not None:
            data = self._held + data
            self._held = data
            if len(data) < _WRAPPER_BYTES:
                return
        while data:
            if self._inflate.eof:
                data = self._next_member(data)
                if not data:
                    return
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
        if self._rest:
            self.has_trailing_garbage = True
        if not self._inflate.eof and (out := self._inflate.flush()):
            yield out

    def _next_member(self, data: bytes) -> bytes:
        """Return where one more member begins, as gzip allows; empty when it is not there, or not known yet.

        Zeros after the last one are padding (gzip(1), "trailing garbage").
        """
        if self.has_trailing_garbage:
            return b""
        self._rest = (self._rest + data).lstrip(b"\0")
        if len(self._rest) < len(_GZIP_MAGIC):
            return b""
        data, self._rest = self._rest, b""
        if not data.startswith(_GZIP_MAGIC):
            self.has_trailing_garbage = True
            return b""
        self._inflate = zlib.decompressobj(_ANY_WRAPPER)
        return data

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


class Chain:
    """Decodes what was encoded several times, one server after the other."""

    def __init__(self, number: int) -> None:
        """Prepare a decoder for each."""
        self._decoders = [Decoder() for _ in range(number)]

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Return what comes out of the next bytes; raises `zlib.error` when they are broken."""
        yield from self._through(iter([data]), self._decoders)

    @property
    def complete(self) -> bool:
        """Return whether the end of each was reached."""
        return all(decoder.complete for decoder in self._decoders)

    @property
    def has_trailing_garbage(self) -> bool:
        """Return whether something follows the end of one."""
        return any(decoder.has_trailing_garbage for decoder in self._decoders)

    def drain(self) -> Iterator[bytes]:
        """Return what is still held back after the last bytes."""
        for number, decoder in enumerate(self._decoders):
            yield from self._through(decoder.drain(), self._decoders[number + 1 :])

    def _through(self, pieces: Iterator[bytes], decoders: list[Decoder]) -> Iterator[bytes]:
        for decoder in decoders:
            pieces = _decoded(pieces, decoder)
        yield from pieces


def _decoded(pieces: Iterator[bytes], decoder: Decoder) -> Iterator[bytes]:
    for piece in pieces:
        yield from decoder.decode(piece)
