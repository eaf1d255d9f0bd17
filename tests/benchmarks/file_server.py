"""A fast file server on loopback for the benchmarks: `/file/PATH` by the kernel, `/bytes/N/NAME` made on the fly."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import PIPE, Popen
from urllib.parse import unquote

#: Incompressible, and not the same in two neighbouring blocks.
NOISE = os.urandom(8 * 1024 * 1024)
WINDOW = 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file of this machine, or so many bytes."""
        kind, _, rest = self.path.lstrip("/").partition("/")
        if kind == "file":
            self._send_file(unquote(rest))
        else:
            self._send_bytes(int(rest.partition("/")[0]))

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def _head(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.flush()

    def _send_file(self, path: str) -> None:
        with open(path, "rb") as file:  # noqa: PTH123 - the kernel sends it by its descriptor
            size = os.fstat(file.fileno()).st_size
            self._head(size)
            sent = 0
            while sent < size:
                sent += os.sendfile(self.connection.fileno(), file.fileno(), sent, size - sent)

    def _send_bytes(self, size: int) -> None:
        self._head(size)
        sent = 0
        while sent < size:
            start = sent // 7 % (len(NOISE) - WINDOW)
            sent += self.wfile.write(memoryview(NOISE)[start : start + min(WINDOW, size - sent)])


@contextmanager
def serving() -> Iterator[str]:
    """Run the server as a process of its own; give its address."""
    with Popen([sys.executable, "-m", __name__], stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def main() -> None:
    """Serve until terminated; the first line says where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
