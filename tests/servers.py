"""A real HTTP server that behaves as badly as its paths say, such as `/short/x.bin` or `/reset/2/x.bin`.

Use it in a test (`with Source() as source: source.url("plain/a.bin")`) or as a process: `python -m tests.servers`.
"""

import base64
import gzip
import hashlib
import socket
import ssl
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import quote, unquote

#: What every good answer holds, unless the path says another size: bytes that do not repeat in a short cycle.
DATA = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(8192))
BLOCK = 64 * 1024
#: Seconds between two bytes of `be_gated`.
TRICKLE_SECONDS = 0.1
CHANGED = b"changed " * 40_000


class Answering(BaseHTTPRequestHandler):
    """Answers by the first segment of the path; a method for each, named for it."""

    protocol_version = "HTTP/1.1"
    #: How often each path was asked for, of all servers of the process.
    seen: ClassVar[Counter[str]] = Counter()
    #: What those wait for whom `be_gated` answers, by path.
    gates: ClassVar[defaultdict[str, threading.Event]] = defaultdict(threading.Event)
    #: The header `Range` of each request, by path.
    ranges: ClassVar[dict[str, list[str | None]]] = {}

    def do_GET(self) -> None:
        """Answer."""
        Answering.seen[self.path] += 1
        Answering.ranges.setdefault(self.path, []).append(self.headers.get("Range"))
        self.number = Answering.seen[self.path]
        behaviour, _, self.rest = self.path.lstrip("/").partition("/")
        answer: Callable[[], None] | None = getattr(self, f"be_{behaviour}", None)
        if answer is None:
            self.send(404)
        else:
            answer()

    do_HEAD = do_GET  # noqa: N815 - the base class names it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

    def send(self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        """Answer at once; `length` is what is announced, whatever the body is."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_file(
        self,
        data: bytes,
        etag: str = '"v1"',
        *,
        until: int | None = None,
        trickle: Callable[[], bool] = bool,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer as a file server does, with ranges.

        `until`: break the connection after so many bytes of the file. `trickle`: from the middle on send single bytes
        as long as it says so.
        """
        start = 0
        asked = self.headers.get("Range")
        if asked and self.headers.get("If-Range", etag) == etag:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        for name, value in {
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Last-Modified": formatdate(1e9, usegmt=True),
        }.items():
            self.send_header(name, value)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.write_from(data[:until], start, trickle)
        if until is not None:
            self.hang_up()

    def write_from(self, data: bytes, start: int, trickle: Callable[[], bool]) -> None:
        """Write the rest of a body."""
        if (middle := len(data) // 2) > start:
            self.wfile.write(data[start:middle])
            start = middle
        while start < len(data) - 1 and trickle():
            self.wfile.write(data[start : start + 1])
            start += 1
        self.wfile.write(data[start:])

    def hang_up(self) -> None:
        """Reset the connection, as a server that dies does."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close_connection = True

    def chunks(self, *pieces: bytes) -> None:
        """Send pieces in the chunked coding, without the last empty one."""
        for piece in pieces:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def first_number(self) -> int:
        """Return the number in the second segment of the path."""
        return int(self.rest.partition("/")[0])

    # The behaviours.

    def be_plain(self) -> None:
        """A good file server."""
        self.send_file(DATA)

    def be_gated(self) -> None:
        """A good file server, but the second half comes byte by byte until `Source.open_gate` was called."""
        gate = Answering.gates[self.path]
        self.send_file(DATA, trickle=lambda: not gate.wait(TRICKLE_SECONDS))

    def be_lazy(self) -> None:
        """`lazy/N/name`: a good file server that takes N tenths of a second for the second half."""
        until = time.monotonic() + self.first_number() / 10
        over: threading.Event = self.server.over  # type: ignore[attr-defined]
        self.send_file(DATA, trickle=lambda: time.monotonic() < until and not over.wait(TRICKLE_SECONDS))

    def be_bytes(self) -> None:
        """`bytes/N/name`: a good file of N bytes that are made on the fly."""
        left = self.first_number()
        self.send_response(200)
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left and self.command != "HEAD":
            left -= self.wfile.write((DATA[:BLOCK])[: min(left, BLOCK)])

    def be_bare(self) -> None:
        """A server that knows no ranges and gives no validator."""
        self.send(200, DATA)

    def be_status(self) -> None:
        """`status/N/name`: that status, always."""
        self.send(self.first_number(), b"no")

    def be_unwell(self) -> None:
        """`unwell/N/name`: 503 so many times, then well."""
        if self.number <= self.first_number():
            self.send(503, b"not now")
        else:
            self.send_file(DATA)

    def be_busy(self) -> None:
        """`busy/N/name`: 429 once with `Retry-After: N`, then well."""
        if self.number == 1:
            self.send(429, b"later", Retry_After=str(self.first_number()))
        else:
            self.send_file(DATA)

    def be_short(self) -> None:
        """Half of what is announced, always; no ranges, no validator."""
        self.send(200, DATA[: len(DATA) // 2], length=len(DATA))
        self.close_connection = True

    def be_reset(self) -> None:
        """`reset/N/name`: break so many times, each time further on, then well."""
        broken = self.number <= self.first_number()
        self.send_file(DATA, until=len(DATA) * self.number // (self.first_number() + 1) if broken else None)

    def be_changed(self) -> None:
        """Break once; then it is another file."""
        if self.number == 1:
            self.send_file(DATA, until=len(DATA) // 2)
        else:
            self.send_file(CHANGED, '"v2"')

    def be_liar(self) -> None:
        """Break once; then answer the range with a part from elsewhere."""
        if self.number == 2:
            self.send(206, DATA[:10], Content_Range=f"bytes 0-9/{len(DATA)}")
        else:
            self.send_file(DATA, until=len(DATA) // 2 if self.number == 1 else None)

    def be_drowsy(self) -> None:
        """Half of the file and then nothing for ever, once; then well."""
        if self.number > 1:
            self.send_file(DATA)
            return
        self.send_file(DATA, trickle=self.server.over.wait)  # type: ignore[attr-defined]

    def be_stalled(self) -> None:
        """Some bytes, then nothing for ever."""
        self.send(200, DATA[:1000], length=len(DATA))
        self.wfile.flush()
        self.server.over.wait()  # type: ignore[attr-defined]

    def be_slow(self) -> None:
        """A few bytes now and then, for ever."""
        self.send(200, b"", length=10**8)
        while not self.server.over.wait(0.1):  # type: ignore[attr-defined]
            self.wfile.write(DATA[:1000])

    def be_endless(self) -> None:
        """Chunks without end."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while self.command != "HEAD":
            self.chunks(DATA[:BLOCK])

    def be_chunked(self) -> None:
        """A good body in chunks."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunks(DATA[:BLOCK], DATA[BLOCK:])
        self.wfile.write(b"0\r\n\r\n")

    def be_cut(self) -> None:
        """Chunks, and the connection ends before the last one."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunks(DATA[:BLOCK])
        self.close_connection = True

    def be_unmeasured(self) -> None:
        """Neither length nor chunks: the end of the connection is the end of the body."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(DATA)
        self.close_connection = True

    def be_gzip(self) -> None:
        """Encoded, although nobody asked."""
        self.send(200, gzip.compress(DATA), Content_Encoding="gzip")

    def be_halfgzip(self) -> None:
        """Encoded, and cut before its end; the length is that of what is sent."""
        self.send(200, gzip.compress(DATA)[:-20], Content_Encoding="gzip")

    def be_brotli(self) -> None:
        """Encoded in a way that nobody asked for."""
        self.send(200, DATA, Content_Encoding="br")

    def be_digest(self) -> None:
        """`digest/NAME/…`: with a checksum in that header."""
        name = self.rest.partition("/")[0]
        self.send_file(DATA, headers={name: digest_header(name, DATA)})

    def be_wrongdigest(self) -> None:
        """`wrongdigest/NAME/…`: with the checksum of something else."""
        name = self.rest.partition("/")[0]
        self.send_file(DATA, headers={name: digest_header(name, b"else")})

    def be_etag(self) -> None:
        """An ETag that is the MD5, as S3 sends it."""
        self.send_file(DATA, f'"{hashlib.md5(DATA, usedforsecurity=False).hexdigest()}"')

    def be_named(self) -> None:
        """`named/NAME`: with that name in Content-Disposition, hostile or not."""
        disposition = f"attachment; filename*=UTF-8''{quote(unquote(self.rest), safe='')}"
        self.send_file(DATA, headers={"Content-Disposition": disposition})

    def be_to(self) -> None:
        """`to/ADDRESS`: a redirect there."""
        self.send(302, Location=unquote(self.rest))

    def be_loop(self) -> None:
        """A redirect to itself."""
        self.send(302, Location=self.path)


def digest_header(name: str, data: bytes) -> str:
    """Return the value of one of the headers that hold a checksum."""
    if name == "Content-MD5":
        return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    encoded = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return f"sha-256={encoded}" if name == "Digest" else f"sha-256=:{encoded}:"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *args: Any, **options: Any) -> None:
        self.over = threading.Event()
        super().__init__(*args, **options)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what many tests are about."""


class Source:
    """A server in a thread of this process."""

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port; with TLS where a context is given."""
        self._server = _Server((host, 0), Answering)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.address = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"{self.address}/{path}"

    def seen(self, path: str) -> int:
        """Say how often a path was asked for."""
        return Answering.seen[f"/{path}"]

    def ranges(self, path: str) -> list[str | None]:
        """Return the ranges that were asked for of a path."""
        return Answering.ranges[f"/{path}"]

    def open_gate(self, path: str) -> None:
        """Let the rest of what `be_gated` serves go, now and from now on."""
        Answering.gates[f"/{path}"].set()

    def open_gates(self) -> None:
        """Open all gates that there are."""
        for gate in Answering.gates.values():
            gate.set()

    def __enter__(self) -> Self:
        Answering.gates.clear()
        Answering.seen.clear()
        Answering.ranges.clear()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def main() -> None:
    """Serve until the standard input ends; the first line says where."""
    with Source() as source:
        print(source.address, flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
