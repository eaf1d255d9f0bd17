"""Checksums of a file, computed while it is written or once it lies there."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from isal import isal_zlib

#: Bytes read at once.
BLOCK_BYTES = 1 << 20
#: Every staged file has this one.
SHA256 = "sha256"


class Hashes:
    """Several checksums of the same bytes."""

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        """Compute these beside SHA-256 and CRC-32."""
        names = {SHA256, *algorithms}
        self._digests = {name: hashlib.new(name, usedforsecurity=name == SHA256) for name in names}
        self.crc32 = 0
        #: Bytes so far.
        self.size = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        for digest in self._digests.values():
            digest.update(data)
        self.crc32 = isal_zlib.crc32(data, self.crc32)
        self.size += len(data)

    def hex(self, algorithm: str = SHA256) -> str:
        """Return one checksum of the bytes so far, in lower-case hexadecimal digits."""
        return self._digests[algorithm].hexdigest()


def compute_hashes(path: Path, algorithms: Iterable[str] = ()) -> Hashes:
    """Compute the checksums of what lies in a file."""
    hashes = Hashes(algorithms)
    with path.open("rb", buffering=0) as file:
        while data := file.read(BLOCK_BYTES):
            hashes.update(data)
    return hashes
